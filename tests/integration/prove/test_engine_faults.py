"""Faults inside real engines: a cache that forgets, a database that is locked, busy or behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
import pytest
import redis

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import memcached, postgres, valkey
from mainstay.ops.engines.ask import converse
from mainstay.ops.engines.postgres import PostgresNode, secret_names
from mainstay.ops.engines.postgres.config import SUPERUSER, SUPERUSER_SECRET
from mainstay.ops.engines.postgres.session import Session, Unanswered
from mainstay.ops.prove.faults import catalogue, database, schedule
from mainstay.ops.prove.faults.fault import NotPossible, Strike
from mainstay.ops.topology import load
from mainstay.ops.topology.values import Memcached, Topology, Valkey
from tests.integration.engines.cluster import DECLARED, SERVICES, Cluster, until
from tests.integration.engines.running import Runner, new_node, secrets
from tests.unit.ops.prove.faults.fakes import FakeGuard
from tests.unit.ops.topology.projects import write_project

(SERVICE,) = SERVICES
FILE = f"""
[service.{SERVICE}]
root = "{SERVICE}"
needs = ["postgres"]
[service.plain]
root = "plain"
needs = []
routes = ["/"]
"""


@dataclass
class Target:
    """Engines that a test started, as faults see them."""

    topology: Topology
    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    seed: int = 1
    guard: FakeGuard = field(default_factory=FakeGuard)
    links: None = None

    def knows(self, engine: Any, pid: int, role: str = "") -> None:
        name = engine.node.name
        kind = name.partition(".")[0]
        row = {"name": name, "service": "", "kind": kind, "role": role, "state": "ready", "pid": pid}
        self.rows.append(
            row | {"restarts": 0, "address": str(engine.node.address), "at": engine.node.address}
        )

    async def status(self) -> dict[str, Any]:
        return {"processes": self.rows}

    async def call(self, verb: str, **arguments: Any) -> Any:
        raise AssertionError(f"nobody is asked for {verb}")

    async def events(self) -> list[dict[str, Any]]:
        return []

    async def sql(self, statement: str, *, service: str = "", node: str = "") -> list[tuple[Any, ...]]:
        row = next(
            each for each in self.rows if each["name"] == node or (not node and each["role"] == "primary")
        )
        database = service.replace("-", "_") or "postgres"
        session = Session(
            row["at"],
            user=SUPERUSER,
            password=self.secrets[SUPERUSER_SECRET],
            application="mainstay prove",
            database=database,
        )
        try:
            return await session.rows(cast("LiteralString", statement), within=20.0)
        except Unanswered as error:
            raise OperationFailed("prove.sql-refused", str(error)) from error
        finally:
            await session.close()


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Runner]:
    runner = Runner(tmp_path)
    yield runner
    await runner.end()


@pytest.fixture
def target(tmp_path: Path) -> Target:
    for name in (SERVICE, "plain"):
        write_project(tmp_path / name, name.replace("-", "_"))
    (tmp_path / "mainstay.toml").write_text(FILE)
    return Target(load(tmp_path), tmp_path)


# --- caches -----------------------------------------------------------------------------------------


async def test_valkey_forgets_everything_in_every_database(
    runner: Runner, target: Target, tmp_path: Path
) -> None:
    declared = Valkey(program="", port=0, max_memory=32 << 20)
    engine = valkey.Valkey(
        new_node(tmp_path, "valkey.1"), valkey.find(declared), declared, secrets(valkey.SECRETS)
    )
    (tmp_path / "secrets.json").write_text(json.dumps(engine.secrets))
    await engine.prepare()
    target.knows(engine, (await runner.start(engine)).process.pid)
    with redis.Redis.from_url(engine.url) as one, redis.Redis.from_url(engine.url[:-1] + "3") as other:
        one.mset({"a": 1, "b": 2})
        other.set("c", 3)
        (bite,) = await schedule.run([Strike("flush", "valkey")], target)
        assert (one.dbsize(), other.dbsize()) == (0, 0)
    assert bite.evidence.bit
    assert bite.evidence.what == "keys in valkey.1: 3 before, 0 right after"
    (again,) = await schedule.run([Strike("flush", "valkey")], target)
    assert not again.evidence.bit, "there was nothing to forget"


async def test_a_wrong_password_is_no_bite(runner: Runner, target: Target, tmp_path: Path) -> None:
    declared = Valkey(program="", port=0, max_memory=32 << 20)
    engine = valkey.Valkey(
        new_node(tmp_path, "valkey.1"), valkey.find(declared), declared, secrets(valkey.SECRETS)
    )
    (tmp_path / "secrets.json").write_text(json.dumps({valkey.PASSWORD: "other"}))
    await engine.prepare()
    target.knows(engine, (await runner.start(engine)).process.pid)
    (bite,) = await schedule.run([Strike("flush", "valkey")], target)
    assert not bite.evidence.bit
    assert "WRONGPASS" in bite.evidence.what


async def test_memcached_forgets_everything(
    runner: Runner, target: Target, tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    require_program("memcached")
    declared = Memcached(program="", port=0, max_memory=16 << 20)
    engine = memcached.Memcached(new_node(tmp_path, "memcached.1"), memcached.find(declared), declared)
    await engine.prepare()
    target.knows(engine, (await runner.start(engine)).process.pid)
    await converse(engine.node.address, b"set a 0 0 1\r\nx\r\n", until=b"STORED\r\n")
    (bite,) = await schedule.run([Strike("flush", "memcached")], target)
    assert bite.evidence.bit
    assert await converse(engine.node.address, b"get a\r\n", until=b"END\r\n") == b"END\r\n"


# --- the database -----------------------------------------------------------------------------------


@pytest.fixture
async def cluster(runner: Runner, target: Target) -> AsyncIterator[Cluster]:
    program = postgres.find(DECLARED)
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        made = Cluster(Path(folder), runner, program, secrets(secret_names(SERVICES)))
        target.secrets = made.secrets
        yield made
        await made.end()


@pytest.fixture
async def primary(cluster: Cluster, target: Target) -> PostgresNode:
    node = await cluster.primary()
    target.knows(node, cluster.running[node.node.name].process.pid, "primary")
    with cluster.connect(node) as connection:
        connection.execute('CREATE TABLE "Seats" AS SELECT generate_series(1, 1000) AS number')
        connection.execute("CREATE TABLE small (number int)")
    return node


async def test_a_locked_table_holds_up_who_reads_it_and_only_for_so_long(
    cluster: Cluster, primary: PostgresNode, target: Target
) -> None:
    task = asyncio.create_task(schedule.run([Strike("lock", SERVICE, lasts=0.8)], target))
    with cluster.connect(primary) as connection:
        connection.execute("SET lock_timeout = '300ms'")

        async def locked() -> bool:
            try:
                await asyncio.to_thread(connection.execute, 'SELECT count(*) FROM "Seats"')
            except psycopg.errors.LockNotAvailable:
                return True
            return False

        await until(locked, "the table is locked")
        connection.execute("SELECT count(*) FROM small")
        (bite,) = await task
        connection.execute('SELECT count(*) FROM "Seats"')
    assert bite.evidence.bit, bite.evidence.what
    assert '"Seats"' in bite.evidence.what, "the one that is read was to be locked"


async def test_the_table_that_the_load_meets_is_locked_and_not_the_largest(
    cluster: Cluster, primary: PostgresNode, target: Target
) -> None:
    """What was read before, as by migrations, does not count either."""
    with cluster.connect(primary) as connection:
        connection.execute("SET lock_timeout = '300ms'")
        for _ in range(50):
            connection.execute('SELECT count(*) FROM "Seats"')
        connection.execute("SELECT pg_stat_force_next_flush()")
        task = asyncio.create_task(schedule.run([Strike("lock", SERVICE, lasts=0.8)], target))
        while not task.done():
            with contextlib.suppress(psycopg.errors.LockNotAvailable):
                await asyncio.to_thread(connection.execute, "SELECT count(*) FROM small")
            await asyncio.sleep(0.05)
        (bite,) = await task
    assert bite.evidence.bit, bite.evidence.what
    assert "public.small was locked" in bite.evidence.what


async def test_without_any_load_the_largest_table_is_locked(
    primary: PostgresNode, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WATCHED_LONGEST", 0.5)
    (bite,) = await schedule.run([Strike("lock", SERVICE, lasts=0.3)], target)
    assert '"Seats" was locked, and nobody waited' in bite.evidence.what


async def test_a_lock_that_nobody_noticed_is_no_bite(primary: PostgresNode, target: Target) -> None:
    (bite,) = await schedule.run([Strike("lock", SERVICE, lasts=0.3, with_={"table": "small"})], target)
    assert not bite.evidence.bit
    assert "nobody waited" in bite.evidence.what


async def test_a_table_that_is_not_there_cannot_be_locked(primary: PostgresNode, target: Target) -> None:
    (bite,) = await schedule.run([Strike("lock", SERVICE, lasts=0.3, with_={"table": "seats"})], target)
    assert not bite.evidence.bit
    assert "does not exist" in bite.evidence.what


async def test_a_service_without_a_database_has_nothing_to_lock(target: Target) -> None:
    with pytest.raises(NotPossible, match="plain has no database"):
        await schedule.run([Strike("lock", "plain", lasts=0.3)], target)


async def test_busy_sessions_use_processor_time_and_are_gone_afterwards(
    primary: PostgresNode, target: Target
) -> None:
    strike = Strike("slow-query", "primary", lasts=0.5, with_={"sessions": 2})
    (bite,) = await schedule.run([strike], target)
    assert bite.evidence.bit, bite.evidence.what
    assert await _ours(target) == 0


async def test_a_cancelled_run_leaves_no_session(primary: PostgresNode, target: Target) -> None:
    task = asyncio.create_task(schedule.run([Strike("slow-query", "primary", lasts=30)], target))

    async def busy() -> bool:
        return await _ours(target) > 0

    await until(busy, "the sessions are busy")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _ours(target) == 0


async def _ours(target: Target) -> int:
    """Sessions of ours that are busy with more than this question."""
    rows = await target.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mainstay prove %'"
    )
    return int(rows[0][0])


async def test_a_standby_falls_behind_and_catches_up(
    cluster: Cluster, primary: PostgresNode, target: Target
) -> None:
    standby = await cluster.standby(primary)
    target.knows(standby, cluster.running[standby.node.name].process.pid, "standby")
    task = asyncio.create_task(schedule.run([Strike("replay-delay", "standby", lasts=1.0)], target))
    await asyncio.sleep(0.4)
    with cluster.connect(primary) as connection, cluster.connect(standby) as reading:
        connection.execute("INSERT INTO small VALUES (1)")

        def seen() -> int:
            return int(str(reading.execute("SELECT count(*) FROM small").fetchall()[0][0]))

        await asyncio.sleep(0.2)
        assert seen() == 0
        (bite,) = await task

        async def caught_up() -> bool:
            return seen() == 1

        await until(caught_up, "the standby has caught up", within=3.0)
    assert bite.evidence.bit, bite.evidence.what


async def paused(target: Target) -> bool:
    rows = await target.sql("SELECT pg_is_wal_replay_paused()", node="postgres.2")
    return bool(rows[0][0])


async def test_a_cancelled_run_leaves_no_standby_behind(
    cluster: Cluster, primary: PostgresNode, target: Target
) -> None:
    standby = await cluster.standby(primary)
    target.knows(standby, cluster.running[standby.node.name].process.pid, "standby")
    task = asyncio.create_task(schedule.run([Strike("replay-delay", "standby", lasts=30)], target))
    await until(lambda: paused(target), "the replay is paused")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await paused(target)


ANOTHER = """
import sys, psycopg
words = dict(zip(("host", "port", "user", "password", "dbname"), sys.argv[2:]))
psycopg.connect(**words, autocommit=True).execute(sys.argv[1])
"""


async def test_a_standby_goes_on_although_who_paused_it_was_killed(
    cluster: Cluster, primary: PostgresNode, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby = await cluster.standby(primary)
    target.knows(standby, cluster.running[standby.node.name].process.pid, "standby")
    fault = catalogue.make(Strike("replay-delay", "standby", lasts=1.5), target)
    own, started = target.sql, []

    async def sql(statement: str, *, service: str = "", node: str = "") -> list[tuple[Any, ...]]:
        if not statement.startswith("BEGIN"):
            return await own(statement, service=service, node=node)
        address = standby.node.address
        words = (address.host, str(address.port), SUPERUSER, target.secrets[SUPERUSER_SECRET], "postgres")
        started.append(await asyncio.create_subprocess_exec(sys.executable, "-c", ANOTHER, statement, *words))
        await started[0].wait()
        return []

    monkeypatch.setattr(target, "sql", sql)
    await fault.inject()
    await until(lambda: paused(target), "the replay is paused")
    started[0].kill()

    async def goes_on() -> bool:
        return not await paused(target)

    await until(goes_on, "the replay goes on", within=4.0)
    await fault.undo()
