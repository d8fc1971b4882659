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
import time
from collections.abc import Mapping
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise import leftovers
from mainstay.ops.supervise.assembly import Assembly, assemble, release
from mainstay.ops.supervise.background import Background
from mainstay.ops.supervise.certificate import Certificate
from mainstay.ops.supervise.child import become_subreaper
from mainstay.ops.supervise.cluster import Cluster
from mainstay.ops.supervise.control import ControlServer
from mainstay.ops.supervise.disk import Disk, Room
from mainstay.ops.supervise.environment import Surroundings
from mainstay.ops.supervise.fleet import Fleet, never_ready
from mainstay.ops.supervise.fleets import Fleets
from mainstay.ops.supervise.housekeeping import Housekeeping
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.links import Links
from mainstay.ops.supervise.metrics import MetricsServer
from mainstay.ops.supervise.ports import Ports, check
from mainstay.ops.supervise.preparation import prepare
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import Patience, State, Supervised, Unit
from mainstay.ops.supervise.together import together
from mainstay.ops.supervise.twin import Twin
from mainstay.ops.supervise.units import BackgroundProcess, EngineUnit, WebReplica
from mainstay.ops.supervise.verbs import verbs
from mainstay.ops.topology import load
from mainstay.ops.topology.origin import Origin
from mainstay.ops.topology.values import Service, Topology

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
        self.disk = Disk(state.path, topology.name, journal)
        self.engines: dict[str, Supervised] = {}
        self.changing = asyncio.Lock()
        self.change: asyncio.Task[Any] | None = None
        """The planned change under way; a stop cuts it off."""
        self._twin = twin
        self._links: Links | None = None
        self._ports = Ports({})
        self._assembly: Assembly | None = None
        self._rotation: Rotation | None = None
        self._fleets: Fleets | None = None
        self._background = Background(topology.name, journal)
        self._housekeeping = Housekeeping(state, lambda: self.processes)
        self._metrics = MetricsServer(self)
        public = Origin.of(topology.edge.public_url) if topology.edge.public_url else None
        self.certificate = Certificate(public, journal.note) if public and public.scheme == "https" else None
        """Of the public address, where that is https; a twin has none of its own."""
        self._control = ControlServer(state.socket, verbs(self))

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
    def fleets(self) -> Mapping[tuple[str, str], Fleet]:
        """By service and kind; none before there is a database to start them on."""
        return self._fleets.by_name if self._fleets else {}

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
        """Everything wanted is ready, durability is what the file asks for, and the disk takes writes."""
        if self.phase != "running" or not self.processes:
            return False
        if self.durability in ("degraded", "blocked") or self.disk.room is Room.FULL:
            return False
        return all(process.state is State.READY for process in self.processes)

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
            self.topology,
            self.state,
            self._ports,
            self.journal,
            metrics,
            self._links,
            self._twin.folder if self._twin else None,
        )
        self.state.save("ports", self._ports.given)
        self._rotation = Rotation(self.assembly.edge, self.journal)
        await self._metrics.open(metrics)
        self._background.start(self._housekeeping.run(self._settle, self._background.failed))
        await together(
            [
                self._start_links(),
                self._start_engines(),
                *(self._prepare(service) for service in self.topology.services),
            ]
        )
        if self.assembly.cluster is not None:
            await self.assembly.cluster.until_kept(DATABASE_PATIENCE.ready)
        self._fleets = Fleets(
            self.topology, self.assembly, self.state, self._ports, self.journal, self._rotation, self._changed
        )
        await together(fleet.start() for fleet in self.fleets.values())
        await self._start_unit(EngineUnit(self.assembly.edge, "edge"))
        self._background.start(self._start_monitoring())
        if self.certificate is not None:
            self._background.start(self.certificate.watch())
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
            await together(self._start_unit(unit) for unit in units)
            return
        cluster.on_failover = self._describe_targets
        for member in cluster.members:
            self._supervise(member, DATABASE_PATIENCE).kill_when_frozen = True
        cluster.bind(self.engines)
        await self.assembly.endpoint.open()
        primary = self.engines[cluster.primary.name]
        primary.start()
        await together([self._wait(primary), *(self._start_unit(unit) for unit in units)])
        if cluster.waits_from_the_start:
            self._start_standbys(cluster)
            await self.assembly.create_databases()
        else:
            await self.assembly.create_databases()
            self._start_standbys(cluster)
        self._background.start(cluster.watch())
        self._background.start(cluster.end_hanging_commits())

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
        self._housekeeping.remember_pids()
        if process.state is State.STOPPED and isinstance(process.unit, WebReplica):
            self._ports.forget(process.unit.backend)
            if self._links is not None:
                self._background.start(self._links.forget(process.unit.backend))
        if process.unit.kind == "edge" and process.state is State.READY and self._rotation is not None:
            self._background.start(self._rotation.repeat())
        if isinstance(process.unit, WebReplica) and self._rotation is not None and self.phase == "running":
            self._background.start(self._tell_edge(process, process.unit))
        if isinstance(process.unit, BackgroundProcess) and self.phase == "running":
            self._describe_targets()

    async def _tell_edge(self, process: Supervised, replica: WebReplica) -> None:
        rotation = self._rotation
        if rotation is None or process.state in (State.DRAINING, State.STOPPED):
            return
        if process.state is State.READY:
            await rotation.moved(replica)
            self._describe_targets()
        if self._fleets is not None:
            await self._fleets.report(process)

    def _describe_targets(self) -> None:
        """Tell Prometheus where everything is; a full disk must not stop the system for it."""
        with contextlib.suppress(OSError, OperationFailed):
            self.assembly.write_targets(self.processes)

    async def _settle(self) -> None:
        self.disk.look()
        if self._rotation is not None and self.phase == "running":
            await self._rotation.settle()

    # --- what changes while it runs ----------------------------------------------------------------

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

    def renew(self, service: Service, told: str = "") -> Surroundings:
        """
        Let new processes of a service see its new declaration and release; returns what to `go_back_to`.

        The other services keep theirs until they are rolled out themselves. The release is what was ``told``, or what
        `release` finds.
        """
        before = self.assembly.around
        services = tuple(service if each.name == service.name else each for each in before.topology.services)
        topology = dataclasses.replace(before.topology, services=services)
        self._see(dataclasses.replace(before, topology=topology, release=told or release(topology.folder)))
        return before

    def go_back_to(self, before: Surroundings) -> None:
        """A rolling update has failed: what starts from now on sees what it saw before."""
        self._see(before)

    def _see(self, around: Surroundings) -> None:
        self.topology = self.assembly.topology = around.topology
        self.assembly.around = around

    async def adopt(self, service: Service) -> None:
        """From now on this is what the service is: a rolling update has succeeded."""
        assert self._fleets is not None, "nothing is updated before it runs"  # noqa: S101
        await self._fleets.adopt(service)

    def fleet(self, service: str, kind: str) -> Fleet:
        """
        Raises:
            OperationFailed: There is none of this name.
        """
        assert self._fleets is not None, "nothing is scaled before it runs"  # noqa: S101
        return self._fleets.fleet(service, kind)

    # --- down -------------------------------------------------------------------------------------

    async def stop(self, why: str) -> None:
        """Stop in the order that loses nothing: edge, services, monitoring, engines, database last."""
        self.phase = "stopping"
        self.journal.note("system.stopping", self.topology.name, why)
        self._background.cancel()
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
        self._housekeeping.remember_pids()
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
