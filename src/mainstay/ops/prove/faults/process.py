"""Faults of processes: killed, asked to end, frozen."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter

from mainstay.base import wire
from mainstay.ops.engines.ask import converse, http_get
from mainstay.ops.engines.engine import Address
from mainstay.ops.prove.faults import family, targets
from mainstay.ops.prove.faults.events import Since
from mainstay.ops.prove.faults.family import Family, Process
from mainstay.ops.prove.faults.fault import Evidence, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Settings
from mainstay.ops.prove.faults.targets import Victim

GONE_LIMIT = 2.0
"""Seconds in which the kernel ends what got SIGKILL; longer only for one that waits for a disk."""

NOTICED_LIMIT = 3.0
"""Seconds in which the supervisor must have noted an end."""

STOPPED_LIMIT = 0.5
ASKED_LIMIT = 0.4
"""Seconds in which a frozen process is given the chance to answer after all."""


class Kill:
    """SIGKILL: to a whole family, so that no child lives on, or to the main process alone."""

    whole = True

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self.victims: tuple[Victim, ...] = ()
        self.hit: Family = frozenset()
        self._events = Since(target)
        self._took: float | None = None

    async def inject(self) -> None:
        await self._events.begin()
        self.victims = await targets.find(self.strike, self.target)
        if self.whole:
            self.hit = family.kill(self._members(), self._members)
        else:
            self.hit = frozenset(
                victim.process for victim in self.victims if victim.process.send(signal.SIGKILL)
            )
        self._took = await family.gone(self.hit, GONE_LIMIT)

    def _members(self) -> Family:
        return frozenset().union(*(victim.family() for victim in self.victims))

    def _whom(self) -> str:
        return f"all {len(self.hit)} of the family" if self.whole else "the main process alone"

    async def undo(self) -> None:
        """Nothing: the supervisor replaces what died, and that is what is looked at."""

    async def evidence(self) -> Evidence:
        if self._took is None:
            alive = [process.pid for process in self.hit if process.alive]
            return Evidence(False, f"pids {alive} of {_named(self.victims)} were still there after SIGKILL")
        noticed = [
            victim.name
            for victim in self.victims
            if await self._events.first("process.ended", subject=victim.name, within=NOTICED_LIMIT)
        ]
        seen = f"; the supervisor noted the end of {len(noticed)} of {len(self.victims)}"
        return Evidence(
            bool(self.hit),
            f"{_named(self.victims)}: {self._whom()} gone after {_ms(self._took)}{seen}",
        )


class KillParent(Kill):
    whole = False


class KillEverything(Kill):
    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        super().__init__(
            Strike(strike.fault, targets.EVERYTHING, strike.at, strike.lasts, strike.with_), settings, target
        )


class Terminate:
    """SIGTERM to the main process, as whoever stops it properly sends it."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self.victims: tuple[Victim, ...] = ()
        self._began = 0.0

    async def inject(self) -> None:
        self.victims = await targets.find(self.strike, self.target)
        self._began = time.monotonic()
        for victim in self.victims:
            victim.process.send(signal.SIGTERM)

    async def undo(self) -> None:
        """Nothing: the supervisor replaces what ended."""

    async def evidence(self) -> Evidence:
        if not self.victims:
            return Evidence(False, "nobody was told to end")
        limit = self.target.topology.timeouts.stop + GONE_LIMIT
        took = await family.gone([victim.process for victim in self.victims], limit)
        if took is None:
            return Evidence(False, f"{_named(self.victims)} had not ended {limit:g} s after SIGTERM")
        seconds = time.monotonic() - self._began
        return Evidence(True, f"{_named(self.victims)} had ended within {seconds:.2f} s of SIGTERM")


class Pause:
    """SIGSTOP to a whole family or to the main process alone; SIGCONT ends it, once no other pause lasts."""

    whole = True
    _held: Counter[Process] = Counter()
    """By process, how many pauses it is under: the first that ends must not end the others."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self.victims: tuple[Victim, ...] = ()
        self.hit: Family = frozenset()
        self._mine: Family = frozenset()
        self._promises: list[int] = []
        self._events = Since(target)
        self._stopped = False
        self._asking: asyncio.Task[list[str]] | None = None
        self._answered: list[str] = []

    async def inject(self) -> None:
        await self._events.begin()
        self.victims = await targets.find(self.strike, self.target)
        if self.whole:
            self.hit = family.freeze(self._members(), self._members, self._promise)
        else:
            self._freeze_parents()
        self._hold()
        self._stopped = await family.all_stopped(self.hit, STOPPED_LIMIT)
        self._asking = asyncio.create_task(_who_answers(self.victims))

    def _freeze_parents(self) -> None:
        parents = frozenset(victim.process for victim in self.victims)
        self._promise(parents)
        self.hit = frozenset(process for process in parents if process.send(signal.SIGSTOP))

    def _members(self) -> Family:
        return frozenset().union(*(victim.family() for victim in self.victims))

    def _whom(self) -> str:
        return f"all {len(self.hit)} of the family" if self.whole else "the main process alone"

    def _promise(self, processes: Family) -> None:
        told = [process.as_json() for process in processes]
        self._promises.append(self.target.guard.promise({"kind": "continue", "processes": told}))
        self.hit |= processes

    def _hold(self) -> None:
        self._mine = self.hit
        self._held.update(self._mine)

    async def undo(self) -> None:
        if self._asking is not None:
            self._answered = await self._asking
            self._asking = None
        self._held.subtract(self._mine)
        self._mine = frozenset()
        for process in self.hit:
            if self._held[process] <= 0:
                del self._held[process]
                process.send(signal.SIGCONT)
        while self._promises:
            self.target.guard.release(self._promises.pop())

    async def evidence(self) -> Evidence:
        who = _named(self.victims)
        if not self._stopped:
            return Evidence(False, f"{who} was not seen stopped after SIGSTOP")
        if self.whole and self._answered:
            return Evidence(False, f"{', '.join(self._answered)} answered although it was stopped")
        frozen = [
            each["subject"]
            for each in await self._events.seen("process.not-ready", "process.killed", "process.ended")
            if each["subject"] in {victim.name for victim in self.victims}
        ]
        silent = "" if self._answered else ", nothing answered"
        noticed = "; the supervisor noticed" if frozen else "; the supervisor did not notice"
        return Evidence(True, f"{who}: {self._whom()} stopped{silent}{noticed}")


class PauseParent(Pause):
    whole = False


async def _who_answers(victims: tuple[Victim, ...]) -> list[str]:
    asked = [victim for victim in victims if victim.address]
    answers = await asyncio.gather(*(_answers(victim) for victim in asked))
    return [victim.name for victim, answered in zip(asked, answers, strict=True) if answered]


async def _answers(victim: Victim) -> bool:
    """Whether it says anything at all; the kernel takes a connection for a stopped process too."""
    host, _, port = victim.address.rpartition(":")
    address = Address(host.strip("[]"), int(port))
    try:
        if victim.kind in ("web", "edge"):
            await http_get(address, wire.LIVE_PATH, limit=ASKED_LIMIT)
            return True
        return bool(await converse(address, b"PING\r\n", until=b"\n", limit=ASKED_LIMIT))
    except OSError:
        return False


def _named(victims: tuple[Victim, ...]) -> str:
    if len(victims) > 3:
        return f"{len(victims)} processes and what they started"
    return ", ".join(f"pid {victim.process.pid} of {victim.name}" for victim in victims) or "nothing"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


KINDS = (
    FaultKind("kill", "SIGKILL to a process and everything it started", Kill, ("process",)),
    FaultKind(
        "kill.parent",
        "SIGKILL to the main process alone; what it started lives on",
        KillParent,
        ("process",),
    ),
    FaultKind("kill.everything", "SIGKILL to every process but the supervisor, all at once", KillEverything),
    FaultKind("terminate", "SIGTERM to the main process", Terminate, ("process",)),
    FaultKind(
        "pause",
        "SIGSTOP to a process and everything it started, SIGCONT later",
        Pause,
        ("process",),
        lasts=3.0,
    ),
    FaultKind(
        "pause.parent",
        "SIGSTOP to the main process alone, SIGCONT later",
        PauseParent,
        ("process",),
        lasts=3.0,
    ),
)
