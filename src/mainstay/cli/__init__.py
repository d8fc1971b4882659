"""The command line: one module per verb, put together in `app`."""

from __future__ import annotations

import sys


def main() -> None:
    """
    The ``mainstay`` program; never returns.

    The verbs are imported here, so that an interrupt while they load ends as quietly as a later one.
    """
    try:
        from mainstay.cli.app import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


__all__ = ["main"]
