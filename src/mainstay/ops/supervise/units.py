"""What can be supervised: an engine's node, a web replica, a process without an address."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.base import wire
from mainstay.ops.engines.engine import Address, Engine, Launch, Probe
from mainstay.ops.supervise.environment import Surroundings, for_process, interpreter
from mainstay.ops.topology.values import Kind, Service

PROBE_TIMEOUT = 0.4
LONGEST = 16 * 1024
"""Bytes of an answer that are read."""
SETTLED = 1.0
"""Seconds after which a process that answers no probes counts as ready, if it still runs."""


@dataclass
class EngineUnit:
    """An engine's node."""

    engine: Engine
    kind: str
    service: str = ""

    @property
    def name(self) -> str:
        return self.engine.node.name

    async def prepare(self) -> None:
        await self.engine.prepare()

    def launch(self) -> Launch:
        return self.engine.launch()

    async def probe(self) -> Probe:
        return await self.engine.probe()

    def strays(self) -> list[int]:
        return []


@dataclass
class WebReplica:
    """One server process of a service, asked over HTTP on its own address."""

    name: str
    declared: Service
    around: Callable[[], Surroundings]
    take_port: Callable[[], Address]
    generation: int = 1
    kind: str = "web"
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    open_link: Callable[[WebReplica], Awaitable[Address]] | None = None
    """In a system with links: makes the edge's own link lead here, and says where it listens."""
    _link: Address | None = field(default=None, init=False)

    @property
    def service(self) -> str:
        return self.declared.name

    @property
    def backend(self) -> str:
        """The name under which the edge knows this very process; unlike ``name`` never used twice."""
        return f"{self.name}.g{self.generation}"

    @property
    def edge_address(self) -> Address:
        """Where the edge reaches it."""
        return self._link or self.address

    async def prepare(self) -> None:
        self.address = self.take_port()
        if self.open_link is not None:
            self._link = await self.open_link(self)

    def launch(self) -> Launch:
        timeouts = self.around().topology.timeouts
        return Launch(
            argv=(interpreter(self.declared), "-m", wire.SERVE_MODULE),
            cwd=self.declared.root,
            env=environment_of(self, self.around()),
            stop_timeout=timeouts.stop,
        )

    async def probe(self) -> Probe:
        try:
            return await asyncio.wait_for(ask_ready(self.address), PROBE_TIMEOUT)
        except ConnectionRefusedError:
            return Probe(False, "not listening yet", answered=False)
        except (OSError, TimeoutError, ValueError) as error:
            return Probe(False, f"no answer on {self.address}: {type(error).__name__}", answered=False)

    def strays(self) -> list[int]:
        return []


@dataclass
class BackgroundProcess:
    """
    A worker, relay, beat or other process that only answers probes.

    One that sets Django up with Mainstay's apps says itself whether it is ready. Any other program is ready once it has
    run for a second: there is nothing to ask it.
    """

    name: str
    declared: Service
    declared_kind: Kind
    around: Callable[[], Surroundings]
    take_port: Callable[[], Address]
    generation: int = 1
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    _started: float = 0.0
    heard: Callable[[], None] = lambda: None
    """Called when a process answers for the first time."""
    answers: bool = field(default=False, init=False)
    """Whether this process has ever answered: then silence means something, and there are figures to be had."""

    @property
    def service(self) -> str:
        return self.declared.name

    @property
    def kind(self) -> str:
        return self.declared_kind.name

    async def prepare(self) -> None:
        self.address = self.take_port()
        self._started, self.answers = time.monotonic(), False

    def launch(self) -> Launch:
        return Launch(
            argv=self.declared_kind.command or built_in_command(self.declared, self.kind),
            cwd=self.declared.root,
            env=environment_of(self, self.around()),
            stop_timeout=self.around().topology.timeouts.stop,
        )

    async def probe(self) -> Probe:
        try:
            answer = await asyncio.wait_for(ask_ready(self.address), PROBE_TIMEOUT)
        except (OSError, TimeoutError, ValueError) as error:
            return self._unanswered(error)
        if not self.answers:
            self.answers = True
            self.heard()
        return answer

    def _unanswered(self, error: Exception) -> Probe:
        if self.answers:
            return Probe(False, f"no answer on {self.address}: {type(error).__name__}", answered=False)
        settled = time.monotonic() - self._started > SETTLED
        return Probe(settled, "" if settled else "just started")

    def strays(self) -> list[int]:
        return []


def built_in_command(service: Service, kind: str) -> tuple[str, ...]:
    """The program of a kind that needs no command: the worker of Django's Tasks framework."""
    arguments = {"worker": ("db_worker", "--queue-name", "*", "--interval", "0.5")}[kind]
    return (interpreter(service), str(service.manage), *arguments)


def manage_command(service: Service, arguments: tuple[str, ...]) -> tuple[str, ...]:
    return (interpreter(service), str(service.manage), *arguments)


def environment_of(process: WebReplica | BackgroundProcess, around: Surroundings) -> dict[str, str]:
    """Everything that this very process is told."""
    env = for_process(around, process.declared, process.kind, process.name, process.address)
    return with_path(process.declared, env | {wire.GENERATION: str(process.generation)})


def with_path(service: Service, env: dict[str, str]) -> dict[str, str]:
    """The same variables with the interpreter's own folder first on PATH, so that its scripts are found."""
    folder = str(Path(interpreter(service)).parent)
    return env | {"PATH": os.pathsep.join((folder, os.environ.get("PATH", os.defpath)))}


async def ask_ready(address: Address) -> Probe:
    """
    One readiness probe; the shortest client that will do, because it runs several times a second.

    Only the answer of a process that is not ready is read to its end: it says why.

    Raises:
        OSError, ValueError: No connection, or no HTTP came back.
    """
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        question = f"GET {wire.READY_PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        writer.write(question.encode())
        line = await reader.readline()
        if not line.startswith(b"HTTP/1."):
            raise ValueError(f"no HTTP answer ({line[:40]!r})")
        status = int(line.split(b" ", 2)[1])
        return Probe(True) if status == 200 else Probe(False, _why(await _rest(reader), status))
    finally:
        writer.transport.abort()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while len(found) < LONGEST and (piece := await reader.read(LONGEST)):
        found += piece
    return found


def _why(answer: bytes, status: int) -> str:
    try:
        return str(json.loads(answer.partition(b"\r\n\r\n")[2])["status"])
    except (ValueError, KeyError, TypeError):
        return f"{wire.READY_PATH} answered {status}"
