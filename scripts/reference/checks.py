"""Every system check, from the values with which the code reports them."""

from __future__ import annotations

from mainstay.base.traps import Trap
from mainstay.db import checks as db
from mainstay.http import checks as http
from scripts.reference.text import code, heading

HEAD = """\
# System checks

`manage.py check` reports these, and so does every command that checks first, such as `migrate`. `E` stops the
command, `W` is only shown. `SILENCED_SYSTEM_CHECKS` silences one by its id.

They come with the apps `mainstay.http` and `mainstay.db`, which `mainstay.installed_apps()` lists.
"""


def page() -> str:
    return "\n".join([HEAD, *(_section(trap) for trap in (*db.TRAPS, *http.TRAPS))])


def _section(trap: Trap) -> str:
    anchor = trap.id.replace(".", "-").lower()
    said = [heading(2, code(trap.id), anchor), code(trap.message), trap.because]
    hint = "" if trap.hint.startswith("{") else f"Hint: {trap.hint}"
    return "\n\n".join(filter(None, [*said, hint])) + "\n"
