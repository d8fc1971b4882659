"""What psycopg does with a database that comes and goes, made certain and quick."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
from psycopg.errors import Diagnostic
from psycopg_pool import ConnectionPool, PoolTimeout

from mainstay.db.errors import OutcomeUnknown

DOUBTS = (
    "canceling wait for synchronous replication",
    "canceling the wait for synchronous replication",
)
"""How PostgreSQL's ``SyncRepWaitForLSN`` begins its two warnings (src/backend/replication/syncrep.c)."""


class CertainConnection(psycopg.Connection[Any]):
    """
    A connection whose commit fails when the wait for the standby was cut short.

    The warning arrives while a statement or a commit is being waited for, so the
    one place through which psycopg waits is the one place that has to look.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._doubt = ""
        self.add_notice_handler(self._note_doubt)

    def _note_doubt(self, notice: Diagnostic) -> None:
        message = notice.message_primary or ""
        if message.startswith(DOUBTS):
            self._doubt = message

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        result = super().wait(*args, **kwargs)
        if self._doubt:
            doubt, self._doubt = self._doubt, ""
            raise OutcomeUnknown(doubt)
        return result


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
    """Go on for the requests that already wait; the pool has just given up connecting."""
    if pool.get_stats().get("requests_waiting", 0):
        threading.Thread(target=_nudge, args=(pool,), name="mainstay-reconnect", daemon=True).start()


def _nudge(pool: ConnectionPool[Any]) -> None:
    """Asking for a connection is what makes a pool try again."""
    try:
        pool.putconn(pool.getconn(timeout=NUDGE))
    except (PoolTimeout, psycopg.Error):
        return
