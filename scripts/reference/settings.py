"""The settings builders, from their signatures and docstrings."""

from __future__ import annotations

import inspect

from mainstay import settings
from scripts.reference.text import prose

HEAD = """\
# Settings builders

`from mainstay import settings as mainstay` at the top of a settings file. Each builder reads the
environment and returns plain dictionaries and lists, which may be printed and changed; without that
environment it returns values for development.
"""


def page() -> str:
    return HEAD + "\n" + "\n".join(_section(name) for name in settings.__all__)


def _section(name: str) -> str:
    value = getattr(settings, name)
    if callable(value):
        signature = str(inspect.signature(value)).replace("'", "").split(" -> ")[0]
        return f"## `{name}`\n\n```python\n{name}{signature}\n```\n\n{prose(value.__doc__)}\n"
    return f"## `{name}`\n\n```python\n{name} = {value!r}\n```\n"
