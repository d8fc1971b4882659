"""
Django's ASGI application in Mainstay's outermost layer, for projects that run their own server.

``python -m mainstay.http.serve`` needs none of this: it wraps an untouched ``asgi.py``.
"""

from __future__ import annotations

from typing import cast

from mainstay.health import builtin
from mainstay.health.lifecycle import PROCESS
from mainstay.http import options
from mainstay.http.entrance.asgi import Application, AsgiEntrance
from mainstay.http.entrance.proxies import if_configured


def get_asgi_application() -> AsgiEntrance:
    """Set Django up and return its application, on the fast handler and wrapped."""
    import django

    django.setup(set_prefix=False)
    builtin.read()
    from mainstay.http.handler import FastASGIHandler

    application = AsgiEntrance(
        cast("Application", FastASGIHandler()), if_configured(), options=options.read()
    )
    PROCESS.start()
    return application
