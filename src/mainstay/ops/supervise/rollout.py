"""
Planned changes to a running system: restart, scale, rolling update. One at a time.

A rolling update replaces processes one by one with surge one. It reads the file
again, prepares the new release (migrations before the first new process), and halts
when a new process does not become ready: that one is removed, and those already
replaced go back to what they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from mainstay.base.errors import OperationFailed, nearest
from mainstay.ops.supervise.fleet import Fleet
from mainstay.ops.topology.values import Service

if TYPE_CHECKING:
    from mainstay.ops.supervise.system import System

MOST_REPLICAS = 64


class Rollout:
    """The verbs of the control socket that change what runs."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def restart(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """
        Replace one process: a service's process by a new one beside it, an engine in place.

        A primary database that is restarted hands over to its standby first.
        """
        name = str(request["name"])
        async with self._one_change():
            fleet, number = self._find_member(name)
            if fleet is not None:
                await fleet.replace(number, fleet.service, "restart")
            else:
                await self._restart_engine(name)
        return {"restarted": name}

    async def _restart_engine(self, name: str) -> None:
        process = self._system.engines.get(name)
        if process is None:
            known = [process.name for process in self._system.processes]
            raise OperationFailed(
                "system.unknown-name",
                f"nothing here is called {name!r}",
                hint=nearest(name, known) or "`mainstay status` lists the names",
            )
        await process.restart("restart was asked for")
        if not await process.wait_ready(process.patience.ready):
            raise OperationFailed(
                "process.not-ready", f"{name} did not come back: {process.detail}", exit_code=1
            )

    def _find_member(self, name: str) -> tuple[Fleet | None, int]:
        for fleet in self._system.fleets.values():
            for number, process in fleet.members.items():
                if process.name == name:
                    return fleet, number
        return None, 0

    async def scale(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Change how many processes of one kind run; checked against the connection budget first."""
        service, _, kind = str(request["name"]).partition(".")
        wanted = int(request["replicas"])
        kind = kind or "web"
        fewest = 1 if kind == "web" else 0
        if not fewest <= wanted <= MOST_REPLICAS:
            raise OperationFailed(
                "scale.out-of-range",
                f"{wanted} replicas",
                hint=f"between {fewest} and {MOST_REPLICAS} are possible for {kind}",
            )
        async with self._one_change():
            fleet = self._system.fleet(service, kind)
            self._check_budget(fleet, wanted)
            before = len(fleet.members)
            self._system.journal.note("service.scaling", fleet.name, f"from {before} to {wanted}")
            await fleet.scale(wanted)
            self._system.note_targets()
        return {"name": fleet.name, "from": before, "to": len(fleet.members)}

    def _check_budget(self, fleet: Fleet, wanted: int) -> None:
        postgres = self._system.topology.engines.postgres
        if postgres is None or "postgres" not in fleet.service.needs:
            return
        others = sum(
            len(other.members) * other.service.pool
            for other in self._system.fleets.values()
            if other is not fleet and "postgres" in other.service.needs
        )
        surge = sum(service.pool for service in self._system.topology.services if "postgres" in service.needs)
        need = others + wanted * fleet.service.pool + surge
        have = postgres.max_connections - postgres.reserved_connections
        if need > have:
            raise OperationFailed(
                "capacity.connections",
                f"{wanted} × {fleet.name} would need {need} database connections, and there are {have}",
                hint="lower `pool`, or raise engine.postgres.max_connections and restart",
                details=(
                    f"{wanted} × {fleet.service.pool} ({fleet.name}) + {others} (others) + {surge} (rollout)",
                ),
            )

    async def rollout(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Replace every process of a service by one of the release that lies there now."""
        name = str(request["name"])
        async with self._one_change():
            service = self._read_again(name)
            began = time.monotonic()
            journal = self._system.journal
            journal.note("rollout.started", name, "asked for")
            before = self._system.renew(service, str(request.get("release", "")))
            try:
                await self._system.prepare_service(service)
                replaced = await self._replace_all(service)
            except Exception as error:
                self._system.go_back_to(before)
                raise self._halted(name, error) from error
            await self._system.adopt(service)
            seconds = round(time.monotonic() - began, 2)
            journal.note("rollout.done", name, f"{replaced} processes replaced", seconds=seconds)
        return {"service": name, "replaced": replaced, "seconds": seconds}

    def _halted(self, name: str, error: Exception) -> OperationFailed:
        failure = error if isinstance(error, OperationFailed) else None
        what = failure.what if failure else f"{type(error).__name__}: {error}"
        self._system.journal.note("rollout.halted", name, what)
        # A failure says itself whom it happened to.
        reason = what if failure else f"{name}: {what}"
        return OperationFailed(
            "rollout.halted",
            reason,
            hint="the processes that ran before serve on; mend the release and roll out again",
            exit_code=1,
            details=failure.details if failure else (),
        )

    def _read_again(self, name: str) -> Service:
        topology = self._system.read_again()
        known = [service.name for service in self._system.topology.services]
        if name not in known:
            raise OperationFailed(
                "system.unknown-name",
                f"there is no service {name!r} here",
                hint=nearest(name, known) or f"known: {', '.join(known)}",
            )
        found = next((service for service in topology.services if service.name == name), None)
        if found is None:
            raise OperationFailed("rollout.gone", f"{name} is no longer in {topology.file}")
        return found

    async def _replace_all(self, service: Service) -> int:
        done: list[tuple[Fleet, int]] = []
        fleets = [fleet for (owner, _), fleet in self._system.fleets.items() if owner == service.name]
        try:
            for fleet in fleets:
                for number in sorted(fleet.members):
                    await self._replace_one(fleet, number, service, done)
        except Exception:
            await self._go_back(done)
            raise
        return len(done)

    async def _replace_one(
        self, fleet: Fleet, number: int, service: Service, done: list[tuple[Fleet, int]]
    ) -> None:
        before = fleet.members[number]
        try:
            await fleet.replace(number, service, "rolling update")
        finally:
            # Also when only the old one's leaving failed: the new one is in, and must be taken back.
            if fleet.members[number] is not before:
                done.append((fleet, number))
        self._system.note_targets()

    async def _go_back(self, done: list[tuple[Fleet, int]]) -> None:
        for fleet, number in done:
            self._system.journal.note(
                "rollout.going-back", f"{fleet.name}.{number}", "the new release is not ready"
            )
            try:
                await fleet.replace(number, fleet.service, "rollout went back")
            except Exception as error:
                self._system.journal.note(
                    "rollout.stuck", f"{fleet.name}.{number}", f"{error}".splitlines()[0]
                )

    @contextlib.asynccontextmanager
    async def _one_change(self) -> AsyncIterator[None]:
        system = self._system
        if system.phase != "running":
            raise OperationFailed(
                "system.not-ready",
                f"the system is {system.phase}",
                hint="`mainstay wait` waits until it runs",
            )
        if system.changing.locked():
            raise OperationFailed(
                "system.busy", "another change is under way", hint="`mainstay events -f` shows it"
            )
        async with system.changing:
            system.change = asyncio.current_task()
            try:
                yield
            finally:
                system.change = None
