"""What a replica is to serve, read from the environment, and the import of it."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.base import environment, twin, wire
from mainstay.base.blame import IMPORT_FAILED, import_failed
from mainstay.base.errors import InvalidInput, OperationFailed, Problem, nearest
from mainstay.health import builtin

INTERFACES = ("asgi", "wsgi")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What this replica shall serve, and where."""

    application: str
    interface: str
    host: str
    port: int
    threads: int
    requests_max: int
    drain_timeout: float


def read_assignment() -> Assignment:
    """
    The assignment in the environment.

    Raises:
        InvalidInput: With every variable that is missing or wrong.
    """
    problems: list[Problem] = []
    host, port = _bind(problems)
    assignment = Assignment(
        application=_application(problems),
        interface=_interface(problems),
        host=host,
        port=port,
        threads=_collect(problems, environment.whole, wire.THREADS, 8),
        requests_max=_collect(problems, environment.whole, wire.REQUESTS_MAX, 128),
        drain_timeout=_collect(problems, environment.number, wire.DRAIN_TIMEOUT, 12.0),
    )
    if problems:
        raise InvalidInput(problems)
    return assignment


def load(assignment: Assignment, root: Path) -> Any:
    """
    Set Django up and import the application, with ``root`` first on ``sys.path``.

    Raises:
        OperationFailed: The settings or the application do not import; the first line
            names the last place in the project's own code. Or it would use databases that are not its twin's.
    """
    if str(root) not in sys.path[:1]:
        sys.path.insert(0, str(root))
    try:
        if os.environ.get(wire.SETTINGS_MODULE):
            _set_django_up()
        application = _make_fast(_attribute(assignment.application))
        _import_urls()
    except InvalidInput as error:
        raise OperationFailed("serve.import-failed", str(error), exit_code=IMPORT_FAILED) from error
    except (Exception, SystemExit) as error:
        raise import_failed(error, root) from error
    _check_twin()
    if not callable(application):
        found = f"{assignment.application} is a {type(application).__name__}, not an application"
        raise OperationFailed("serve.no-application", found, exit_code=IMPORT_FAILED)
    return application


def _set_django_up() -> None:
    import django
    from django.conf import settings

    django.setup()
    builtin.read()
    if root := environment.text(wire.STATIC_ROOT):
        settings.STATIC_ROOT = root  # where mainstay_prepare put them, whatever the project says


def _make_fast(application: Any) -> Any:
    """The application with our handler where it is, or where a router holds, exactly Django's own."""
    from django.conf import settings

    if not settings.configured:
        return application
    from mainstay.http.handler import replace

    return replace(application)


def _import_urls() -> None:
    """
    Import the URLconf now instead of at the first request.

    A replica whose URLs do not import must not become ready, and nobody's first request
    should wait for the import.
    """
    from django.conf import settings

    if settings.configured and getattr(settings, "ROOT_URLCONF", None):
        from django.urls import get_resolver

        _ = get_resolver().url_patterns


def _check_twin() -> None:
    """Once everything is imported, as an application may configure settings of its own."""
    from django.conf import settings

    if settings.configured:
        twin.check(settings.DATABASES)


def _attribute(path: str) -> Any:
    module, _, name = path.partition(":")
    application = importlib.import_module(module)
    for part in (name or "application").split("."):
        application = getattr(application, part)
    return application


def _application(problems: list[Problem]) -> str:
    value = environment.text(wire.APPLICATION)
    module, colon, name = value.partition(":")
    if not (module and colon and name):
        problems.append(_problem(wire.APPLICATION, "package.module:attribute", value))
    return value


def _interface(problems: list[Problem]) -> str:
    value = environment.text(wire.INTERFACE, "asgi")
    if value not in INTERFACES:
        problems.append(_problem(wire.INTERFACE, "asgi or wsgi", value, nearest(value, INTERFACES)))
    return value


def _bind(problems: list[Problem]) -> tuple[str, int]:
    value = environment.text(wire.BIND)
    host, colon, port = value.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        problems.append(_problem(wire.BIND, "host:port", value))
        return "", 0
    return host.strip("[]"), int(port)


def _collect(problems: list[Problem], read: Any, name: str, default: Any) -> Any:
    try:
        return read(name, default)
    except InvalidInput as error:
        problems.extend(error.problems)
        return default


def _problem(name: str, expected: str, found: str, hint: str = "") -> Problem:
    return Problem("serve.bad-variable", "environment", name, expected, repr(found), hint)
