"""
The app server of one replica: ``python -m mainstay.http.serve`` in the project's root.

Everything it needs stands in the environment (`mainstay.base.wire`). One process
serves one project's untouched application, wrapped in the outermost layer.

Exit codes: 0 after a drain, 1 when the drain had to cut requests, 2 for wrong variables
or a busy port, 3 when the settings, the application or its server do not import.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mainstay.base.blame import IMPORT_FAILED
from mainstay.base.errors import InvalidInput, MainstayError, OperationFailed
from mainstay.base.installing import as_installed
from mainstay.http.entrance import proxies
from mainstay.http.entrance.proxies import TrustedProxies
from mainstay.http.server import garbage, switching
from mainstay.http.server.loading import Assignment, load, read_assignment
from mainstay.observability.settings import ensure_output


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    try:
        run(read_assignment(), Path.cwd())
    except InvalidInput as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OperationFailed as error:
        sys.stderr.write(f"{error}\n")
        _print_cause(error)
        return error.exit_code
    return 0


def run(assignment: Assignment, root: Path) -> None:
    """
    Load the project in ``root`` and serve it until SIGTERM or SIGINT.

    Raises:
        MainstayError: It cannot be loaded, its server is not installed, or its port is taken.
    """
    trusted = proxies.from_environment()
    application = load(assignment, root)
    ensure_output()
    serve = find_server(assignment.interface)
    garbage.settle()
    switching.settle()
    serve(application, assignment, trusted)


def find_server(interface: str) -> Callable[[Any, Assignment, TrustedProxies], None]:
    """
    What serves this interface; each server is an extra of its own.

    Raises:
        OperationFailed: It is not installed.
    """
    try:
        if interface == "asgi":
            from mainstay.http.server.asgi import serve_asgi

            return serve_asgi
        from mainstay.http.server.wsgi import serve_wsgi

        return serve_wsgi
    except ModuleNotFoundError as error:
        what = f"the server for {interface} cannot be imported: {error.name} is not installed"
        hint = as_installed(f'pip install "django-mainstay[{interface}]"')
        raise OperationFailed("serve.server-missing", what, hint, exit_code=IMPORT_FAILED) from None


def _print_cause(error: MainstayError) -> None:
    cause = error.__cause__
    if cause is not None and not isinstance(cause, InvalidInput):
        sys.stderr.write("\n")
        traceback.print_exception(cause, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
