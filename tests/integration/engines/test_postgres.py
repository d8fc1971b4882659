"""One node: created, started again, refused when it should be."""

from __future__ import annotations

import asyncio
import signal

import psycopg
import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.postgres import PostgresNode
from tests.stopwatch import Stopwatch

from .cluster import DECLARED, Cluster, send


async def test_each_service_has_its_own_database_and_sees_no_other(cluster: Cluster) -> None:
    primary = await cluster.primary()
    cluster.secrets["postgres.other"] = "other"
    await primary.create_databases(("order-api", "other"))
    await primary.create_databases(("order-api", "other"))
    with cluster.connect(primary) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)
    stranger = primary.dsn("other").rpartition("/")[0] + "/order_api"
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(stranger)


async def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    primary = await cluster.primary()
    for user, database in (
        ("order_api", "order_api"),
        ("mainstay", "postgres"),
        ("replicator", "replicator"),
    ):
        address = primary.node.address
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(
                host=address.host, port=address.port, user=user, dbname=database, password="wrong"
            )
    stranger = PostgresNode(
        primary.node, primary.program, DECLARED, {**cluster.secrets, "postgres.superuser": "wrong"}
    )
    probe = await stranger.probe()
    assert not probe.ready
    assert probe.answered
    assert "password authentication failed" in probe.detail


async def test_data_survives_a_crash_and_a_lock_file_whose_number_another_process_has(
    cluster: Cluster,
) -> None:
    primary = await cluster.primary()
    with cluster.connect(primary) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    await cluster.crash(primary)
    lock = primary.node.data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    lock.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    try:
        await primary.prepare_primary()
        await cluster.start(primary)
    finally:
        stranger.kill()
        await stranger.wait()
    with cluster.connect(primary) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (1,)


async def test_is_not_started_twice_in_one_folder(cluster: Cluster) -> None:
    primary = await cluster.primary()
    with pytest.raises(OperationFailed, match="still work in") as failed:
        await primary.prepare_primary()
    assert failed.value.id == "postgres.still-running"


async def test_data_of_another_major_version_is_refused(cluster: Cluster) -> None:
    node = cluster.node(1)
    await node.prepare_primary()
    (node.node.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(OperationFailed, match="written by PostgreSQL 14"):
        await node.prepare_primary()


async def test_stops_at_its_signal_with_clients_connected(cluster: Cluster) -> None:
    primary = await cluster.primary()
    with cluster.connect(primary) as connection:
        connection.execute("SELECT 1")
        assert await cluster.running[primary.node.name].stop() == 0
    assert primary.stray_pids() == ()


@pytest.mark.parametrize("whole", [True, False], ids=["every process", "the postmaster alone"])
async def test_a_frozen_server_is_not_ready_and_recovers(cluster: Cluster, whole: bool) -> None:
    primary = await cluster.primary()
    assert (await primary.probe()).ready
    frozen = primary.stray_pids() if whole else (cluster.running[primary.node.name].process.pid,)
    send(frozen, signal.SIGSTOP)
    for _ in range(2):
        watch = Stopwatch()
        probe = await primary.probe()
        assert not probe.ready
        assert not probe.answered
        assert watch.elapsed() < 1.0
    send(frozen, signal.SIGCONT)
    assert (await primary.probe()).ready


async def test_a_frozen_server_does_not_hold_a_question_beyond_its_limit(cluster: Cluster) -> None:
    primary = await cluster.primary()
    await primary.status()
    cluster.signal(primary, signal.SIGSTOP)
    watch = Stopwatch()
    with pytest.raises(OperationFailed, match="no answer within"):
        await primary.status()
    assert watch.elapsed() < 3.0
    cluster.signal(primary, signal.SIGCONT)
    await primary.status()


async def test_a_folder_it_may_not_write_fails_in_the_programs_words(cluster: Cluster) -> None:
    node = cluster.node(1)
    (node.node.folder / "data.new").write_text("in the way")
    with pytest.raises(OperationFailed) as failed:
        await node.prepare_primary()
    assert failed.value.id == "postgres.initdb-failed"
    assert "data.new" in str(failed.value)
