"""Planned changes as faults: rolling updates, restarts, scaling, the edge's reload."""

from __future__ import annotations

import time
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.base.units import plural
from mainstay.ops.prove.faults import targets
from mainstay.ops.prove.faults.fault import Evidence, NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Setting, Settings


class Rollout:
    """A rolling update of one service, or of each in turn: the same release once more."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self._replaced: dict[str, int] = {}
        self._trouble = ""
        self._took = 0.0

    async def inject(self) -> None:
        every = [service.name for service in self.target.topology.services]
        began = time.monotonic()
        try:
            for name in [self.strike.target] if self.strike.target else every:
                told = await self.target.call("rollout", name=name)
                self._replaced[name] = int(told["replaced"])
        except OperationFailed as error:
            self._trouble = error.what
        self._took = time.monotonic() - began

    async def undo(self) -> None:
        """Nothing: the new processes are as good as the old."""

    async def evidence(self) -> Evidence:
        if self._trouble:
            return Evidence(False, f"the rolling update failed: {self._trouble}")
        count = sum(self._replaced.values())
        return Evidence(
            count > 0,
            f"{plural(count, 'process', 'processes')} of {', '.join(self._replaced)} "
            f"{'was' if count == 1 else 'were'} replaced in {self._took:.1f} s",
        )


class Restart:
    """What ``mainstay restart`` does: a service's process gets a new one beside it, an engine's starts in place."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self._before: dict[str, int] = {}
        self._after: dict[str, int] = {}
        self._trouble = ""

    async def inject(self) -> None:
        victims = await targets.find(self.strike, self.target)
        self._before = {victim.name: victim.process.pid for victim in victims}
        try:
            for name in self._before:
                await self.target.call("restart", name=name)
        except OperationFailed as error:
            self._trouble = error.what
        rows = (await self.target.status())["processes"]
        self._after = {row["name"]: row["pid"] for row in rows if row["name"] in self._before}

    async def undo(self) -> None:
        """Nothing is left to be undone."""

    async def evidence(self) -> Evidence:
        if self._trouble:
            return Evidence(False, f"the restart failed: {self._trouble}")
        changed = [name for name, pid in self._before.items() if self._after.get(name) not in (None, pid)]
        every = bool(changed) and len(changed) == len(self._before)
        return Evidence(every, f"{', '.join(changed) or 'nothing'} got a new pid")


class Scale:
    """More or fewer processes of one kind for a while; the edge is told each time."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self.replicas = int(settings["replicas"])
        self._name = strike.target if "." in strike.target else f"{strike.target}.web"
        self._before: int | None = None
        self._promise: int | None = None
        self._seen: dict[str, Any] = {}

    async def inject(self) -> None:
        rows = (await self.target.status())["processes"]
        count = sum(f"{row['service']}.{row['kind']}" == self._name for row in rows)
        if not count:
            raise NotPossible(f"there is no {self._name} in this system")
        self._before = count
        request = {"verb": "scale", "name": self._name, "replicas": count}
        self._promise = self.target.guard.promise(
            {"kind": "ask", "path": str(self.target.socket), "request": request}
        )
        try:
            self._seen = await self.target.call("scale", name=self._name, replicas=self.replicas)
        except OperationFailed as error:
            if error.id in ("capacity.connections", "scale.out-of-range"):
                self._forget()
                raise NotPossible(
                    f"{self._name} cannot be scaled to {self.replicas}: {error.what}"
                ) from error
            raise

    async def undo(self) -> None:
        """Also when it is not known whether the system was told: the same number once more changes nothing."""
        if self._before is not None:
            await self.target.call("scale", name=self._name, replicas=self._before)
            self._forget()

    def _forget(self) -> None:
        self._before = None
        if self._promise is not None:
            self.target.guard.release(self._promise)
            self._promise = None

    async def evidence(self) -> Evidence:
        if not self._seen:
            return Evidence(False, f"{self._name} was not scaled")
        before, after = self._seen["from"], self._seen["to"]
        now = plural(after, "process", "processes")
        return Evidence(before != after, f"{self._name} went from {before} to {now} and back")


class EdgeReload:
    """
    The edge takes up a changed set of replicas, once with one more and once without it.

    haproxy is told on its control socket, nginx gets a new configuration and a reload.
    """

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        routed = [service for service in target.topology.services if service.routes]
        self._scale: Scale | None = None
        self._target, self._routed, self._strike = target, routed, strike

    async def inject(self) -> None:
        if not self._routed:
            raise NotPossible("the edge leads to no service")
        service = self._routed[0]
        rows = (await self._target.status())["processes"]
        count = sum((row["service"], row["kind"]) == (service.name, "web") for row in rows)
        strike = Strike(self._strike.fault, f"{service.name}.web")
        self._scale = Scale(strike, {"replicas": count + 1}, self._target)
        await self._scale.inject()

    async def undo(self) -> None:
        if self._scale is not None:
            await self._scale.undo()

    async def evidence(self) -> Evidence:
        return await self._scale.evidence() if self._scale else Evidence(False, "nothing was changed")


KINDS = (
    FaultKind(
        "rollout",
        "a rolling update of a service, or of all of them in turn",
        Rollout,
        ("service",),
        optional_target=True,
    ),
    FaultKind("restart", "what `mainstay restart` does to a process", Restart, ("process",)),
    FaultKind(
        "scale",
        "another number of processes of one kind for a while",
        Scale,
        ("process",),
        (Setting("replicas", 3, "how many", least=1, most=64),),
        lasts=5.0,
    ),
    FaultKind(
        "edge.reload",
        "the edge takes up one more replica, and lets it go again",
        EdgeReload,
        ("edge",),
        optional_target=True,
    ),
)
