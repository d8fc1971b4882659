"""
Which replicas the edge sends requests to, kept in step with what is true.

The edge is told the whole set each time and answers when it has taken effect, so
"out of rotation" is something known, not something waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Backend, EdgeEngine
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.units import WebReplica

SETTLE = 2.0
"""Most seconds to wait for the edge's last requests to a replica; sockets may stay open far longer."""


class Rotation:
    """
    Serialises changes to the running edge; one at a time, each acknowledged.

    A change that the edge did not take is owed: `settle` says everything again until it has.
    """

    def __init__(self, edge: EdgeEngine, journal: Journal) -> None:
        self.edge = edge
        self._journal = journal
        self._backends: dict[str, Backend] = {}
        self._down: set[str] = set()
        self._owed = False
        self._one_at_a_time = asyncio.Lock()

    def __contains__(self, replica: WebReplica) -> bool:
        return replica.backend in self._backends

    @property
    def backends(self) -> tuple[Backend, ...]:
        return tuple(self._backends.values())

    async def put_in(self, *replicas: WebReplica) -> None:
        """
        Send requests to these replicas too; returns when the edge does.

        Raises:
            OperationFailed: The edge did not take it; they are not in rotation.
        """
        async with self._one_at_a_time:
            before = dict(self._backends)
            self._note(*replicas)
            try:
                await self._tell(self.edge.apply(self.backends))
            except BaseException:
                # Whoever puts one in stops it when that fails: it must not be said again.
                self._backends = before
                raise
        for replica in replicas:
            self._journal.note("edge.in-rotation", replica.name, f"ready on {replica.address}")

    def _note(self, *replicas: WebReplica) -> None:
        for replica in replicas:
            self._backends[replica.backend] = Backend(replica.backend, replica.service, replica.edge_address)

    async def repeat(self) -> None:
        """Tell an edge that has just started what changed while it was reading its file."""
        async with self._one_at_a_time:
            await self._say_everything()

    async def settle(self) -> None:
        """Say everything again if the latest change was not taken."""
        if self._owed:
            await self.repeat()

    async def _say_everything(self) -> None:
        await self._tell(self.edge.apply(self.backends))
        for backend in self._backends:
            await self._tell(self.edge.set_down(backend, backend in self._down))
        self._owed = False

    async def _tell(self, change: Coroutine[Any, Any, None]) -> None:
        owed, self._owed = self._owed, True
        try:
            await change
        except OSError as error:
            raise OperationFailed("edge.no-answer", f"the edge did not take a change: {error!r}") from error
        # What was owed before this change still is: only saying everything makes up for it.
        self._owed = owed

    async def take_out(self, replica: WebReplica) -> float:
        """
        Stop sending requests to a replica and wait for those under way.

        Returns the seconds until the edge had acknowledged. What still hangs after
        `SETTLE` seconds is a long answer or a socket; the replica finishes those itself.

        Raises:
            OperationFailed: As `put_in`.
        """
        began = time.monotonic()
        async with self._one_at_a_time:
            if self._backends.pop(replica.backend, None) is None:
                return 0.0
            self._down.discard(replica.backend)
            await self._tell(self.edge.apply(self.backends))
        acknowledged = time.monotonic() - began
        self._journal.note(
            "edge.out-of-rotation", replica.name, "acknowledged", seconds=round(acknowledged, 3)
        )
        await self._until_idle(replica.backend)
        return acknowledged

    async def _until_idle(self, backend: str) -> None:
        deadline = time.monotonic() + SETTLE
        while time.monotonic() < deadline:
            if not await self.edge.in_flight(backend):
                return
            await asyncio.sleep(0.02)

    async def moved(self, replica: WebReplica) -> None:
        """A restarted replica listens elsewhere."""
        backend = self._backends.get(replica.backend)
        if backend is None or backend.address == replica.edge_address:
            return
        async with self._one_at_a_time:
            self._note(replica)
            await self._tell(self.edge.apply(self.backends))

    async def report(self, replica: WebReplica, answering: Callable[[], bool]) -> None:
        """
        Pass on what the supervisor's own probes see.

        ``answering`` is asked when it is this report's turn: what was true when the report
        was made may have changed while an earlier one was on its way.
        """
        async with self._one_at_a_time:
            if replica.backend not in self._backends:
                return
            down = not answering()
            if self._owed or down != (replica.backend in self._down):
                # Noted first: what the edge does not take now, it is told again.
                (self._down.add if down else self._down.discard)(replica.backend)
                await self._tell(self.edge.set_down(replica.backend, down))
