"""
From a topology to the objects of a running system: programs found, ports given, nodes named.

This is the one place that knows every engine by name; nothing is started here.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mainstay.ops.engines import alertmanager, edge, memcached, nats, postgres, prometheus, valkey
from mainstay.ops.engines.alertmanager import Alertmanager
from mainstay.ops.engines.engine import Address, EdgeEngine, Engine, Node, Program
from mainstay.ops.engines.memcached import Memcached
from mainstay.ops.engines.nats import Nats
from mainstay.ops.engines.postgres import PostgresNode
from mainstay.ops.engines.prometheus import Prometheus, Target
from mainstay.ops.engines.valkey import Valkey
from mainstay.ops.supervise.cluster import Cluster
from mainstay.ops.supervise.endpoint import PrimaryEndpoint
from mainstay.ops.supervise.environment import PASSED_ON, Surroundings, for_process
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.links import Links
from mainstay.ops.supervise.ports import LOOPBACK, Ports, check
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import Supervised
from mainstay.ops.supervise.units import BackgroundProcess, WebReplica, manage_command, with_path
from mainstay.ops.topology.values import Service, Topology

Find = Callable[[Any], Program]


def wanted(topology: Topology) -> dict[str, tuple[Find, Any]]:
    """The engines of a topology by name, each with its finder and its declaration."""
    engines = topology.engines
    declared: dict[str, tuple[Find, Any]] = {
        "postgres": (postgres.find, engines.postgres),
        "valkey": (valkey.find, engines.valkey),
        "memcached": (memcached.find, engines.memcached),
        "nats": (nats.find, engines.nats),
        "prometheus": (prometheus.find, engines.prometheus),
        "alertmanager": (alertmanager.find, engines.alertmanager),
    }
    present = {name: pair for name, pair in declared.items() if pair[1] is not None}
    return {**present, "edge": (edge.find, topology.edge)}


async def find_programs(topology: Topology) -> dict[str, Program]:
    """
    Every program the topology needs, looked for at the same time.

    Raises:
        OperationFailed: One of them is missing or too old; says what to install.
    """
    found = await asyncio.gather(
        *(asyncio.to_thread(find, declared) for find, declared in wanted(topology).values())
    )
    return dict(zip(wanted(topology), found, strict=True))


@dataclass
class Assembly:
    """What a system is made of while it runs."""

    topology: Topology
    programs: dict[str, Program]
    edge: EdgeEngine
    around: Surroundings
    endpoint: PrimaryEndpoint
    metrics: Address
    cluster: Cluster | None = None
    links: Links | None = None
    data: list[Engine] = field(default_factory=list)
    """Cache and broker: up before any service."""
    monitoring: list[Engine] = field(default_factory=list)

    @property
    def measured(self) -> list[Engine]:
        """The engines that may have figures to show."""
        nodes = [member.node for member in self.cluster.members] if self.cluster else []
        return [*nodes, *self.data]

    async def create_databases(self) -> None:
        """A database and a role for each service that needs one; existing ones stay as they are."""
        if self.cluster is None:
            return
        needing = tuple(service.name for service in self.topology.services if "postgres" in service.needs)
        await self.cluster.primary.node.create_databases(needing)

    def manage_environment(self, name: str) -> dict[str, Any]:
        """What ``manage.py`` of a service needs in order to run beside the system."""
        service = self.topology.service(name)
        env = for_process(self.around, service, "manage", f"{name}.manage")
        return {
            "cwd": str(service.root),
            "env": with_path(service, env),
            "command": list(manage_command(service, ())),
        }

    def write_targets(self, processes: list[Supervised]) -> None:
        """Tell Prometheus what to scrape now."""
        targets = [Target("supervisor", str(self.metrics), {})]
        if self.edge.node.monitor is not None:
            targets.append(Target("edge", str(self.edge.node.monitor), {}))
        for process in processes:
            unit = process.unit
            labels = {"service": unit.service, "process": unit.name}
            if isinstance(unit, WebReplica) and unit.address.port:
                targets.append(Target("replica", str(unit.address), labels))
            elif isinstance(unit, BackgroundProcess) and unit.answers:
                targets.append(Target("background", str(unit.address), labels))
        for engine in self.monitoring:
            if isinstance(engine, Prometheus):
                engine.write_targets(targets)


async def assemble(
    topology: Topology,
    state: StateFolder,
    ports: Ports,
    journal: Journal,
    metrics: Address,
    links: Links | None = None,
    twin: Path | None = None,
) -> Assembly:
    """
    Find every program and give every node its place; ``twin`` is the folder of a system that is one.

    Raises:
        OperationFailed: A program is missing, or a fixed port is taken.
    """
    programs = await find_programs(topology)
    for name, program in programs.items():
        facts = {"program": program.engine, "version": program.version, "path": str(program.path)}
        journal.note("engine.found", name, program.reason, **facts)
    builder = _Builder(topology, state, ports, programs, links, twin)
    nodes = builder.postgres_nodes()
    endpoint = PrimaryEndpoint(builder.endpoint_address())
    data, monitoring = builder.data(), builder.monitoring()
    edge_node = builder.edge_node()
    return Assembly(
        topology,
        programs,
        edge.create(programs["edge"], topology, edge_node),
        builder.surroundings(nodes, endpoint, data, edge_node),
        endpoint,
        metrics,
        builder.cluster(nodes, endpoint, journal),
        links,
        data,
        monitoring,
    )


@dataclass
class _Builder:
    topology: Topology
    state: StateFolder
    ports: Ports
    programs: dict[str, Program]
    links: Links | None = None
    twin: Path | None = None
    secrets: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        services = [service.name for service in self.topology.services]
        self.secrets = self.state.secrets(
            [
                "internal",
                *(f"django.{service}" for service in services),
                *postgres.secret_names(tuple(services)),
                *valkey.SECRETS,
                *nats.SECRETS,
            ]
        )

    def _address(self, owner: str, declared: int = 0, key: str = "") -> Address:
        if declared:
            check(declared, LOOPBACK, key)
            return Address(LOOPBACK, declared)
        return Address(LOOPBACK, self.ports.take(owner))

    def _node(self, name: str, declared: int = 0, *, monitor: bool = False) -> Node:
        folder = self.state.node(name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = name.partition(".")[0]
        return Node(
            name,
            folder,
            self._address(name, declared, f"engine.{engine}.port"),
            self._address(f"{name}.monitor") if monitor else None,
        )

    def postgres_nodes(self) -> list[PostgresNode]:
        declared = self.topology.engines.postgres
        if declared is None:
            return []
        places = [self._node(f"postgres.{number}") for number in range(1, declared.standbys + 2)]
        return [
            PostgresNode(
                place, self.programs["postgres"], declared, self.secrets, self._upstreams(place, places)
            )
            for place in places
        ]

    def _upstreams(self, follower: Node, nodes: list[Node]) -> dict[str, Address]:
        """In a system with links: where one node follows each of the others."""
        if self.links is None:
            return {}
        return {
            node.name: self.links.declare(f"{follower.name}->{node.name}", node.address)
            for node in nodes
            if node is not follower
        }

    def endpoint_address(self) -> Address:
        declared = self.topology.engines.postgres
        return self._address("postgres.endpoint", declared.port if declared else 0, "engine.postgres.port")

    def cluster(
        self, nodes: list[PostgresNode], endpoint: PrimaryEndpoint, journal: Journal
    ) -> Cluster | None:
        declared = self.topology.engines.postgres
        if declared is None:
            return None
        return Cluster(
            nodes,
            endpoint,
            self.state,
            journal,
            synchronous=declared.synchronous,
            strict=declared.durability == "strict",
            patience=self.topology.timeouts.statement,
        )

    def data(self) -> list[Engine]:
        engines = self.topology.engines
        found: list[Engine] = []
        if engines.valkey is not None:
            node = self._node("valkey.1", engines.valkey.port)
            found.append(Valkey(node, self.programs["valkey"], engines.valkey, self.secrets))
        if engines.memcached is not None:
            node = self._node("memcached.1", engines.memcached.port)
            found.append(Memcached(node, self.programs["memcached"], engines.memcached))
        if engines.nats is not None:
            node = self._node("nats.1", engines.nats.port, monitor=True)
            found.append(Nats(node, self.programs["nats"], engines.nats, self.secrets))
        return found

    def monitoring(self) -> list[Engine]:
        engines = self.topology.engines
        found: list[Engine] = []
        alerts = None
        if engines.alertmanager is not None:
            node = self._node("alertmanager.1", engines.alertmanager.port)
            alerts = node.address
            found.append(Alertmanager(node, self.programs["alertmanager"], engines.alertmanager))
        if engines.prometheus is not None:
            node = self._node("prometheus.1", engines.prometheus.port)
            found.append(Prometheus(node, self.programs["prometheus"], engines.prometheus, alerts))
        return found

    def edge_node(self) -> Node:
        declared = self.topology.edge
        folder = self.state.node("edge.1")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        port = declared.port or self.ports.take("edge.1")
        return Node(
            "edge.1",
            folder,
            Address(declared.host, port),
            self._address("edge.1.monitor"),
            {service.name: self._address(f"inside.{service.name}") for service in self.topology.services},
        )

    def surroundings(
        self, nodes: list[PostgresNode], endpoint: PrimaryEndpoint, data: list[Engine], edge_node: Node
    ) -> Surroundings:
        around = self._directly(nodes, endpoint, data, edge_node)
        if self.links is None:
            return around
        engines = {engine.node.name.partition(".")[0]: engine.node.address for engine in data}
        return replace(around, links=self._consumers_links(around, engines))

    def _consumers_links(self, around: Surroundings, engines: Mapping[str, Address]) -> dict[str, Address]:
        assert self.links is not None  # noqa: S101 - the caller has looked
        found: dict[str, Address] = {}
        for service in self.topology.services:
            for name, address in _consumed(around, service, engines).items():
                link = f"{service.name}->{name}"
                found[link] = self.links.declare(link, address)
        return found

    def _directly(
        self, nodes: list[PostgresNode], endpoint: PrimaryEndpoint, data: list[Engine], edge_node: Node
    ) -> Surroundings:
        return Surroundings(
            topology=self.topology,
            secrets=self.secrets,
            postgres=tuple(node.node.address for node in nodes),
            primary_endpoint=endpoint.address if nodes else None,
            urls={engine.node.name.partition(".")[0]: getattr(engine, "url") for engine in data},  # noqa: B009
            edge=edge_node.address,
            inside=edge_node.inside,
            static={service.name: self.state.static(service.name) for service in self.topology.services},
            release=release(self.topology.folder),
            passed_on={name: os.environ[name] for name in PASSED_ON if os.environ.get(name)},
            twin=self.twin,
        )


def _consumed(around: Surroundings, service: Service, engines: Mapping[str, Address]) -> dict[str, Address]:
    """Whom a service is told of, and where they are."""
    found: dict[str, Address] = {}
    if "postgres" in service.needs and around.primary_endpoint is not None:
        found["postgres"] = around.primary_endpoint
        found |= {f"postgres.{number}": address for number, address in enumerate(around.postgres, 1)}
    found |= {name: address for name, address in engines.items() if name in service.needs}
    found |= {name: address for name, address in around.inside.items() if name != service.name}
    return found


def release(folder: Path) -> str:
    """``MAINSTAY_RELEASE`` if set, else the short hash of the checkout, else ``unknown``."""
    if told := os.environ.get("MAINSTAY_RELEASE"):
        return told
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"],  # noqa: S607 - git where PATH has it
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
