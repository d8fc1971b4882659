"""What has to be done again and again while a system runs: pids remembered, orphans reaped, logs rotated."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise import leftovers
from mainstay.ops.supervise.child import reap_adopted
from mainstay.ops.supervise.logs import rotate
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import Supervised

EVERY = 5.0
"""Seconds between two rounds."""


class Housekeeping:
    """Of the processes that there are at the moment."""

    def __init__(self, state: StateFolder, processes: Callable[[], Iterable[Supervised]]) -> None:
        self._state = state
        self._processes = processes
        self._zombies: set[int] = set()

    async def run(self, also: Callable[[], Awaitable[None]], failed: Callable[[Exception], None]) -> None:
        """Round after round, until cancelled; each ends with ``also``."""
        while True:
            await asyncio.sleep(EVERY)
            self.remember_pids()
            try:
                await self._tidy()
                await also()
            except Exception as error:
                # Whatever it is, the next round may do better; without rounds nothing is ever tidied again.
                failed(error)

    def remember_pids(self) -> None:
        """For whoever has to end what a killed supervisor leaves."""
        running = {
            process.name: (process.child.pid, process.child.started)
            for process in self._processes()
            if process.child is not None and process.child.alive
        }
        with contextlib.suppress(OperationFailed):
            leftovers.remember(self._state, running)

    async def _tidy(self) -> None:
        known = {process.pid for process in self._processes() if process.pid is not None}
        self._zombies = reap_adopted(self._zombies, known)
        await asyncio.to_thread(rotate, self._state.logs)
