"""What was acknowledged is kept, whichever node is lost."""

from __future__ import annotations

import asyncio
import signal

import psycopg
import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.postgres import PostgresNode

from .cluster import Cluster, Writer, numbers, until


async def crash_under_load(cluster: Cluster, node: PostgresNode) -> Writer:
    writer = Writer(cluster, node)
    work = asyncio.create_task(writer.run())

    async def warm() -> bool:
        return len(writer.acknowledged) > 200

    await until(warm, f"writes: {writer.error}")
    await cluster.crash(node)
    await work
    return writer


async def test_acknowledged_rows_survive_a_failover_there_and_back(cluster: Cluster) -> None:
    first, second = await cluster.synchronous_pair()
    writer = await crash_under_load(cluster, first)
    await second.promote()
    kept = numbers(cluster, second)
    assert kept >= set(writer.acknowledged)
    assert (await second.status()).timeline == 2

    rejoined = await cluster.rejoin(first, second)
    assert not rejoined.copied, rejoined.reason
    await second.set_synchronous((first.node.name,))
    with cluster.connect(second) as connection:
        connection.execute("INSERT INTO kept VALUES (-1)")

    await cluster.crash(second)
    await first.promote()
    assert numbers(cluster, first) == kept | {-1}
    assert (await first.status()).timeline == 3
    assert not (await cluster.rejoin(second, first)).copied


async def test_a_promoted_node_waits_for_nobody(cluster: Cluster) -> None:
    first, second = await cluster.synchronous_pair()
    await cluster.crash(first)
    await second.promote()
    with cluster.connect(second) as connection:
        connection.execute("SET statement_timeout = '2s'")
        connection.execute("CREATE TABLE at_once (id int)")
        assert connection.execute("SHOW synchronous_standby_names").fetchone() == ("",)
        found = connection.execute("SELECT name FROM pg_settings WHERE pending_restart").fetchall()
        assert found == [], "a reload found what only a restart can change, and the log calls that an error"


async def test_a_frozen_standby_never_turns_into_a_false_success(cluster: Cluster) -> None:
    primary, standby = await cluster.synchronous_pair()
    writer = Writer(cluster, primary)
    work = asyncio.create_task(writer.run())

    async def warm() -> bool:
        return len(writer.acknowledged) > 20

    await until(warm, f"writes: {writer.error}")
    cluster.signal(standby, signal.SIGSTOP)

    async def ended() -> bool:
        await primary.terminate_waiting(longer_than=0.3)
        return work.done()

    await until(ended, "the waiting session is ended")
    assert isinstance(writer.error, psycopg.OperationalError)
    assert numbers(cluster, primary) - set(writer.acknowledged) == {len(writer.acknowledged)}
    cluster.signal(standby, signal.SIGCONT)
    await cluster.crash(primary)
    await standby.promote()
    assert numbers(cluster, standby) >= set(writer.acknowledged)


async def test_a_repeat_that_locks_what_it_found_waits_until_that_is_replicated(cluster: Cluster) -> None:
    """
    A commit whose session was ended is on the primary alone, and everybody can read it there.

    Who answers a repeated request from it would acknowledge what a failover still takes away. The
    lock of SELECT … FOR UPDATE is written to the log after that commit, so its own commit waits for both.
    """
    primary, standby = await cluster.synchronous_pair()
    with cluster.connect(primary) as connection:
        connection.execute("CREATE TABLE orders (key text PRIMARY KEY)")
        cluster.signal(standby, signal.SIGSTOP)
        first = asyncio.create_task(asyncio.to_thread(connection.execute, "INSERT INTO orders VALUES ('a')"))

        async def ended() -> bool:
            await primary.terminate_waiting(longer_than=0.3)
            return first.done()

        await until(ended, "the waiting session is ended")
    assert isinstance(first.exception(), psycopg.OperationalError)
    with cluster.connect(primary) as connection:
        assert connection.execute("SELECT key FROM orders").fetchall() == [("a",)]
        locking = "SELECT key FROM orders WHERE key = 'a' FOR UPDATE"
        repeat = asyncio.create_task(asyncio.to_thread(connection.execute, locking))
        await asyncio.sleep(1.0)
        assert not repeat.done()
        cluster.signal(standby, signal.SIGCONT)
        await asyncio.wait_for(repeat, 10)
    await cluster.crash(primary)
    await standby.promote()
    with cluster.connect(standby) as connection:
        assert connection.execute("SELECT key FROM orders").fetchall() == [("a",)]


async def test_giving_a_standby_up_lets_commits_go_on(cluster: Cluster) -> None:
    primary, standby = await cluster.synchronous_pair()
    await cluster.crash(standby)
    with cluster.connect(primary) as connection:
        waiting = asyncio.create_task(asyncio.to_thread(connection.execute, "CREATE TABLE late (id int)"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await primary.set_synchronous(())
        await asyncio.wait_for(waiting, 5)


async def test_nodes_that_do_not_stream_cannot_become_synchronous(cluster: Cluster) -> None:
    primary, standby = await cluster.synchronous_pair()
    with pytest.raises(OperationFailed, match="does not stream") as failed:
        await primary.set_synchronous((standby.node.name, "postgres.9"))
    assert failed.value.id == "postgres.not-streaming"
    assert primary.role.synchronous == (standby.node.name,)


async def test_a_standby_comes_back_with_the_data_it_had(cluster: Cluster) -> None:
    primary, standby = await cluster.synchronous_pair()
    await cluster.crash(standby)
    await primary.set_synchronous(())
    with cluster.connect(primary) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    assert await standby.prepare_standby(primary) is None
    await cluster.start(standby)
    await cluster.streaming(primary, standby)
    await primary.set_synchronous((standby.node.name,))
    assert len(numbers(cluster, standby)) == 1000


async def test_data_that_cannot_be_rewound_is_copied(cluster: Cluster) -> None:
    first, second = await cluster.synchronous_pair()
    await cluster.crash(first)
    await second.promote()
    for segment in (first.node.data / "pg_wal").glob("0000*"):
        segment.unlink()
    rejoined = await cluster.rejoin(first, second)
    assert rejoined.copied
    assert "pg_rewind" in rejoined.reason


async def test_a_foreign_cluster_is_neither_followed_nor_deleted(cluster: Cluster) -> None:
    primary = await cluster.primary()
    stranger = cluster.node(2)
    await stranger.prepare_primary()
    with pytest.raises(OperationFailed) as failed:
        await stranger.prepare_standby(primary)
    assert failed.value.id == "postgres.other-cluster"
    assert (stranger.node.data / "PG_VERSION").exists()


async def test_standbys_data_is_not_started_as_a_second_primary(cluster: Cluster) -> None:
    primary = await cluster.primary()
    standby = await cluster.standby(primary)
    await cluster.crash(standby)
    with pytest.raises(OperationFailed, match="second primary"):
        await standby.prepare_primary()


async def test_a_strict_primary_acknowledges_nothing_before_its_standby_is_there(cluster: Cluster) -> None:
    primary, standby = await cluster.synchronous_pair()
    await cluster.running[standby.node.name].stop()
    await cluster.crash(primary)
    await primary.prepare_primary((standby.node.name,))
    await cluster.start(primary)
    with cluster.connect(primary) as connection:
        waiting = asyncio.create_task(asyncio.to_thread(connection.execute, "CREATE TABLE late (id int)"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await standby.prepare_standby(primary)
        await cluster.start(standby)
        await asyncio.wait_for(waiting, 10)


async def test_slots_of_absent_nodes_are_dropped(cluster: Cluster) -> None:
    primary = await cluster.primary()
    standby = await cluster.standby(primary)
    await primary.make_slot("postgres.9")
    assert await primary.keep_slots((standby.node.name,)) == ("postgres_9",)
    assert [slot.name for slot in (await primary.status()).slots] == ["postgres_2"]


async def test_a_second_standby_that_had_more_than_the_promoted_one_gives_it_up(cluster: Cluster) -> None:
    primary = await cluster.primary()
    chosen = await cluster.standby(primary)
    ahead = await cluster.standby(primary, 3)
    await cluster.crash(chosen)
    with cluster.connect(primary) as connection:
        connection.execute("CREATE TABLE unconfirmed (id int)")

    async def has_it() -> bool:
        return (await ahead.status()).flush >= (await primary.status()).flush

    await until(has_it, "the third node has what the second lacks")
    await cluster.crash(primary)
    await cluster.crash(ahead)
    await chosen.prepare()
    await cluster.start(chosen)
    await chosen.promote()

    rejoined = await ahead.prepare_standby(chosen)
    assert rejoined is not None
    assert not rejoined.copied, rejoined.reason
    await cluster.start(ahead)
    await cluster.streaming(chosen, ahead)
    with cluster.connect(ahead) as connection:
        assert connection.execute("SELECT to_regclass('unconfirmed')").fetchone() == (None,)


async def test_a_second_standby_follows_without_a_restart(cluster: Cluster) -> None:
    primary, chosen = await cluster.synchronous_pair()
    third = await cluster.standby(primary, 3)
    await cluster.crash(primary)
    await chosen.promote()
    await third.follow(chosen)
    await cluster.streaming(chosen, third)
    await chosen.set_synchronous((third.node.name,))
    with cluster.connect(chosen) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    assert numbers(cluster, third) == {1}
