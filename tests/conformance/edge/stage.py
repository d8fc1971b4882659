"""A small real system: an edge in front of replicas, on free ports, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mainstay.ops.engines import edge
from mainstay.ops.engines.engine import Address, Backend, EdgeEngine, File, Node, Program
from mainstay.ops.engines.oneshot import as_unprivileged, environment
from mainstay.ops.topology.values import Edge, Engines, Service, Timeouts, Topology
from tests.conformance.edge import talk

REPLICA = Path(__file__).with_name("replica.py")
ROUTES = {"catalog": ("/",), "orders": ("/api/orders/", "/basket/")}
LIMITS = Edge(
    host="127.0.0.1",
    port=0,
    engine="auto",
    program="",
    hosts=("localhost", "tickets.example.com", "[::1]"),
    max_body=200_000,
    max_header=16_384,
    max_connections=1024,
    connections_per_source=64,
)
TIMEOUTS = Timeouts(edge=6.0, request=2.0, statement=1.0, lock=0.5, connect=1.0)


def free_address() -> Address:
    """An address below those that the kernel hands out, so that no client takes it in the meantime."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return Address("127.0.0.1", port)


def service(name: str, routes: tuple[str, ...]) -> Service:
    return Service(
        name=name,
        root=Path(),
        settings="",
        application="",
        interface="asgi",
        manage=Path(),
        kinds=(),
        routes=routes,
        needs=(),
        calls=(),
        consumes=(),
        pool=1,
        threads=1,
        migrate=False,
        prepare=(),
        env={},
        python="",
        static_url="/static/",
    )


def topology(limits: Edge = LIMITS, routes: dict[str, tuple[str, ...]] = ROUTES) -> Topology:
    services = tuple(service(name, prefixes) for name, prefixes in routes.items())
    return Topology("stage", Path("mainstay.toml"), limits, services, Engines(), TIMEOUTS)


@dataclass
class Replica:
    """One process behind the edge."""

    backend: Backend
    process: subprocess.Popen[bytes]

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)

    def answers(self, limit: float) -> bool:
        with contextlib.suppress(OSError):
            return talk.request(self.backend.address, "/readyz", timeout=limit).status == 200
        return False


@dataclass
class Mutation:
    """A change to the configuration that takes one promise away."""

    found: str
    instead: str

    def __call__(self, file: File) -> File:
        return replace(file, text=file.text.replace(self.found, self.instead))

    def applied(self, files: tuple[File, ...]) -> tuple[File, ...]:
        assert any(self.found in file.text for file in files), f"the mutation does not bite: {self.found}"
        return tuple(map(self, files))


@dataclass
class Stage:
    """Everything of one test; `open_stage` makes and clears it."""

    folder: Path
    edge: EdgeEngine
    process: subprocess.Popen[bytes] | None = None
    replicas: list[Replica] = field(default_factory=list)

    @property
    def address(self) -> Address:
        return self.edge.node.address

    @property
    def monitor(self) -> Address:
        assert self.edge.node.monitor
        return self.edge.node.monitor

    @property
    def log(self) -> str:
        return (self.folder / "edge.log").read_text(errors="replace")

    # --- the edge ----------------------------------------------------------------------

    def start_edge(self) -> None:
        asyncio.run(self.edge.prepare())
        self.launch(as_unprivileged(self.edge.launch().argv))

    def launch(self, argv: tuple[str, ...]) -> None:
        launch = self.edge.launch()
        with (self.folder / "edge.log").open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                cwd=launch.cwd,
                env=environment(launch.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert within(10, lambda: asyncio.run(self.edge.probe()).ready), self.log

    def stop_edge(self) -> int:
        assert self.process
        launch = self.edge.launch()
        self.process.send_signal(launch.stop_signal)
        return self.process.wait(launch.stop_timeout)

    # --- replicas ------------------------------------------------------------------------

    def add_replica(self, name: str, service: str = "catalog") -> Replica:
        """Start a replica; it is not in rotation yet."""
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
            process = subprocess.Popen(
                [sys.executable, str(REPLICA), str(listener.fileno())],
                env={**os.environ, "REPLICA_NAME": name, "REPLICA_FOLDER": str(self.folder)},
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
            address = Address(*listener.getsockname())
        replica = Replica(Backend(name, service, address), process)
        self.replicas.append(replica)
        return replica

    def wait_for_replicas(self) -> None:
        for replica in self.replicas:
            assert within(10, lambda each=replica: each.answers(1.0)), f"{replica.backend.name} did not start"

    async def rotate(self, *replicas: Replica) -> None:
        await self.edge.apply(tuple(replica.backend for replica in replicas))

    # --- what the replicas saw -----------------------------------------------------------

    def seen(self, containing: str = "") -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / "seen.jsonl").read_text().splitlines()
            return [json.loads(line) for line in lines if containing in line]
        return []

    def allow(self, mark: str) -> None:
        (self.folder / f"mark-{mark}").touch()

    def clear(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)
        for replica in self.replicas:
            replica.kill()


def within(limit: float, condition: Any) -> bool:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def open_stage(
    program: Program,
    *,
    replicas: tuple[tuple[str, str], ...] = (
        ("catalog.web.1.g1", "catalog"),
        ("catalog.web.2.g1", "catalog"),
    ),
    system: Topology | None = None,
    mutation: Mutation | None = None,
    parent: Path | None = None,
) -> Iterator[Stage]:
    """A started edge with these replicas (name, service) in rotation."""
    with tempfile.TemporaryDirectory(prefix="mainstay-edge-", dir=parent) as name:
        stage = Stage(Path(name), build(program, system or topology(), Path(name) / "edge", mutation))
        try:
            for replica, of_service in replicas:
                stage.add_replica(replica, of_service)
            stage.start_edge()
            stage.wait_for_replicas()
            asyncio.run(stage.rotate(*stage.replicas))
            yield stage
        finally:
            stage.clear()


def build(program: Program, system: Topology, folder: Path, mutation: Mutation | None) -> EdgeEngine:
    folder.mkdir(mode=0o700)
    inside = {each.name: free_address() for each in system.services if each.name == "orders"}
    engine = edge.create(program, system, Node("edge.1", folder, free_address(), free_address(), inside))
    if mutation is not None:
        honest = engine.files
        engine.files = lambda: mutation.applied(honest())  # type: ignore[method-assign]
    return engine
