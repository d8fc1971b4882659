"""
Whether this process of a twin uses the databases that it was given, and not those of the system beside it.

The settings of a twin's process are `wire.TWIN_SETTINGS_MODULE`, which holds its databases apart. A project that
replaces its settings afterwards, or names another module, goes around that: here it is found out, before a
connection is made.
"""

from __future__ import annotations

import sys

from mainstay.base import environment, wire
from mainstay.base.errors import OperationFailed


def check(databases: object) -> None:
    """
    Hold that these, ``settings.DATABASES``, are those that were held apart; anything is right outside of a twin.

    Raises:
        OperationFailed: They are others, so that this process could write where the real system does.
    """
    if not environment.text(wire.TWIN):
        return
    module = sys.modules.get(wire.TWIN_SETTINGS_MODULE)
    if module is None or getattr(module, "DATABASES", None) is not databases:
        raise OperationFailed(
            "twin.not-apart",
            "DATABASES of this process are not those of its twin, so it could write to the real ones",
            hint=f"leave {wire.SETTINGS_MODULE} as it is set, and let it name all settings: "
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", …) in manage.py, asgi.py and wsgi.py does',
        )
