"""What psycopg does with a database that comes and goes, made certain and quick."""

from __future__ import annotations

import threading
from functools import partial
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.errors import Diagnostic
from psycopg_pool import ConnectionPool, PoolTimeout

from mainstay.base.deadline import DEADLINE, Deadline
from mainstay.base.threads import start_thread
from mainstay.db.errors import OutcomeUnknown
from mainstay.db.watchdog import WATCHDOG, disconnect

DOUBTS = (
    "canceling wait for synchronous replication",
    "canceling the wait for synchronous replication",
)
"""How PostgreSQL's ``SyncRepWaitForLSN`` begins its two warnings (src/backend/replication/syncrep.c)."""


CHECK_PATIENCE = 1.0
"""Seconds that a server has to answer the pool's question whether a connection works."""

COMMIT_PATIENCE = 1.0
"""Seconds that a commit has at least: the work is done, and cutting it makes its outcome unknown."""

LEAST_PATIENCE = 0.05
"""Seconds that a rollback has after the deadline: the connection shall go back to the pool in order."""

LOST_COMMIT = "the connection was lost while its commit was being waited for"


class CertainConnection(psycopg.Connection[Any]):
    """
    A connection whose commit fails when the wait for the standby was cut short.

    The warning arrives while a statement or a commit is being waited for, so the
    one place through which psycopg waits is the one place that has to look. There a request's waits are
    bounded as well: a commit by the deadline, never cancelled, since PostgreSQL
    reports a cancelled one as done; the pool's check by a second. Statements are the business
    of `mainstay.db.statements`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.in_statement = False
        self._made = monotonic()
        self._is_committing = self._is_brief = False
        self._doubt = ""
        self.add_notice_handler(self._note_doubt)

    def _note_doubt(self, notice: Diagnostic) -> None:
        message = notice.message_primary or ""
        if message.startswith(DOUBTS):
            self._doubt = message

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        deadline = None if self.in_statement else DEADLINE.get()
        if deadline is None:
            return self._look(*args, **kwargs)
        guard = _Guard(self)
        WATCHDOG.begin(guard, Deadline.after(self._patience(deadline.remaining())))
        try:
            return self._look(*args, **kwargs)
        finally:
            guard.end()

    def _patience(self, left: float) -> float:
        if self._is_committing:
            return max(left, COMMIT_PATIENCE)
        # A FETCH of a server-side cursor and a COPY come through here as well: they have until the deadline.
        return max(min(left, CHECK_PATIENCE) if self._is_brief else left, LEAST_PATIENCE)

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """An empty statement is the pool's question whether the connection works."""
        if query != "":
            return super().execute(query, *args, **kwargs)
        self._is_brief = True
        try:
            return super().execute(query, *args, **kwargs)
        except psycopg.OperationalError:
            # The pool that lends a connection out writes itself into it, before it asks.
            if self.closed and (pool := getattr(self, "_pool", None)) is not None:
                give_up_idle(pool, self._made)
            raise
        finally:
            self._is_brief = False

    def rollback(self) -> None:
        self._is_brief = True
        try:
            super().rollback()
        finally:
            self._is_brief = False

    def commit(self) -> None:
        was_open = not self.closed
        self._is_committing = True
        try:
            super().commit()
        except psycopg.OperationalError as error:
            if was_open and self.is_lost(error):
                raise OutcomeUnknown(LOST_COMMIT) from error
            raise
        finally:
            self._is_committing = False

    def is_lost(self, error: BaseException | None) -> bool:
        """
        Whether the connection ended without a word of what became of the statement before.

        A server that ends a connection says so, with a SQLSTATE, and has rolled back; not where the
        transaction was committed already and waited for a standby. A pooler between, such as PgBouncer, that lost
        the server knows no more than we: it has a SQLSTATE of class 08.
        """
        state = getattr(error, "sqlstate", None)
        return self.closed and (state is None or state.startswith("08"))

    def _look(self, *args: Any, **kwargs: Any) -> Any:
        result = super().wait(*args, **kwargs)
        if self._doubt:
            doubt, self._doubt = self._doubt, ""
            raise OutcomeUnknown(doubt)
        return result


class _Guard:
    """One wait of a connection outside of a statement. It ends by cutting the connection."""

    def __init__(self, connection: CertainConnection) -> None:
        self._connection: CertainConnection | None = connection
        self._lock = threading.Lock()

    def cut(self, deadline: Deadline) -> None:
        with self._lock:
            if self._connection is not None:
                disconnect(self._connection)

    def end(self) -> None:
        WATCHDOG.end(self)
        with self._lock:
            self._connection = None


_renewed: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
"""When the idle connections of a pool were last given up."""


def give_up_idle(pool: ConnectionPool[Any], made: float) -> None:
    """
    Replace all idle connections of a pool, one of which, made at that time, turned out to be lost.

    What took one away, a failover or a firewall, took the others as well. psycopg_pool would look at one after the
    other and sleep between them, for 0, 1 and 2 s: a request that came after a failover waited for a second or, with
    four dead connections, was refused. New ones are made at once, in the pool's own threads, and whoever waits has
    the first. One that is older than the last time has been replaced already.
    """
    if made < _renewed.get(pool, 0.0):
        return
    _renewed[pool] = monotonic()
    if (drain := getattr(pool, "drain", None)) is not None:  # new in psycopg_pool 3.3, as that sleep is
        drain()


RECONNECT = 0.3
"""
Seconds a pool tries by itself to connect again.

Its own patience is 5 minutes with doubling pauses, so that a database that was away
for half a minute stays away for requests until the pause of 16 or 32 s is over. With
little patience each request that needs a connection tries anew.
"""

NUDGE = 0.2
"""Shorter than `RECONNECT`: a nudge that still waited would look like a client and nudge for ever."""


def keep_trying(pool: ConnectionPool[Any]) -> None:
    """
    Go on for the requests that already wait; the pool has just given up connecting.

    Called in one of the pool's own threads, which is not kept from its work unless there is no room for another.
    """
    if not pool.get_stats().get("requests_waiting", 0):
        return
    if start_thread(partial(_nudge, pool), "mainstay-reconnect") is None:
        _nudge(pool)


def _nudge(pool: ConnectionPool[Any]) -> None:
    """Asking for a connection is what makes a pool try again."""
    try:
        pool.putconn(pool.getconn(timeout=NUDGE))
    except (PoolTimeout, psycopg.Error):
        return
