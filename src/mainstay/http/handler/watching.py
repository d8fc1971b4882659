"""
Work for a client, given up when the client goes away.

The work runs in the task that asks for it. Only once it has to wait for something is a second
task made, which listens for the disconnect; work that never waits cannot be
interrupted and needs no listener.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from django.core.exceptions import RequestAborted


async def until_gone(
    work: Coroutine[Any, Any, None], listen: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """
    Do the work; return early, with the work cancelled, when ``listen`` raises RequestAborted.

    What ``listen`` raises besides is raised here, after the work has been cancelled. A
    cancellation from outside reaches the work and is raised again.
    """
    try:
        waits_for = work.send(None)
    except StopIteration:
        return
    watch = _Watch(work, waits_for, listen())
    try:
        await watch
    except BaseException as error:
        is_own = isinstance(error, asyncio.CancelledError) and watch.is_own()
        heard = await watch.end()
        if not is_own:
            raise
    else:
        heard = await watch.end()
    if heard is not None and not isinstance(heard, RequestAborted):
        raise heard


class _Watch:
    """Work that has come to its first wait, and the task that listens from then on."""

    __slots__ = ("_has_cancelled", "_listener", "_over", "_task", "_waits_for", "_work")

    def __init__(
        self, work: Coroutine[Any, Any, None], waits_for: Any, listening: Coroutine[Any, Any, None]
    ) -> None:
        self._work = work
        self._waits_for = waits_for
        self._task = asyncio.current_task()
        self._has_cancelled = False
        self._over = False
        self._listener = asyncio.get_running_loop().create_task(listening)
        self._listener.add_done_callback(self._stop)

    def __await__(self) -> Generator[Any, Any, None]:
        work, waits_for = self._work, self._waits_for
        while True:
            try:
                sent = yield waits_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:
                step = _thrown(work, error)
            else:
                step = _sent(work, sent)
            if step is _END:
                self._over = True
                return
            waits_for = step

    async def end(self) -> BaseException | None:
        """Stop listening; what the listener raised, if it came to that."""
        self._over = True
        listener = self._listener
        if not listener.done():
            listener.cancel()
            await asyncio.wait([listener])
        if self._has_cancelled and self._task is not None and self._task.cancelling():
            self._task.uncancel()
        return None if listener.cancelled() else listener.exception()

    def is_own(self) -> bool:
        """Whether the work was cancelled by the listener, and by nobody else."""
        return self._has_cancelled and self._task is not None and self._task.cancelling() <= 1

    def _stop(self, listener: asyncio.Task[None]) -> None:
        if not self._over and not listener.cancelled() and self._task is not None:
            self._has_cancelled = True
            self._task.cancel()


_END = object()


def _sent(work: Coroutine[Any, Any, None], value: Any) -> Any:
    try:
        return work.send(value)
    except StopIteration:
        return _END


def _thrown(work: Coroutine[Any, Any, None], error: BaseException) -> Any:
    try:
        return work.throw(error)
    except StopIteration:
        return _END
