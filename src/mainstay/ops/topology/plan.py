"""What a topology means, spelled out: every process, address, sum, limit and default. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mainstay.base.schema import Default
from mainstay.base.units import duration_text
from mainstay.ops.topology.arithmetic import CHAINS, Budget, budget
from mainstay.ops.topology.resolve import ENGINES_BY_NAME, ENGINES_BY_NEED
from mainstay.ops.topology.values import AUTOMATIC, Kind, Service, Timeouts, Topology

LOOPBACK = "127.0.0.1"
Role = Literal["primary", "standby", ""]


@dataclass(frozen=True, slots=True)
class Process:
    """One process that would run."""

    name: str
    """``catalog.web.1``, ``postgres.2``, ``edge.1``."""
    service: str
    """Empty for engines."""
    kind: str
    """``web``, ``worker`` …, or the engine."""
    role: Role
    host: str
    """Empty for a process that listens nowhere."""
    port: int
    """0 is chosen at the start."""
    pool: int
    """Most database connections it may hold; 0 for none."""
    runs: str
    """The application, the command or the engine's choice."""
    public: bool = False
    """Whether it may be reached from outside; all others answer inside only."""

    @property
    def address(self) -> str:
        if not self.host:
            return ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{'auto' if self.port == AUTOMATIC else self.port}"


@dataclass(frozen=True, slots=True)
class Route:
    """Requests below ``prefix`` go to ``service``; the longest prefix wins."""

    prefix: str
    service: str


@dataclass(frozen=True, slots=True)
class Step:
    """Things that start together; the next step waits until all of them are ready."""

    names: tuple[str, ...]
    does: str
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole system before its start."""

    system: str
    file: str
    url: str
    """Where the edge listens."""
    public_url: str
    """How people reach it through what stands in front; empty when nothing does."""
    processes: tuple[Process, ...]
    routes: tuple[Route, ...]
    inside_only: tuple[str, ...]
    """Services that the edge sends nothing to."""
    steps: tuple[Step, ...]
    budget: Budget | None
    timeouts: Timeouts
    defaults: tuple[Default, ...]

    @property
    def chains(self) -> tuple[str, ...]:
        """Such as ``edge 15 s > request 10 s > statement 5 s > lock 2 s``."""
        return tuple(
            " > ".join(f"{name} {duration_text(getattr(self.timeouts, name))}" for name in chain)
            for chain in CHAINS
        )

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        told["processes"] = [{**asdict(each), "address": each.address} for each in self.processes]
        told["timeouts"]["chains"] = list(self.chains)
        if self.budget:
            sums = {"used": self.budget.used, "offered": self.budget.offered, "fits": self.budget.fits}
            told["budget"] |= sums
            for share, told_share in zip(self.budget.shares, told["budget"]["shares"], strict=True):
                told_share["connections"] = share.connections
        return told


def plan(topology: Topology) -> Plan:
    """Spell out a topology."""
    routes = [Route(prefix, service.name) for service in topology.services for prefix in service.routes]
    processes = (*_engines(topology), *_service_processes(topology), _edge(topology))
    return Plan(
        system=topology.name,
        file=str(topology.file),
        url=_url(topology),
        public_url=topology.edge.public_url,
        processes=processes,
        routes=tuple(sorted(routes, key=lambda route: (-len(route.prefix), route.prefix))),
        inside_only=tuple(service.name for service in topology.services if not service.routes),
        steps=tuple(step for step in _steps(topology, processes) if step.names),
        budget=budget(topology),
        timeouts=topology.timeouts,
        defaults=topology.defaults,
    )


def _engines(topology: Topology) -> Iterator[Process]:
    for name in (*ENGINES_BY_NEED, *ENGINES_BY_NAME):
        engine = getattr(topology.engines, name)
        if engine is None:
            continue
        role: Role = "primary" if name == "postgres" else ""
        yield _engine(f"{name}.1", engine.port, role, engine.program)
        for number in range(2, 2 + getattr(engine, "standbys", 0)):
            yield _engine(f"{name}.{number}", AUTOMATIC, "standby", engine.program)


def _engine(name: str, port: int, role: Role, program: str) -> Process:
    return Process(name, "", name.partition(".")[0], role, LOOPBACK, port, 0, program)


def _edge(topology: Topology) -> Process:
    edge = topology.edge
    runs = edge.program or edge.engine
    return Process("edge.1", "", "edge", "", edge.host, edge.port, 0, runs, public=True)


def _service_processes(topology: Topology) -> Iterator[Process]:
    for service in topology.services:
        for kind in service.kinds:
            for number in range(1, kind.replicas + 1):
                yield _process(service, kind, f"{service.name}.{kind.name}.{number}")


def _process(service: Service, kind: Kind, name: str) -> Process:
    pool = service.pool if "postgres" in service.needs else 0
    if kind.name == "web":
        runs = f"{service.interface} {service.application}"
        return Process(name, service.name, kind.name, "", LOOPBACK, AUTOMATIC, pool, runs)
    runs = " ".join(kind.command) or "built in"
    return Process(name, service.name, kind.name, "", "", AUTOMATIC, pool, runs)


def _url(topology: Topology) -> str:
    edge = topology.edge
    host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(edge.host, edge.host)  # noqa: S104 - compared with
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}" + (f":{edge.port}" if edge.port != AUTOMATIC else "")


def _steps(topology: Topology, processes: tuple[Process, ...]) -> Iterator[Step]:
    def named(*kinds: str, role: Role = "") -> tuple[str, ...]:
        return tuple(
            each.name for each in processes if not each.service and each.kind in kinds and each.role == role
        )

    engines = (*named("postgres", role="primary"), *named("valkey", "memcached", "nats"))
    yield Step(engines, "engines, all at once")
    yield Step(tuple(service.name for service in topology.services), "migrate, collect static files, prepare")
    yield Step(tuple(each.name for each in processes if each.service), "services, all at once")
    yield Step(named("edge"), "the edge opens when everything behind it is ready")
    background = (*named("postgres", role="standby"), *named(*ENGINES_BY_NAME))
    yield Step(background, "in the background; nothing waits for them", waits=False)
