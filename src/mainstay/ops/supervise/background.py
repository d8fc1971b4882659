"""Work that nobody waits for: kept from being collected, noted when it fails, cut off at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from mainstay.ops.supervise.journal import Journal


class Background:
    """Lifetime: from the first `start` until `cancel`."""

    def __init__(self, system: str, journal: Journal) -> None:
        self._system = system
        self._journal = journal
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def failed(self, error: BaseException) -> None:
        """Note an error of the supervisor's own; it goes on."""
        self._journal.note("supervisor.error", self._system, f"{type(error).__name__}: {error}")

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)
