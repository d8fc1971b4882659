"""The processes of all services: made when they are wanted, found by their names, and judged for the edge."""

from __future__ import annotations

import functools
from collections.abc import Callable

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise.assembly import Assembly
from mainstay.ops.supervise.fleet import Fleet
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.ports import Ports
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import Patience, State, Supervised, Unit
from mainstay.ops.supervise.units import BackgroundProcess, WebReplica
from mainstay.ops.topology.values import Kind, Service, Topology

MARGIN = 5.0
"""Seconds that a fleet waits longer than its processes have to become ready: they say why they did not."""


class Fleets:
    """
    One fleet for each kind of process of each service, none of them started yet.

    ``changed`` is called whenever a process changes its state.
    """

    def __init__(
        self,
        topology: Topology,
        assembly: Assembly,
        state: StateFolder,
        ports: Ports,
        journal: Journal,
        rotation: Rotation,
        changed: Callable[[Supervised], None],
    ) -> None:
        self._ready_timeout = topology.timeouts.ready
        self._assembly = assembly
        self._state = state
        self._ports = ports
        self._journal = journal
        self._rotation = rotation
        self._changed = changed
        self.by_name = {
            (service.name, kind.name): Fleet(
                service, kind, self._hire, lambda: rotation, journal, self._ready_timeout + MARGIN
            )
            for service in topology.services
            for kind in service.kinds
        }

    def fleet(self, service: str, kind: str) -> Fleet:
        """
        Raises:
            OperationFailed: There is none of this name.
        """
        try:
            return self.by_name[service, kind]
        except KeyError:
            known = ", ".join(fleet.name for fleet in self.by_name.values())
            raise OperationFailed(
                "system.unknown-name", f"there is no {service}.{kind} here", hint=f"known: {known}"
            ) from None

    async def adopt(self, service: Service) -> None:
        """From now on this is what the service is: a rolling update has succeeded."""
        for (owner, name), fleet in self.by_name.items():
            kind = next((kind for kind in service.kinds if kind.name == name), None)
            if owner != service.name or kind is None:
                continue
            changed = kind.replicas != fleet.kind.replicas
            fleet.service, fleet.kind = service, kind
            if changed:
                await fleet.scale(kind.replicas)

    async def report(self, process: Supervised) -> None:
        """Tell the edge which processes of a fleet it may use, now that one of them has changed."""
        # One that comes back is what the others were kept for, so all of them are judged anew.
        for member in self._beside(process):
            if isinstance(member.unit, WebReplica):
                await self._rotation.report(member.unit, functools.partial(self._is_usable, member))

    # --- making processes --------------------------------------------------------------------

    def _hire(self, service: Service, kind: Kind, number: int, generation: int) -> Supervised:
        name = f"{service.name}.{kind.name}.{number}"
        process = Supervised(
            self._unit(name, service, kind, generation),
            self._journal,
            self._state.log(name),
            patience=Patience(ready=self._ready_timeout),
            changed=self._changed,
        )
        process.kill_when_frozen = kind.name == "web" and not self._assembly.edge.breaks_hanging
        process.is_spare = lambda: self._others_answer(process)
        if isinstance(process.unit, BackgroundProcess):
            process.unit.heard = lambda: self._changed(process)
        return process

    def _unit(self, name: str, service: Service, kind: Kind, generation: int) -> Unit:
        key = f"{name}.g{generation}"

        def take_port() -> Address:
            return Address("127.0.0.1", self._ports.take(key))

        if kind.name != "web":
            return BackgroundProcess(
                name, service, kind, lambda: self._assembly.around, take_port, generation
            )
        return WebReplica(
            name,
            service,
            lambda: self._assembly.around,
            take_port,
            generation,
            open_link=self._open_link if self._assembly.links is not None else None,
        )

    async def _open_link(self, replica: WebReplica) -> Address:
        assert self._assembly.links is not None, "only a system with links asks for one"  # noqa: S101
        return await self._assembly.links.lead(f"edge->{replica.name}", replica.address, key=replica.backend)

    # --- judging them ------------------------------------------------------------------------

    def _beside(self, process: Supervised) -> list[Supervised]:
        """Its fleet, with itself."""
        fleet = self.by_name.get((process.unit.service, process.unit.kind))
        return fleet.processes if fleet else [process]

    def _others_answer(self, process: Supervised) -> bool:
        return any(other.state is State.READY for other in self._beside(process) if other is not process)

    def _is_usable(self, process: Supervised) -> bool:
        """Whether the edge may send requests there: it answers, or it is slow and nobody else answers either."""
        if process.state is State.READY or process.pid is None:
            return process.state is State.READY
        return not self._others_answer(process)
