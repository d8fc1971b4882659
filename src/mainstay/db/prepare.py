"""
``python -m mainstay.db.prepare``: `mainstay_prepare` for projects that have not installed `mainstay.db`.

The supervisor starts it by this name, so that a project needs no line in
``INSTALLED_APPS`` to be migrated.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import django
from django.conf import settings

from mainstay.base import twin
from mainstay.base.blame import IMPORT_FAILED, import_failed
from mainstay.base.errors import MainstayError


def main() -> int:
    """Set Django up from the environment and run the command with this process's arguments."""
    try:
        django.setup()
        twin.check(settings.DATABASES)
    except MainstayError as error:
        sys.stderr.write(f"{error}\n")
        return IMPORT_FAILED
    except Exception as error:
        failure = import_failed(error, Path.cwd())
        sys.stderr.write(f"{failure}\n\n{''.join(traceback.format_exception(error))}")
        return failure.exit_code
    from mainstay.db.management.commands.mainstay_prepare import Command  # needs settings

    Command().run_from_argv(["manage.py", "mainstay_prepare", *sys.argv[1:]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
