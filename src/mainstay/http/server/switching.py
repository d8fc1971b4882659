"""
Lets those have their turn who need the interpreter for a moment, beside threads that compute.

CPython takes the interpreter from a computing thread after five milliseconds (`sys.setswitchinterval`), and any of
those who wait may be the next. With twenty sync views at work an event loop comes to its turn after some hundred
milliseconds, and needs several turns for a request: what is too much is then refused after a second instead of at once,
and what matters most waits as long. ``python -m bench.switching`` and docs/decisions/0017 have the figures.
"""

from __future__ import annotations

import sys

USUAL = 0.005
"""CPython's own."""

INTERVAL = 0.0005


def settle() -> None:
    """Call it once, when the project is loaded. An interval that the project chose itself stays."""
    if sys.getswitchinterval() == USUAL:
        sys.setswitchinterval(INTERVAL)
