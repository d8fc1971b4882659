"""
What every SQL statement of a request passes: the deadline, and the tally of the request.

One execute wrapper per Django connection. Before a statement it is a checkpoint: with no time
left nothing is sent. While a statement runs, one thread of the process watches its
deadline and cancels it at the server. That costs no round trip, where
``SET statement_timeout`` would cost one per statement, and it also ends the wait for a server that
does not answer at all: docs/decisions/0012 has the figures.

Outside of a request (a management command, a shell) the wrapper does nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created
from django.db.utils import DatabaseError

from mainstay.base.context import TALLY
from mainstay.base.deadline import DEADLINE, NEVER, Deadline
from mainstay.db.errors import OutcomeUnknown
from mainstay.db.watchdog import WATCHDOG, disconnect
from mainstay.observability.traces import TRACING

VENDORS = frozenset({"postgresql", "sqlite"})

ENDINGS = ("ROLLBACK", "RELEASE", "COMMIT")
"""
How statements begin that end something. They pass without a check: a savepoint whose
rollback was refused would leave Django with a wrong idea of its transaction.
"""

CANCEL_PATIENCE = 0.25
"""Seconds a server has to act on a cancel request before its connection is cut from this side."""

LOST_STATEMENT = "the connection was lost while a statement that commits by itself was being waited for"

READS = ("SELECT", "SHOW", "VALUES")
"""How statements begin that change nothing. One that begins with ``WITH`` may, and so may what ``EXPLAIN`` runs."""

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


class Statements:
    """The execute wrapper of one Django connection."""

    __slots__ = ("_connection", "_cut", "_deadline", "_lock")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._deadline: Deadline | None = None
        self._cut = False
        self._lock = threading.Lock()

    def __call__(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        deadline, tally = DEADLINE.get(), TALLY.get()
        if deadline is None and tally is None:
            return execute(sql, params, many, context)
        started = perf_counter()
        try:
            if deadline is None or deadline.at == NEVER or _is_ending(sql):
                return execute(sql, params, many, context)
            deadline.check()
            return self._within(deadline, execute, sql, params, many, context)
        finally:
            if tally is not None:
                seconds = perf_counter() - started
                tally.db_seconds += seconds
                tally.db_count += 1
                TRACING.statement(sql, self._connection.alias, self._connection.vendor, seconds)

    def _within(self, deadline: Deadline, execute: Execute, *statement: Any) -> Any:
        if (
            self._deadline is not None
        ):  # a statement inside of a statement, by another wrapper: the outer one counts
            return execute(*statement)
        self._cut, self._deadline = False, deadline
        WATCHDOG.begin(self, deadline)
        raw = self._connection.connection
        if is_certain := hasattr(raw, "in_statement"):
            raw.in_statement = True
        was_open = is_certain and not raw.closed
        try:
            return execute(*statement)
        except DatabaseError as error:
            if self._end():
                deadline.exceed(error)
            if was_open and raw.is_lost(error.__cause__) and self._commits(statement[0]):
                raise OutcomeUnknown(LOST_STATEMENT) from error
            raise
        finally:
            if is_certain:
                raw.in_statement = False
            self._end()

    def _commits(self, sql: Any) -> bool:
        """Whether a statement changes something by itself, in no transaction that its end would roll back."""
        is_read = isinstance(sql, str) and sql.lstrip("( \t\r\n")[:6].upper().startswith(READS)
        return not is_read and bool(self._connection.autocommit)

    def _end(self) -> bool:
        """
        Leave the watch; whether the statement was cut.

        Waits for a cut that is under way, so that it can never hit the next statement.
        """
        WATCHDOG.end(self)
        with self._lock:
            self._deadline = None
            return self._cut

    def cut(self, deadline: Deadline) -> None:
        """End the statement that runs for this deadline, if it still does."""
        with self._lock:
            if self._deadline is not deadline:
                return
            self._cut = True
            raw = self._connection.connection
            if self._connection.vendor == "sqlite":
                raw.interrupt()
                return
            _cancel(raw)
        if self._deadline is deadline and not _ends_soon(self, deadline):
            with self._lock:
                if self._deadline is deadline:
                    disconnect(raw)

    def runs_for(self, deadline: Deadline) -> bool:
        return self._deadline is deadline


def _is_ending(sql: Any) -> bool:
    return isinstance(sql, str) and sql.startswith(ENDINGS)


def _ends_soon(statements: Statements, deadline: Deadline) -> bool:
    until = monotonic() + CANCEL_PATIENCE
    pause = threading.Event()
    while statements.runs_for(deadline):
        if monotonic() >= until:
            return False
        pause.wait(0.01)
    return True


def _cancel(raw: Any) -> None:
    """Ask the server to end it. A server that cannot be asked is dealt with by `disconnect`."""
    try:
        raw.cancel_safe(timeout=CANCEL_PATIENCE)
    except Exception:  # psycopg has a dozen ways to say that the server does not answer
        return


def watch(connection: Any) -> None:
    """Put the wrapper on a connection, outermost and once."""
    wrappers = connection.execute_wrappers
    if connection.vendor in VENDORS and not any(isinstance(each, Statements) for each in wrappers):
        wrappers.insert(0, Statements(connection))  # Django's own context manager pops the last one


def install() -> None:
    """Watch every connection, those that exist and those to come. Repeating it changes nothing."""
    connection_created.connect(_on_created, dispatch_uid="mainstay.db.statements")
    for connection in connections.all(initialized_only=True):
        watch(connection)


def _on_created(sender: Any, connection: Any, **kwargs: Any) -> None:
    watch(connection)
