"""
How long a request waits for a connection of a pool: never longer than it has.

A pool's ``timeout`` bounds one wait and knows nothing of the request. Here the wait also ends with
the request's deadline, and with the budget that it shares with the wait for a place in the process
(`mainstay.base.timeouts`). Outside of a request the pool's own limit holds.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from mainstay.base import timeouts
from mainstay.base.context import TALLY
from mainstay.base.deadline import DEADLINE, NEVER

LEAST = 0.05
"""Seconds that anybody may wait: enough for a free connection that is checked first."""


def bound(pool: Any) -> None:
    """
    Make a pool's ``getconn`` heed the request that asks. Repeating it changes nothing.

    The pool is Django's, which gives no place to name a class of it.
    """
    if "getconn" in vars(pool):
        return
    from psycopg_pool import PoolTimeout  # SQLite projects lack it

    ask, longest = pool.getconn, timeouts.turn()

    def getconn(timeout: float | None = None) -> Any:
        tally = TALLY.get()
        if tally is None:
            return ask(timeout)
        deadline = DEADLINE.get()
        began = monotonic()
        left = deadline.at - began if deadline is not None else NEVER
        allowed = min(pool.timeout if timeout is None else timeout, longest - tally.waited, left)
        try:
            return ask(max(allowed, LEAST))
        except PoolTimeout as error:
            if deadline is not None and deadline.expired:
                deadline.exceed(error)
            raise
        finally:
            tally.waited += monotonic() - began

    pool.getconn = getconn


def install() -> None:
    """Bound the pool of every connection, from the first that it gives on. Repeating it changes nothing."""
    connection_created.connect(_on_created, dispatch_uid="mainstay.db.turns")
    for connection in connections.all(initialized_only=True):
        _bound_pool_of(connection)


def _on_created(sender: Any, connection: Any, **kwargs: Any) -> None:
    _bound_pool_of(connection)


def _bound_pool_of(connection: Any) -> None:
    # Not `connection.pool`, which makes one where there is none, for the database that the settings name now.
    if (pool := getattr(connection, "_connection_pools", {}).get(connection.alias)) is not None:
        bound(pool)
