"""A PostgreSQL primary and its standbys, as the supervisor would lead them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.postgres import PostgresNode, Rejoined
from mainstay.ops.topology.values import Postgres as Declared

from .running import Runner, Running, new_node

SERVICES = ("order-api",)
DECLARED = Declared(
    program="",
    port=0,
    standbys=1,
    synchronous=True,
    durability="available",
    max_connections=40,
    reserved_connections=10,
)


@dataclass
class Cluster:
    folder: Path
    runner: Runner
    program: Program
    secrets: dict[str, str]
    running: dict[str, Running] = field(default_factory=dict)
    nodes: list[PostgresNode] = field(default_factory=list)

    def node(self, number: int) -> PostgresNode:
        node = new_node(self.folder, f"postgres.{number}")
        self.nodes.append(PostgresNode(node, self.program, DECLARED, self.secrets))
        return self.nodes[-1]

    async def start(self, node: PostgresNode) -> None:
        self.running[node.node.name] = await self.runner.start(node)

    async def primary(self, number: int = 1) -> PostgresNode:
        node = self.node(number)
        await node.prepare_primary()
        await self.start(node)
        await node.create_databases(SERVICES)
        return node

    async def standby(self, primary: PostgresNode, number: int = 2) -> PostgresNode:
        node = self.node(number)
        await node.prepare_standby(primary)
        await self.start(node)
        await self.streaming(primary, node)
        return node

    async def synchronous_pair(self) -> tuple[PostgresNode, PostgresNode]:
        primary = await self.primary()
        standby = await self.standby(primary)
        await primary.set_synchronous((standby.node.name,))
        return primary, standby

    async def streaming(self, primary: PostgresNode, standby: PostgresNode) -> None:
        async def streams() -> bool:
            seen = (await primary.status()).standby(standby.node.name)
            return seen is not None and seen.state == "streaming"

        await until(streams, f"{standby.node.name} streams: {self.running[standby.node.name].said[-1500:]}")

    async def crash(self, node: PostgresNode) -> None:
        """kill -9 of the postmaster alone, then fence what it leaves behind, as the supervisor does."""
        await self.running[node.node.name].kill()
        await fence(node)

    def signal(self, node: PostgresNode, number: signal.Signals) -> None:
        """To every process of a node: its children have sessions of their own, out of reach of its group."""
        send(node.stray_pids(), number)

    async def rejoin(self, node: PostgresNode, primary: PostgresNode) -> Rejoined:
        rejoined = await node.rewind(primary)
        await self.start(node)
        await self.streaming(primary, node)
        return rejoined

    def connect(self, node: PostgresNode) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(node.dsn("order-api"), autocommit=True, connect_timeout=5)

    async def end(self) -> None:
        for node in self.nodes:
            await node.close()
            self.signal(node, signal.SIGCONT)
            if running := self.running.get(node.node.name):
                await self._stop(running)
            await fence(node)

    async def _stop(self, running: Running) -> None:
        """In order where possible: a server that is killed leaves its shared memory behind."""
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            running.process.send_signal(signal.SIGQUIT)
            await asyncio.wait_for(running.process.wait(), 5)
        await running.end()


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Some of a server's processes live for milliseconds only, so one may be gone by now."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def fence(node: PostgresNode) -> None:
    async def gone() -> bool:
        send(node.stray_pids(), signal.SIGKILL)
        return not node.stray_pids()

    await until(gone, f"{node.node.name} is gone")


async def until(condition: Callable[[], Awaitable[bool]], what: str, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


class Writer:
    """Inserts numbers one by one from a thread and remembers which were acknowledged."""

    def __init__(self, cluster: Cluster, node: PostgresNode) -> None:
        self.acknowledged: list[int] = []
        self.error: psycopg.Error | None = None
        self._connection = cluster.connect(node)

    async def run(self) -> None:
        await asyncio.to_thread(self._run)

    def _run(self) -> None:
        try:
            with self._connection as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS kept (number int PRIMARY KEY)")
                for number in range(10_000_000):
                    connection.execute("INSERT INTO kept VALUES (%s)", (number,))
                    self.acknowledged.append(number)
        except psycopg.Error as error:
            self.error = error


def numbers(cluster: Cluster, node: PostgresNode) -> set[object]:
    with cluster.connect(node) as connection:
        return {row[0] for row in connection.execute("SELECT number FROM kept").fetchall()}
