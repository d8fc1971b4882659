"""Fail-over of real PostgreSQL servers under the real supervision, with a writer that keeps count."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from mainstay.ops.engines.engine import Address, Node
from mainstay.ops.engines.postgres import PostgresNode, find, secret_names
from mainstay.ops.supervise.cluster import Cluster
from mainstay.ops.supervise.endpoint import PrimaryEndpoint
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import Patience, State, Supervised
from mainstay.ops.topology.values import Postgres

pytestmark = pytest.mark.timeout(120)
SERVICE = "orders"
PATIENCE = Patience(ready=60.0, silence=3.0, liveness=6.0)


class Stage:
    """Two nodes, led as a system leads them."""

    def __init__(self, folder: Path, free_port: Callable[[], int], *, strict: bool) -> None:
        self.state = StateFolder(folder / ".mainstay", "shop")
        self.state.claim()
        self.journal = Journal(self.state.events)
        secrets = self.state.secrets(list(secret_names((SERVICE,))))
        declared = Postgres("", 0, 1, True, "strict" if strict else "available", 40, 10)
        program = find(declared)
        self.nodes = []
        for number in (1, 2):
            name = f"postgres.{number}"
            self.state.node(name).mkdir(mode=0o700)
            node = Node(name, self.state.node(name), Address("127.0.0.1", free_port()))
            self.nodes.append(PostgresNode(node, program, declared, secrets))
        self.endpoint = PrimaryEndpoint(Address("127.0.0.1", free_port()))
        self.strict = strict

    async def begin(self) -> None:
        """As `System` does: the primary, its databases, the standby, the watch."""
        self.cluster = Cluster(
            self.nodes, self.endpoint, self.state, self.journal, synchronous=True, strict=self.strict
        )
        self.processes = {
            each.name: Supervised(each, self.journal, self.state.log(each.name), patience=PATIENCE)
            for each in self.cluster.members
        }
        self.cluster.bind(self.processes)
        await self.endpoint.open()
        primary = self.processes[self.cluster.primary.name]
        standbys = [process for process in self.processes.values() if process is not primary]
        primary.start()
        assert await primary.wait_ready(60)
        if self.cluster.waits_from_the_start:
            standbys[0].start()
        await self.cluster.primary.node.create_databases((SERVICE,))
        if not self.cluster.waits_from_the_start:
            standbys[0].start()
        self.watch = asyncio.create_task(self.cluster.watch())
        await self.until(lambda: self.cluster.durability == "synchronous")

    async def end(self) -> None:
        self.watch.cancel()
        self.cluster.stopping()
        for process in self.processes.values():
            process.abandon()
            await process.stop("the test is over")
        await self.endpoint.close()
        for node in self.nodes:
            await node.close()
        self.state.release()

    async def until(self, condition: Callable[[], object], within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, self.state.events.read_text()
            await asyncio.sleep(0.02)

    @property
    def primary(self) -> PostgresNode:
        return self.cluster.primary.node

    async def write(self, number: int, *, within: float = 5.0) -> bool:
        """Whether the commit was acknowledged in time, through the one address that follows the primary."""
        url = self.primary.dsn(SERVICE, self.endpoint.address)
        try:
            async with asyncio.timeout(within):
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    await connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
                    await connection.execute("INSERT INTO kept VALUES (%s)", (number,))
        except (psycopg.Error, TimeoutError):
            return False
        return True

    async def kept(self) -> set[int]:
        url = self.primary.dsn(SERVICE, self.endpoint.address)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            return {row[0] for row in await (await connection.execute("SELECT number FROM kept")).fetchall()}

    def kill(self, name: str) -> None:
        """kill -9 of the main process alone, as a crash does."""
        pid = self.processes[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def freeze(self, name: str, number: signal.Signals = signal.SIGSTOP) -> None:
        """All of its processes: the one that receives the log works without the main one."""
        for pid in next(node for node in self.nodes if node.node.name == name).stray_pids():
            os.kill(pid, number)

    def thaw(self, name: str) -> None:
        self.freeze(name, signal.SIGCONT)


Make = Callable[..., Awaitable[Stage]]


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Make]:
    stages: list[Stage] = []

    async def begin(*, strict: bool = False) -> Stage:
        stages.append(Stage(tmp_path, free_port, strict=strict))
        await stages[-1].begin()
        return stages[-1]

    yield begin
    for each in stages:
        await each.end()


async def test_a_killed_primary_loses_nothing_and_comes_back_as_standby(stage: Make) -> None:
    here = await stage()
    acknowledged: set[int] = set()
    writing = True

    async def write() -> None:
        number = 0
        while writing:
            number += 1
            if await here.write(number, within=2.0):
                acknowledged.add(number)

    writer = asyncio.create_task(write())
    await here.until(lambda: len(acknowledged) >= 20)
    here.kill("postgres.1")
    await here.until(lambda: here.cluster.primary.name == "postgres.2")
    seen = len(acknowledged)
    await here.until(lambda: len(acknowledged) >= seen + 20)
    await here.until(lambda: here.cluster.durability == "synchronous")
    writing = False
    await writer
    assert acknowledged <= await here.kept()
    assert here.cluster.role("postgres.1") == "standby"
    assert here.state.load("postgres") == {"primary": "postgres.2", "in_sync": "postgres.1"}


async def test_a_lost_standby_lets_writing_go_on_and_says_so(stage: Make) -> None:
    here = await stage()
    assert await here.write(1)
    here.freeze("postgres.2")
    await here.until(lambda: here.cluster.durability == "degraded")
    assert await here.write(2)
    here.thaw("postgres.2")
    await here.until(lambda: here.cluster.durability == "synchronous")
    assert {1, 2} <= await here.kept()


async def test_strict_acknowledges_nothing_without_a_standby_and_catches_up(stage: Make) -> None:
    here = await stage(strict=True)
    assert await here.write(1)
    here.freeze("postgres.2")
    await here.until(lambda: here.cluster.durability == "blocked")
    assert not await here.write(2, within=1.0)
    here.thaw("postgres.2")
    await here.until(lambda: here.cluster.durability == "synchronous")
    assert await here.write(3)


async def test_strict_acknowledges_nothing_after_a_fail_over_until_the_old_primary_is_back(
    stage: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await stage(strict=True)
    assert await here.write(1)
    back = asyncio.Event()
    rewind = PostgresNode.prepare_standby

    async def later(self: PostgresNode, primary: PostgresNode) -> object:
        await back.wait()
        return await rewind(self, primary)

    monkeypatch.setattr(PostgresNode, "prepare_standby", later)
    here.kill("postgres.1")
    await here.until(lambda: here.cluster.primary.name == "postgres.2")
    await here.until(lambda: here.processes["postgres.2"].state is State.READY)
    assert here.cluster.durability == "blocked"
    assert not await here.write(2, within=1.5)
    back.set()
    await here.until(lambda: here.cluster.durability == "synchronous")
    assert await here.write(3)
    assert {1, 3} <= await here.kept()


@pytest.mark.parametrize("strict", [False, True], ids=["available", "strict"])
async def test_a_supervisor_that_starts_again_goes_on_with_the_same_primary(
    stage: Make, strict: bool
) -> None:
    here = await stage(strict=strict)
    assert await here.write(1)
    here.kill("postgres.1")
    await here.until(
        lambda: here.cluster.primary.name == "postgres.2" and here.cluster.durability == "synchronous"
    )
    assert await here.write(2)
    here.watch.cancel()
    for process in here.processes.values():
        await process.stop("mainstay down")
    await here.endpoint.close()
    await here.begin()
    assert here.cluster.primary.name == "postgres.2"
    assert {1, 2} <= await here.kept()
    assert await here.write(3)


async def test_a_promotion_that_nobody_recorded_is_found_at_the_next_start(stage: Make) -> None:
    """Killed between the order and the record, the supervisor must not bring the old primary back."""
    here = await stage()
    assert await here.write(1)
    here.watch.cancel()
    here.processes["postgres.1"].abandon()
    await here.processes["postgres.1"].stop("as if its supervisor were killed")
    here.state.save("postgres", {"primary": "postgres.1", "in_sync": "postgres.2", "promoting": "postgres.2"})
    await here.nodes[1].promote()
    url = here.nodes[1].dsn(SERVICE)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("INSERT INTO kept VALUES (2)")
    await here.processes["postgres.2"].stop("as if its supervisor were killed")
    await here.endpoint.close()
    await here.begin()
    assert here.cluster.primary.name == "postgres.2"
    assert await here.kept() == {1, 2}
