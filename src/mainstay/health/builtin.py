"""The dependencies that follow from a project's settings: its databases, its caches, its broker."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from mainstay.base import environment, wire
from mainstay.base.deadline import within
from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.health.dependencies import LIMIT, WATCH, Check, Dependency, Role, Watch

LOCAL_CACHES = ("locmem", "dummy", "filebased")
"""Parts of the names of cache backends that depend on nothing outside."""

KEYS = ("role", "limit", "every", "off")
LEAST = 0.05
"""Seconds; a check more often than this is a load of its own."""


def declare(watch: Watch = WATCH) -> None:
    """
    Declare what the settings say, each with its usual role, as ``MAINSTAY["health"]`` changes it.

    The first database is vital, every other dependency degrading: a replica is read from where there is one,
    and cache and broker are never needed for a right answer. What has no meaning changes nothing here: `read` says
    it to a process that is to serve, and a system check to who runs a command.
    """
    from django.conf import settings

    for alias in settings.DATABASES:
        role = Role.VITAL if alias == "default" else Role.DEGRADING
        watch.add(Dependency(f"database:{alias}", database_check(alias), role))
    for alias, cache in settings.CACHES.items():
        if not any(part in cache["BACKEND"] for part in LOCAL_CACHES):
            watch.add(Dependency(f"cache:{alias}", cache_check(alias)))
    if url := environment.text(wire.NATS_URL):
        watch.add(Dependency("broker", broker_check(url)))
    with suppress(InvalidInput):
        change(watch, _given())


def read() -> None:
    """
    See that ``MAINSTAY["health"]`` means something.

    Raises:
        InvalidInput: With everything in it that does not.
    """
    change(Watch(), _given())


def _given() -> Any:
    from django.conf import settings

    given = getattr(settings, "MAINSTAY", {}) if settings.configured else {}
    return given.get("health", {}) if isinstance(given, Mapping) else {}


def change(watch: Watch, health: Any) -> None:
    """Apply ``MAINSTAY["health"]["dependencies"]``: by name, a role, a limit, a pace, or ``"off": True``."""
    problems: list[Problem] = []
    wishes = health.get("dependencies", {}) if isinstance(health, Mapping) else {}
    if not isinstance(wishes, Mapping):
        example = 'such as "dependencies": {"broker": {"off": True}}'
        raise InvalidInput([_problem('MAINSTAY["health"]["dependencies"]', "a dictionary", wishes, example)])
    for name, wanted in wishes.items():
        path = f'MAINSTAY["health"]["dependencies"]["{name}"]'
        if not isinstance(wanted, Mapping):
            problems.append(_problem(path, "a dictionary", wanted, f'such as "{name}": {{"off": True}}'))
            continue
        found = [problem for key in wanted for problem in _judge(path, key, wanted[key])]
        problems += found
        if not found:
            _apply(watch, name, wanted)
    if problems:
        raise InvalidInput(problems)


def _judge(path: str, key: str, value: Any) -> list[Problem]:
    where = f'{path}["{key}"]'
    if key not in KEYS:
        expected = f"one of {', '.join(KEYS)}"
        return [
            Problem(
                "health.unknown-option",
                "settings",
                where,
                expected,
                repr(key),
                nearest(str(key), KEYS) or 'such as "off": True',
            )
        ]
    if key == "off":
        return (
            []
            if isinstance(value, bool)
            else [_problem(where, "True or False", value, 'such as "off": True')]
        )
    if key == "role":
        roles = [str(role) for role in Role]
        if isinstance(value, str) and value in roles:
            return []
        hint = nearest(str(value), roles) or 'such as "role": "optional"'
        return [_problem(where, f"one of {', '.join(roles)}", value, hint)]
    sound = isinstance(value, int | float) and not isinstance(value, bool) and LEAST <= value <= 3600
    return (
        []
        if sound
        else [_problem(where, f"seconds between {LEAST:g} and 3600", value, f'such as "{key}": 1.0')]
    )


def _apply(watch: Watch, name: str, wanted: Mapping[str, Any]) -> None:
    if wanted.get("off"):
        watch.remove(name)
        return
    changes = {key: Role(value) if key == "role" else value for key, value in wanted.items() if key != "off"}
    watch.override(name, **changes)


def _problem(path: str, expected: str, found: Any, hint: str) -> Problem:
    return Problem("health.bad-setting", "settings", path, expected, repr(found), hint)


def database_check(alias: str) -> Check:
    """The database answers a question that needs no table."""

    def check() -> None:
        from django.db import connections

        # Its own connection: one of the pool's would be missing while the server hangs, and a full pool is no
        # database that does not answer.
        connection = connections[alias].copy()
        connection.settings_dict["OPTIONS"].pop("pool", None)
        try:
            with within(LIMIT), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        finally:
            connection.close()

    return check


def cache_check(alias: str) -> Check:
    """The cache answers; whether it has the key does not matter."""

    def check() -> None:
        from django.core.cache import caches

        caches[alias].get("mainstay.health")

    return check


def broker_check(url: str, limit: float = 1.0) -> Check:
    """The broker greets, as NATS does at once whoever connects."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 4222)

    def check() -> None:
        with socket.create_connection(address, timeout=limit) as connection:
            greeting = connection.recv(5)
        if greeting != b"INFO ":
            raise ConnectionError(f"greeted with {greeting!r} instead of INFO")

    return check
