"""
Reads from a standby, only where the code says that a slightly old answer will do.

Writes always go to the primary. Inside a transaction on the primary reads stay
there too, because they must see what the transaction wrote. A standby that cannot
be reached is left alone for a few seconds and the primary answers; a read that was under way is
the business of `mainstay.db.lost_reads`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from mainstay.db.settings import REPLICA

View = TypeVar("View", bound=Callable[..., Any])

AVOID = 5.0
"""Seconds for which a standby that refused a connection is not asked again."""

_opted_in: ContextVar[bool] = ContextVar("mainstay_reads_from_replica", default=False)


@contextmanager
def reads_from_replica() -> Iterator[None]:
    """
    Let reads inside this block go to a standby.

    What was written a moment ago may be missing there. Use it for public pages,
    never to decide about a write.
    """
    token = _opted_in.set(True)
    try:
        yield
    finally:
        _opted_in.reset(token)


def replica_reads(view: View) -> View:
    """The same for a whole view, plain or ``async``."""
    if inspect.iscoroutinefunction(view):

        @functools.wraps(view)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            with reads_from_replica():
                return await view(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    @functools.wraps(view)
    def wrapped_sync(*args: Any, **kwargs: Any) -> Any:
        with reads_from_replica():
            return view(*args, **kwargs)

    return wrapped_sync  # type: ignore[return-value]


class PrimaryReplicaRouter:
    """Django's router protocol over one primary and one replica alias."""

    def __init__(self) -> None:
        self._avoided_until = 0.0

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        if not _opted_in.get():
            return None
        return REPLICA if self._may_read_replica() else None

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, left: Any, right: Any, **hints: Any) -> bool | None:
        ours = {"default", REPLICA}
        return True if {left._state.db, right._state.db} <= ours else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == REPLICA else None

    def avoid_replica(self) -> None:
        """Leave the standby alone for `AVOID` seconds."""
        self._avoided_until = time.monotonic() + AVOID

    def _may_read_replica(self) -> bool:
        from django.db import connections

        if REPLICA not in connections.settings or connections["default"].in_atomic_block:
            return False
        return time.monotonic() >= self._avoided_until and self._is_reachable(connections[REPLICA])

    def _is_reachable(self, connection: Any) -> bool:
        """Connect now, while the primary can still be chosen. An event loop's thread may not, and trusts."""
        from django.db import Error

        if connection.connection is not None or _in_event_loop():
            return True
        try:
            connection.ensure_connection()
        except Error:
            self.avoid_replica()
            return False
        return True


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
