"""
The primary is lost in the worst way: first the link to its standby breaks, then it dies.

What it acknowledges in between would be lost with it. With a synchronous standby it can
acknowledge nothing then, because commits wait; that is what makes this the test of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from mainstay.base.errors import OperationFailed
from mainstay.base.units import plural
from mainstay.ops.prove.faults import family, link, targets
from mainstay.ops.prove.faults.events import Since
from mainstay.ops.prove.faults.family import Family
from mainstay.ops.prove.faults.fault import Evidence, Links, NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Setting, Settings
from mainstay.ops.prove.faults.process import GONE_LIMIT
from mainstay.ops.prove.faults.targets import Victim

PROMOTED_LIMIT = 20.0
"""Seconds after the kill in which a standby takes over or the primary comes back, before the link is healed anyway."""

NOISE = "SELECT pg_logical_emit_message(false, 'mainstay.prove', repeat('x', 1000))"
"""Log that belongs to no transaction, so that the one who writes it does not wait for the standby."""

WRITTEN = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
RECEIVED = "SELECT (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::bigint"


@dataclass(frozen=True, slots=True)
class Positions:
    """How far the log was written by the primary and received by the standby, in bytes."""

    written: int
    received: int


class PrimaryLost:
    """
    Black-hole the replication links, wait ``cut`` seconds, kill the primary's whole family.

    `inject` returns when the primary is dead. The links are healed by `undo` once there is a new
    primary: healed before, they could hand on what the dead one had sent.
    """

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self.cut = float(settings["cut"])
        self._events = Since(target)
        self._victim: Victim | None = None
        self._cut_links: list[str] = []
        self._before: Positions | None = None
        self._last: Positions | None = None
        self._hit: Family = frozenset()
        self._took: float | None = None

    async def inject(self) -> None:
        links, standby = await self._means()
        await self._events.begin()
        self._victim = victim = await targets.find_one(self.strike, self.target)
        for name in link.between(links, standby, victim.name):
            self._cut_links.append(name)
            await link.force(links, name, self, {"type": "black_hole", "direction": "both"})
        self._before = await self._positions(victim.name, standby)
        await asyncio.sleep(self.cut)
        self._last = await self._positions(victim.name, standby)
        self._hit = family.kill(victim.family(), victim.family)
        self._took = await family.gone(self._hit, GONE_LIMIT)

    async def _means(self) -> tuple[Links, str]:
        links = self.target.links
        if links is None:
            raise NotPossible("the system runs without fault proxies, so its replication cannot be cut")
        rows = (await self.target.status())["processes"]
        primary = next((row["name"] for row in rows if row["role"] == "primary"), "")
        standbys = [row["name"] for row in rows if row["role"] == "standby" and row["pid"]]
        if not standbys:
            raise NotPossible("no standby runs, so there is no replication to cut")
        if not link.between(links, standbys[0], primary):
            raise NotPossible(f"there is no link {standbys[0]}->{primary} among {', '.join(links.names)}")
        return links, standbys[0]

    async def _positions(self, primary: str, standby: str) -> Positions | None:
        """``None`` when one of them does not answer; then the cut is not proven."""
        with contextlib.suppress(OperationFailed, OSError):
            await self.target.sql(NOISE, node=primary)
            ((written,),) = await self.target.sql(WRITTEN, node=primary)
            ((received,),) = await self.target.sql(RECEIVED, node=standby)
            return Positions(int(written), int(received or 0))
        return None

    async def undo(self) -> None:
        if not self._cut_links:
            return
        try:
            if self._hit:
                await self._until_led()
        finally:
            await self._heal()

    async def _heal(self) -> None:
        links = self.target.links
        while self._cut_links and links is not None:
            await link.force(links, self._cut_links[-1], self, None)
            self._cut_links.pop()

    async def _until_led(self) -> None:
        """Until a standby took over, or the old primary came back in place as it may without one in step."""
        victim = self._victim
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROMOTED_LIMIT):
                while victim is not None:
                    if await self._events.seen("postgres.promoted"):
                        return
                    if await self._events.seen("process.ready", subject=victim.name):
                        return
                    await asyncio.sleep(0.02)

    async def evidence(self) -> Evidence:
        if self._victim is None or self._took is None:
            return Evidence(False, "the primary did not die")
        before, last = self._before, self._last
        if before is None or last is None:
            return Evidence(False, "the nodes did not say how far their log was, so the cut is not proven")
        written, received = last.written - before.written, last.received - before.received
        if written <= 0 or received > 0:
            return Evidence(
                False,
                f"in {self.cut:g} s of cut the primary wrote {written} bytes and the standby received {received}",
            )
        promoted = await self._events.seen("postgres.promoted")
        then = f"{promoted[0]['subject']} took over" if promoted else "nobody took over"
        return Evidence(
            True,
            f"{last.written - last.received} bytes of log had not reached the standby when {self._victim.name} "
            f"and its {plural(len(self._hit), 'process', 'processes')} were killed; {then}",
        )


KINDS = (
    FaultKind(
        "primary.lost",
        "the link to the standby breaks, and then the primary is killed",
        PrimaryLost,
        ("primary",),
        (Setting("cut", 0.5, "time between the cut and the kill", "s", least=0.0, most=30.0),),
        needs="a standby, and the fault proxies of a twin",
    ),
)
