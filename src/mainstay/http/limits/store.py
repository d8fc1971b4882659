"""
Asking Valkey, in a thread and in an event loop.

Both have a time limit and repeat once only where a connection turned out to be closed. Nothing here knows
what the answers are for. redis-py is needed from the first question on, not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from mainstay.http.limits import script
from mainstay.http.limits.connections import LoopConnection, ThreadConnections
from mainstay.http.limits.patience import is_done_within
from mainstay.http.limits.script import Lease, Order

HANDSHAKE = 4
"""Questions a new connection may begin with: password, protocol, name, database."""


class Store(Protocol):
    """Whoever keeps the budgets of the fleet."""

    def lease(self, order: Order) -> Lease:
        """Blocks the thread, for a bounded time."""

    async def lease_many(self, orders: Sequence[Order]) -> list[Lease]:
        """In one round trip."""

    async def close(self) -> None:
        """Leave no connection of this event loop behind."""


class Valkey:
    """
    One Valkey, or Redis from 6.2.

    Connections of threads are pooled. An event loop has one of its own: what is asked while an
    answer is on its way goes together in the next question.
    """

    def __init__(self, url: str, timeout: float) -> None:
        import redis
        import redis.asyncio
        from redis.asyncio.retry import Retry as AsyncRetry
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._timeout = timeout
        self._missing: type[Exception] = redis.exceptions.NoScriptError
        waits: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        closed = (redis.exceptions.ConnectionError,)
        pool = redis.ConnectionPool.from_url(url, **waits, retry=Retry(NoBackoff(), 1, closed))
        self._threads = ThreadConnections(pool)
        # Reading has no limit of redis-py's: `patience` has a fairer one.
        waits = {**waits, "socket_timeout": None}
        kinds: Any = redis.asyncio.ConnectionPool
        self._loop_pool = kinds.from_url(url, **waits, retry=AsyncRetry(NoBackoff(), 1, closed))
        self._loops: dict[asyncio.AbstractEventLoop, LoopConnection] = {}

    def lease(self, order: Order) -> Lease:
        """
        Raises:
            redis.RedisError, OSError: There is no answer, or one that is no use.
        """
        try:
            answer = self._threads.ask("EVALSHA", script.SHA, 1, *order.arguments)
        except self._missing:
            answer = self._threads.ask("EVAL", script.SOURCE, 1, *order.arguments)
        return Lease(*answer)

    async def lease_many(self, orders: Sequence[Order]) -> list[Lease]:
        """
        Raises:
            redis.RedisError, OSError, TimeoutError: There is no answer, or one that is no use.
        """
        answers = await _within(self._timeout * HANDSHAKE, self._ask(orders))
        return [Lease(*answer) for answer in answers]

    async def _ask(self, orders: Sequence[Order]) -> list[Any]:
        line = self._line()
        answers = await line.ask([("EVALSHA", script.SHA, 1, *order.arguments) for order in orders])
        for place, answer in enumerate(answers):
            if isinstance(answer, self._missing):
                (answer,) = await line.ask([("EVAL", script.SOURCE, 1, *orders[place].arguments)])
                answers[place] = answer
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _line(self) -> LoopConnection:
        loop = asyncio.get_running_loop()
        line = self._loops.get(loop)
        if line is None:
            # A connection holds its loop, so a weak mapping would never let go of either.
            self._loops = {each: kept for each, kept in self._loops.items() if not each.is_closed()}
            line = self._loops[loop] = LoopConnection(self._loop_pool)
        return line

    async def close(self) -> None:
        self._threads.close()
        if (line := self._loops.pop(asyncio.get_running_loop(), None)) is not None:
            await line.close()


async def _within(seconds: float, work: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """The answers, or a cancelled question: redis-py then closes the connection, so no answer comes late."""
    task = asyncio.ensure_future(work)
    try:
        in_time = await is_done_within(seconds, task)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not in_time:
        task.cancel()
        await asyncio.wait((task,), timeout=seconds)
        raise TimeoutError(f"no answer within {seconds:g} s")
    return task.result()
