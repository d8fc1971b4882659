"""System checks of ``DATABASES``: what works on a laptop and fails under load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.urls import URLPattern, URLResolver, get_resolver

from mainstay.base import environment, wire
from mainstay.base.traps import Trap
from mainstay.db import twinned

CONN_MAX_AGE = Trap(
    "mainstay.W101",
    "DATABASES[{alias!r}] keeps connections (CONN_MAX_AGE = {age}) and the process serves ASGI.",
    'Set CONN_MAX_AGE to 0; on PostgreSQL use OPTIONS["pool"], as mainstay.databases() does.',
    "A connection is kept per thread, and under ASGI nearly every request has a new one: 300 requests "
    "left 70 connections open.",
)
ATOMIC_ASYNC = Trap(
    "mainstay.E102",
    "ATOMIC_REQUESTS is on for {alias!r} and {view} is asynchronous.",
    "Put @transaction.non_atomic_requests on the view, or use transaction.atomic() where it is needed.",
    "Django answers every request to such a view with a RuntimeError.",
)
CONNECT_TIMEOUT = Trap(
    "mainstay.W103",
    "DATABASES[{alias!r}] has no limit on the time a connection takes to be made.",
    'Set OPTIONS["connect_timeout"] (seconds); mainstay.databases() says 2.',
    "While the server's machine is gone, each request waits for the kernel: two minutes.",
)
STATEMENT_TIMEOUT = Trap(
    "mainstay.W104",
    "DATABASES[{alias!r}] has no limit on the time a statement takes.",
    'Set OPTIONS["options"] = "-c statement_timeout=5000" (milliseconds); mainstay.databases() does. '
    "Silence this where the role or the database has the limit.",
    "One slow query holds its connection as long as it likes, and a few of them hold the pool.",
)
POOL_CHECK = Trap(
    "mainstay.E105",
    'DATABASES[{alias!r}] gives the pool a "check" of its own.',
    'Remove it and set CONN_HEALTH_CHECKS = True: Django then passes the pool its own "check".',
    "Two values for one argument: every request that needs the database is a TypeError.",
)
SHARED_FILE = Trap(
    "mainstay.W106",
    "DATABASES[{alias!r}] is an SQLite file, and {what}.",
    'Write needs = ["postgres"] into mainstay.toml and DATABASES = mainstay.databases(BASE_DIR) into the settings; '
    "for a single process that writes little, the second alone is enough.",
    "One connection writes at a time. The others wait for it as long as the timeout says, or fail at once with "
    '"database is locked" where a transaction begins with a read.',
)
TRAPS = (CONN_MAX_AGE, ATOMIC_ASYNC, CONNECT_TIMEOUT, STATEMENT_TIMEOUT, POOL_CHECK, SHARED_FILE)

POSTGRES = ("postgresql", "postgis")
CLIENT_SERVER = (*POSTGRES, "mysql")


def check_databases(**kwargs: Any) -> list[CheckMessage]:
    """Everything that `TRAPS` names, for each alias."""
    found = [message for alias, given in settings.DATABASES.items() for message in _check(alias, given)]
    return [*found, *find_shared_files()]


def find_shared_files() -> Iterator[CheckMessage]:
    """
    The SQLite files that several requests of a running system will write to at once.

    Only a process of one is told how many there are; in development there is one person.
    """
    if not environment.is_managed():
        return
    for alias, given in settings.DATABASES.items():
        if what := _shares(given):
            yield report(SHARED_FILE, alias=alias, what=what)


def _shares(given: Mapping[str, Any]) -> str:
    """How an SQLite file is written to at once, in words; empty where it is not, or where writers wait in turn."""
    options: Mapping[str, Any] = given.get("OPTIONS") or {}
    is_file = str(given.get("ENGINE", "")).endswith(twinned.FILES)
    if not is_file or not _is_written(str(options.get("database") or given.get("NAME") or "")):
        return ""
    if (replicas := environment.whole(wire.REPLICAS, 1)) > 1:
        return f"{replicas} web processes write to it"
    waits = str(options.get("transaction_mode", "")).upper() in ("IMMEDIATE", "EXCLUSIVE")
    return "" if waits else "its transactions begin without the lock to write"


def _is_written(name: str) -> bool:
    """Not in memory, and not opened for reading alone."""
    read_only = name.startswith("file:") and ("mode=ro" in name or "immutable=1" in name)
    return not read_only and twinned.file_of(name) is not None


def _check(alias: str, given: Mapping[str, Any]) -> Iterator[CheckMessage]:
    engine = str(given.get("ENGINE", "")).rpartition(".")[2]
    options = given.get("OPTIONS") or {}
    if given.get("CONN_MAX_AGE") != 0 and "CONN_MAX_AGE" in given and serves_asgi():
        yield report(CONN_MAX_AGE, alias=alias, age=given["CONN_MAX_AGE"])
    if given.get("ATOMIC_REQUESTS"):
        for view in _atomic_coroutines(alias):
            yield report(ATOMIC_ASYNC, alias=alias, view=view)
    if engine in CLIENT_SERVER and "connect_timeout" not in options and "service" not in options:
        yield report(CONNECT_TIMEOUT, alias=alias)
    if engine in POSTGRES and _has_no_statement_limit(options):
        yield report(STATEMENT_TIMEOUT, alias=alias)
    if isinstance(pool := options.get("pool"), Mapping) and "check" in pool:
        yield report(POOL_CHECK, alias=alias)


def report(trap: Trap, **words: object) -> CheckMessage:
    kind = Error if trap.is_error else Warning
    return kind(trap.message.format(**words), hint=trap.hint, id=trap.id)


def serves_asgi() -> bool:
    """Whether this project is served over ASGI: by what the process was told, else by its settings."""
    interface = environment.text(wire.INTERFACE)
    return interface == "asgi" if interface else bool(getattr(settings, "ASGI_APPLICATION", None))


def _has_no_statement_limit(options: Mapping[str, Any]) -> bool:
    """A one-off command may take as long as it needs, and `mainstay.databases` gives it no limit."""
    one_off = environment.text(wire.KIND) == "manage"
    return not one_off and "service" not in options and "statement_timeout" not in str(options.get("options"))


def _atomic_coroutines(alias: str) -> Iterator[str]:
    """The asynchronous views that Django would wrap in a transaction, by dotted name."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    found = set()
    for view in _views(get_resolver()):
        kept = getattr(view, "_non_atomic_requests", ())
        if alias not in kept and iscoroutinefunction(view):
            found.add(f"{view.__module__}.{view.__qualname__}")
    yield from sorted(found)


def _views(resolver: URLResolver) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern)
        elif isinstance(pattern, URLPattern):
            yield pattern.callback
