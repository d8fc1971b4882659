"""
The processes of one kind of one service: started together, scaled, replaced one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.supervised import State, Supervised
from mainstay.ops.supervise.units import WebReplica
from mainstay.ops.topology.values import Kind, Service


class Hire(Protocol):
    """Makes a supervised process that is not started yet."""

    def __call__(self, service: Service, kind: Kind, number: int, generation: int) -> Supervised: ...


class Fleet:
    """
    Members are numbered from 1; a number is used again by the process that replaces its
    holder. ``generation`` rises with every new process, so that edge and ports never mix
    up a replacement with what it replaces.
    """

    def __init__(
        self,
        service: Service,
        kind: Kind,
        hire: Hire,
        rotation: Callable[[], Rotation | None],
        journal: Journal,
        ready_timeout: float,
    ) -> None:
        self.service = service
        self.kind = kind
        self.members: dict[int, Supervised] = {}
        self.leaving: list[Supervised] = []
        self._hire = hire
        self._rotation = rotation
        self._journal = journal
        self._ready_timeout = ready_timeout
        self._generation = 0

    @property
    def name(self) -> str:
        return f"{self.service.name}.{self.kind.name}"

    @property
    def processes(self) -> list[Supervised]:
        return [*(self.members[number] for number in sorted(self.members)), *self.leaving]

    async def start(self) -> None:
        """
        Start every wanted member and wait until all are ready.

        Raises:
            OperationFailed: One of them did not become ready; quotes its last lines.
        """
        await self._grow(range(1, self.kind.replicas + 1))

    async def stop(self, why: str) -> None:
        await asyncio.gather(*(process.stop(why) for process in self.processes))

    async def scale(self, wanted: int) -> None:
        """
        Start or drain members until there are ``wanted`` of them.

        Raises:
            OperationFailed: A new one did not become ready; those that were to come are gone again.
        """
        have = sorted(self.members)
        if wanted > len(have):
            free = (number for number in range(1, wanted + len(have) + 1) if number not in self.members)
            await self._grow_whole([next(free) for _ in range(wanted - len(have))])
        for number in have[wanted:][::-1]:
            await self._dismiss(self.members.pop(number), "scaled down")

    async def replace(self, number: int, service: Service, why: str) -> None:
        """
        Put a new process in the place of a member: new one ready, in rotation, old one drained, stopped.

        Raises:
            OperationFailed: The new one did not become ready. It is gone again and the old
                one has served all the time.
        """
        old = self.members[number]
        kind = next((kind for kind in service.kinds if kind.name == self.kind.name), self.kind)
        new = self._make(service, kind, number)
        old.name = f"{old.unit.name}.old"
        self.leaving.append(old)
        self.members[number] = new
        try:
            await self._bring_up(new)
        except BaseException:
            old.name = old.unit.name
            self.leaving.remove(old)
            self.members[number] = old
            await new.stop("did not become ready")
            raise
        await self._dismiss(old, why)

    async def _grow_whole(self, numbers: list[int]) -> None:
        try:
            await self._grow(numbers)
        except BaseException:
            fresh = [self.members.pop(number) for number in numbers]
            await asyncio.gather(*(self._dismiss(process, "not all became ready") for process in fresh))
            raise

    async def _grow(self, numbers: range | list[int]) -> None:
        fresh = {number: self._make(self.service, self.kind, number) for number in numbers}
        self.members |= fresh
        outcomes = await asyncio.gather(
            *(self._bring_up(process) for process in fresh.values()), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def _make(self, service: Service, kind: Kind, number: int) -> Supervised:
        self._generation += 1
        return self._hire(service, kind, number, self._generation)

    async def _bring_up(self, process: Supervised) -> None:
        process.start()
        if not await process.wait_ready(self._ready_timeout):
            raise never_ready(process)
        rotation = self._rotation()
        if rotation is not None and isinstance(process.unit, WebReplica):
            await rotation.put_in(process.unit)

    async def _dismiss(self, process: Supervised, why: str) -> None:
        """Retire one that is no member any more; it counts as leaving until it is gone, also when this is cut off."""
        if process not in self.leaving:
            self.leaving.append(process)
        try:
            await self._retire(process, why)
        finally:
            if process.state is State.STOPPED:
                self.leaving.remove(process)

    async def _retire(self, process: Supervised, why: str) -> None:
        process.mark_draining(why)
        rotation = self._rotation()
        try:
            if rotation is not None and isinstance(process.unit, WebReplica):
                await rotation.take_out(process.unit)
        finally:
            # Also when the edge did not acknowledge: one that is draining must not stay for ever.
            await process.stop(why)


def never_ready(process: Supervised) -> OperationFailed:
    """The error for a process that did not become ready, with its own last words."""
    return OperationFailed(
        "process.not-ready",
        f"{process.name} did not become ready: {process.detail or 'no answer'}",
        hint=f"the whole log: `mainstay logs {process.unit.name}`",
        exit_code=1,
        details=process.last_lines(),
    )
