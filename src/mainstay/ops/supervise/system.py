"""
A whole system, from nothing to running and back: the story that `up` and `down` tell.

    claim the folder, end leftovers, find programs
    -> cache and broker, primary database             (together)
       databases and roles; standbys in the background
       each service: collect; once its database answers: migrate, fill
    -> each service: its processes                    (together)
    -> the edge, last, when there is something behind it
    -> monitoring, in the background
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from mainstay.base.errors import OperationFailed, nearest
from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise import leftovers
from mainstay.ops.supervise.assembly import Assembly, assemble, release
from mainstay.ops.supervise.child import become_subreaper, reap_adopted
from mainstay.ops.supervise.cluster import Cluster
from mainstay.ops.supervise.control import ControlServer
from mainstay.ops.supervise.environment import Surroundings
from mainstay.ops.supervise.fleet import Fleet, never_ready
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.links import Links
from mainstay.ops.supervise.logs import rotate
from mainstay.ops.supervise.metrics import MetricsServer
from mainstay.ops.supervise.ports import Ports, check
from mainstay.ops.supervise.preparation import prepare
from mainstay.ops.supervise.rollout import Rollout
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.status import snapshot
from mainstay.ops.supervise.supervised import Patience, State, Supervised, Unit
from mainstay.ops.supervise.twin import Twin
from mainstay.ops.supervise.units import BackgroundProcess, EngineUnit, WebReplica
from mainstay.ops.topology import load
from mainstay.ops.topology.values import Kind, Service, Topology

HOUSEKEEPING = 5.0
DATABASE_PATIENCE = Patience(ready=120.0, silence=3.0, liveness=6.0)
"""A database that is silent for long is lost: its clients hang, and a standby is waiting."""


class System:
    """One running system. `start` once, `stop` once; the state folder must be claimed already."""

    def __init__(
        self,
        topology: Topology,
        state: StateFolder,
        journal: Journal,
        twin: Twin | None = None,
    ) -> None:
        self.topology = topology
        self.state = state
        self.journal = journal
        self.phase = "starting"
        self.failure: OperationFailed | None = None
        self.wanted_down = asyncio.Event()
        self.began = time.monotonic()
        self.engines: dict[str, Supervised] = {}
        self.fleets: dict[tuple[str, str], Fleet] = {}
        self.changing = asyncio.Lock()
        self.change: asyncio.Task[Any] | None = None
        """The planned change under way; a stop cuts it off."""
        self._twin = twin
        self._links: Links | None = None
        self._ports = Ports({})
        self._assembly: Assembly | None = None
        self._rotation: Rotation | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._zombies: set[int] = set()
        self._metrics = MetricsServer(self)
        self._control = ControlServer(state.socket, self._verbs())

    # --- what others may ask ---------------------------------------------------------------

    @property
    def assembly(self) -> Assembly:
        assert self._assembly is not None, "the system has not been assembled yet"  # noqa: S101
        return self._assembly

    @property
    def assembled(self) -> bool:
        return self._assembly is not None

    @property
    def url(self) -> str:
        return self.assembly.around.public_url if self._assembly else ""

    @property
    def durability(self) -> str:
        cluster = self._assembly.cluster if self._assembly else None
        if cluster is None:
            return "none"
        # Before anybody is served, a standby that is not there yet is no loss.
        early = self.phase == "starting" and cluster.durability == "degraded"
        return "starting" if early else cluster.durability

    @property
    def processes(self) -> list[Supervised]:
        return [
            *self.engines.values(),
            *(process for fleet in self.fleets.values() for process in fleet.processes),
        ]

    def role(self, name: str) -> str:
        cluster = self._assembly.cluster if self._assembly else None
        return cluster.role(name) if cluster and name.startswith("postgres.") else ""

    @property
    def ready(self) -> bool:
        """Everything wanted is ready, and durability is what the file asks for."""
        if self.phase != "running" or not self.processes:
            return False
        return all(process.state is State.READY for process in self.processes) and self.durability not in (
            "degraded",
            "blocked",
        )

    # --- up ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """
        Bring everything up.

        Raises:
            OperationFailed, InvalidInput: Something did not come up; the caller stops the rest.
        """
        become_subreaper()
        await asyncio.to_thread(leftovers.end, self.state, self.journal)
        remembered = self.state.load_if_whole("ports")
        self._ports = Ports({name: port for name, port in remembered.items() if isinstance(port, int)})
        check(self.topology.edge.port, self.topology.edge.host, "edge.port")
        self.journal.note("system.starting", self.topology.name, f"from {self.topology.file}")
        await self._control.open()
        metrics = Address("127.0.0.1", self._ports.take("supervisor"))
        self._links = self._make_links()
        self._assembly = await assemble(
            self.topology, self.state, self._ports, self.journal, metrics, self._links
        )
        self.state.save("ports", self._ports.given)
        self._rotation = Rotation(self.assembly.edge, self.journal)
        await self._metrics.open(metrics)
        self._in_background(self._housekeeping())
        await _all(
            [
                self._start_links(),
                self._start_engines(),
                *(self._prepare(service) for service in self.topology.services),
            ]
        )
        if self.assembly.cluster is not None:
            await self.assembly.cluster.until_kept(DATABASE_PATIENCE.ready)
        self._make_fleets()
        await _all(fleet.start() for fleet in self.fleets.values())
        await self._start_unit(EngineUnit(self.assembly.edge, "edge"))
        self._in_background(self._start_monitoring())
        self.phase = "running"
        self.journal.note(
            "system.running", self.topology.name, self.url, seconds=round(time.monotonic() - self.began, 2)
        )

    def _make_links(self) -> Links | None:
        content = self._twin.content() if self._twin else None
        return Links(self.state, self._ports, content.seed) if content and content.links else None

    async def _start_links(self) -> None:
        """Together with the engines: who uses a link waits for what is behind it anyway."""
        if self._links is not None:
            await self._start_unit(self._links)

    async def _start_engines(self) -> None:
        cluster = self.assembly.cluster
        units: list[Unit] = [
            EngineUnit(engine, engine.node.name.partition(".")[0]) for engine in self.assembly.data
        ]
        if cluster is None:
            await _all(self._start_unit(unit) for unit in units)
            return
        cluster.on_failover = self._describe_targets
        for member in cluster.members:
            self._supervise(member, DATABASE_PATIENCE).kill_when_frozen = True
        cluster.bind(self.engines)
        await self.assembly.endpoint.open()
        primary = self.engines[cluster.primary.name]
        primary.start()
        await _all([self._wait(primary), *(self._start_unit(unit) for unit in units)])
        if cluster.waits_from_the_start:
            self._start_standbys(cluster)
            await self.assembly.create_databases()
        else:
            await self.assembly.create_databases()
            self._start_standbys(cluster)
        self._in_background(cluster.watch())
        self._in_background(cluster.end_hanging_commits())

    def _start_standbys(self, cluster: Cluster) -> None:
        for member in cluster.members:
            if member is not cluster.primary:
                self.engines[member.name].start()

    async def _start_monitoring(self) -> None:
        self._describe_targets()
        for engine in self.assembly.monitoring:
            with contextlib.suppress(OperationFailed):
                await self._start_unit(EngineUnit(engine, engine.node.name.partition(".")[0]))

    async def _prepare(self, service: Service) -> None:
        log = self.state.log(f"{service.name}.prepare")
        await prepare(self.assembly.around, service, log, self.journal)

    async def prepare_service(self, service: Service) -> None:
        await self._prepare(service)

    def _make_fleets(self) -> None:
        for service in self.topology.services:
            for kind in service.kinds:
                self.fleets[service.name, kind.name] = Fleet(
                    service,
                    kind,
                    self._hire,
                    lambda: self._rotation,
                    self.journal,
                    self.topology.timeouts.ready + 5,
                )

    def _hire(self, service: Service, kind: Kind, number: int, generation: int) -> Supervised:
        name = f"{service.name}.{kind.name}.{number}"
        unit: Unit
        if kind.name == "web":
            key = f"{name}.g{generation}"
            unit = WebReplica(
                name,
                service,
                lambda: self.assembly.around,
                lambda: Address("127.0.0.1", self._ports.take(key)),
                generation,
                open_link=self._open_edge_link if self._links is not None else None,
            )
        else:
            unit = BackgroundProcess(name, service, kind, lambda: self.assembly.around)
        process = Supervised(
            unit,
            self.journal,
            self.state.log(name),
            patience=Patience(ready=self.topology.timeouts.ready),
            changed=self._changed,
        )
        process.kill_when_frozen = kind.name == "web" and not self.assembly.edge.breaks_hanging
        process.is_spare = lambda: self._others_answer(process)
        return process

    async def _open_edge_link(self, replica: WebReplica) -> Address:
        assert self._links is not None, "only a system with links asks for one"  # noqa: S101
        return await self._links.lead(f"edge->{replica.name}", replica.address, key=replica.backend)

    def _others_answer(self, process: Supervised) -> bool:
        fleet = self.fleets.get((process.unit.service, process.unit.kind))
        others = fleet.processes if fleet else []
        return any(other.state is State.READY for other in others if other is not process)

    def _supervise(self, unit: Unit, patience: Patience | None = None) -> Supervised:
        process = Supervised(
            unit, self.journal, self.state.log(unit.name), patience=patience, changed=self._changed
        )
        self.engines[unit.name] = process
        return process

    async def _start_unit(self, unit: Unit) -> None:
        process = self._supervise(unit)
        process.start()
        await self._wait(process)

    async def _wait(self, process: Supervised) -> None:
        if not await process.wait_ready(process.patience.ready):
            raise never_ready(process)

    # --- while it runs --------------------------------------------------------------------------

    def _changed(self, process: Supervised) -> None:
        self._remember_pids()
        if process.state is State.STOPPED and isinstance(process.unit, WebReplica):
            self._ports.forget(process.unit.backend)
            if self._links is not None:
                self._in_background(self._links.forget(process.unit.backend))
        if process.unit.kind == "edge" and process.state is State.READY and self._rotation is not None:
            self._in_background(self._rotation.repeat())
        if isinstance(process.unit, WebReplica) and self._rotation is not None and self.phase == "running":
            self._in_background(self._tell_edge(process, process.unit))

    async def _tell_edge(self, process: Supervised, replica: WebReplica) -> None:
        rotation = self._rotation
        if rotation is None or process.state in (State.DRAINING, State.STOPPED):
            return
        if process.state is State.READY:
            await rotation.moved(replica)
            self._describe_targets()
        # One that comes back is what the others were kept for, so all of them are judged anew.
        fleet = self.fleets.get((process.unit.service, process.unit.kind))
        for member in fleet.processes if fleet else [process]:
            if isinstance(member.unit, WebReplica):
                await rotation.report(member.unit, functools.partial(self._is_usable, member))

    def _is_usable(self, process: Supervised) -> bool:
        """Whether the edge may send requests there: it answers, or it is slow and nobody else answers either."""
        if process.state is State.READY or process.pid is None:
            return process.state is State.READY
        return not self._others_answer(process)

    def _remember_pids(self) -> None:
        running = {
            process.name: (process.child.pid, process.child.started)
            for process in self.processes
            if process.child is not None and process.child.alive
        }
        with contextlib.suppress(OperationFailed):
            leftovers.remember(self.state, running)

    def _describe_targets(self) -> None:
        """Tell Prometheus where everything is; a full disk must not stop the system for it."""
        with contextlib.suppress(OSError, OperationFailed):
            self.assembly.write_targets(self.processes)

    async def _housekeeping(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING)
            self._remember_pids()
            try:
                await self._tidy()
            except Exception as error:
                # Whatever it is, the next round may do better; without rounds nothing is ever tidied again.
                self.journal.note("supervisor.error", self.topology.name, f"{type(error).__name__}: {error}")

    async def _tidy(self) -> None:
        known = {process.pid for process in self.processes if process.pid is not None}
        self._zombies = reap_adopted(self._zombies, known)
        await asyncio.to_thread(rotate, self.state.logs)
        if self._rotation is not None and self.phase == "running":
            await self._rotation.settle()

    def _in_background(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.journal.note("supervisor.error", self.topology.name, f"{type(error).__name__}: {error}")

    # --- verbs ------------------------------------------------------------------------------------

    def _verbs(self) -> Mapping[str, Any]:
        rollout = Rollout(self)
        return {
            "status": self._status,
            "down": self._down,
            "restart": rollout.restart,
            "scale": rollout.scale,
            "rollout": rollout.rollout,
            "environment": self._environment,
        }

    async def _status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return snapshot(self, memory=bool(request.get("memory")))

    async def _down(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self.wanted_down.set()
        return {"pid": os.getpid()}

    async def _environment(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._assembly is None:
            raise OperationFailed("system.not-ready", f"the system is {self.phase}")
        name, known = str(request["service"]), [service.name for service in self.topology.services]
        if name not in known:
            raise OperationFailed(
                "system.unknown-name",
                f"there is no service {name!r} here",
                hint=nearest(name, known) or f"known: {', '.join(known)}",
            )
        return self._assembly.manage_environment(name)

    def note_targets(self) -> None:
        """Processes came or went."""
        self._describe_targets()

    def read_again(self) -> Topology:
        """
        What the file says now, or what a twin makes of it.

        Raises:
            InvalidInput: With every problem of it.
        """
        topology = load(self.topology.file)
        return self._twin.topology(topology) if self._twin else topology

    def renew(self, service: Service) -> Surroundings:
        """
        Let new processes of a service see its new declaration and release; returns what to `go_back_to`.

        The other services keep theirs until they are rolled out themselves.
        """
        before = self.assembly.around
        services = tuple(service if each.name == service.name else each for each in before.topology.services)
        topology = dataclasses.replace(before.topology, services=services)
        self._see(dataclasses.replace(before, topology=topology, release=release(topology.folder)))
        return before

    def go_back_to(self, before: Surroundings) -> None:
        """A rolling update has failed: what starts from now on sees what it saw before."""
        self._see(before)

    def _see(self, around: Surroundings) -> None:
        self.topology = self.assembly.topology = around.topology
        self.assembly.around = around

    async def adopt(self, service: Service) -> None:
        """From now on this is what the service is: a rolling update has succeeded."""
        for (owner, name), fleet in self.fleets.items():
            kind = next((kind for kind in service.kinds if kind.name == name), None)
            if owner != service.name or kind is None:
                continue
            changed = kind.replicas != fleet.kind.replicas
            fleet.service, fleet.kind = service, kind
            if changed:
                await fleet.scale(kind.replicas)

    def fleet(self, service: str, kind: str) -> Fleet:
        try:
            return self.fleets[service, kind]
        except KeyError:
            known = ", ".join(fleet.name for fleet in self.fleets.values())
            raise OperationFailed(
                "system.unknown-name", f"there is no {service}.{kind} here", hint=f"known: {known}"
            ) from None

    # --- down -------------------------------------------------------------------------------------

    async def stop(self, why: str) -> None:
        """Stop in the order that loses nothing: edge, services, monitoring, engines, database last."""
        self.phase = "stopping"
        self.journal.note("system.stopping", self.topology.name, why)
        for task in list(self._background):
            task.cancel()
        if self.change is not None:
            self.change.cancel()
            await asyncio.wait({self.change})
        cluster = self._assembly.cluster if self._assembly else None
        if cluster is not None:
            cluster.stopping()
        edge = [process for name, process in self.engines.items() if name.startswith("edge.")]
        database = [process for name, process in self.engines.items() if name.startswith("postgres.")]
        links = [process for process in self.engines.values() if process.unit is self._links]
        others = [process for process in self.engines.values() if process not in (*edge, *database, *links)]
        await asyncio.gather(*(process.stop(why, 1.5) for process in edge))
        await asyncio.gather(*(fleet.stop(why) for fleet in self.fleets.values()))
        await asyncio.gather(*(process.stop(why) for process in others))
        await self._stop_database(database, why)
        await asyncio.gather(*(process.stop(why) for process in links))
        if self._assembly is not None:
            await self._assembly.endpoint.close()
        await self._metrics.close()
        self._remember_pids()
        self.phase = "stopped"
        self.journal.note("system.stopped", self.topology.name, why)
        await self._control.close()

    async def _stop_database(self, processes: list[Supervised], why: str) -> None:
        """The primary before its standbys, so that its last words still reach them."""
        cluster = self._assembly.cluster if self._assembly else None
        if cluster is None:
            return
        primary = [process for process in processes if process.name == cluster.primary.name]
        await asyncio.gather(*(process.stop(why) for process in primary))
        await asyncio.gather(*(process.stop(why) for process in processes if process not in primary))

    def kill_all(self) -> None:
        """The second Ctrl-C: SIGKILL to every group, now."""
        for process in self.processes:
            process.abandon()


async def _all(work: Iterable[Awaitable[Any]]) -> None:
    """Run together; when one fails, cancel the rest and raise the first error as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for item in work:
                group.create_task(_as_coroutine(item))
    except BaseExceptionGroup as errors:
        raise _first(errors) from errors


async def _as_coroutine(item: Awaitable[Any]) -> Any:
    return await item


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
