"""The rate limits of several replicas on a real Valkey, which is killed, frozen and emptied."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from mainstay.http.limits import script
from mainstay.http.limits.engine import Budget, Decision, Engine
from mainstay.http.limits.figures import Figures
from mainstay.http.limits.options import Options
from mainstay.http.limits.rate import parse
from mainstay.http.limits.script import Order
from mainstay.http.limits.store import Valkey
from mainstay.ops.engines import valkey
from mainstay.ops.topology.values import Valkey as Declared
from tests.stopwatch import Stopwatch
from tests.unit.http.limits.fleet import Clock, Memory

from .running import Runner, Running, new_node, secrets

DECLARED = Declared(program="", port=0, max_memory=32 << 20)
BOUNDED = 10.0
"""Seconds; far more than one time limit for each replica, half of what a time limit for each request adds up to."""


def budget(text: str, scope: str = "view", when_unavailable: str = "") -> Budget:
    return Budget(scope, parse(text, "test"), when_unavailable)


@dataclass
class Fleet:
    """Replicas of one service, in one process, that share nothing but Valkey."""

    server: valkey.Valkey
    runner: Runner
    running: Running
    engines: list[Engine] = field(default_factory=list)

    def start(
        self, count: int, clock: Callable[[], float] = time.monotonic, **options: object
    ) -> list[Engine]:
        # A busy machine must not look like a slow Valkey where that is not the question.
        given: dict[str, object] = {"timeout": 1.0, **options}
        chosen = Options(url=self.server.url, prefix="test", **given)  # type: ignore[arg-type]
        made = [Engine(chosen, Valkey(chosen.url, chosen.timeout), clock, Figures()) for _ in range(count)]
        self.engines += made
        return made

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.server.url)


@pytest.fixture
async def fleet(tmp_path: Path, runner: Runner) -> AsyncIterator[Fleet]:
    node = new_node(tmp_path, "valkey.1")
    server = valkey.Valkey(node, valkey.find(DECLARED), DECLARED, secrets(valkey.SECRETS))
    await server.prepare()
    fleet = Fleet(server, runner, await runner.start(server))
    yield fleet
    for engine in fleet.engines:
        await engine.close()


def spend(engine: Engine, limit: Budget, key: str, count: int) -> int:
    return sum(engine.take(limit, key).allowed for _ in range(count))


async def spend_async(engine: Engine, limit: Budget, key: str, count: int) -> int:
    taken = await asyncio.gather(*(engine.take_async(limit, key) for _ in range(count)))
    return sum(each.allowed for each in taken)


async def test_the_script_decides_as_the_model_of_the_unit_tests(fleet: Fleet) -> None:
    """On a clock set by hand; as keys expire by the real one, they do not expire here."""
    source = script.SOURCE
    for real, by_hand in (
        ("redis.call('TIME')", "{ARGV[7], ARGV[8]}"),
        (", 'PX', math.ceil((tat - now) / 1000) + 1)", ")"),
    ):
        assert source.count(real) == 1
        source = source.replace(real, by_hand)
    clock, chance = Clock(), random.Random(5)
    clock.now = float(script.ORIGIN + 28_000_000)
    model = Memory(clock)
    with fleet.client() as client:
        for number in range(2000):
            rate = parse(chance.choice(["5/m", "7/m", "1000/s", "100/m burst 3", "1/d"]), "")
            need = chance.randint(1, 3)
            key = f"{rate}{chance.randint(0, 2)}"
            back = chance.choice([0, 0, 0, 1, 2])
            order = Order(
                key, rate.interval, rate.burst, min(need, rate.burst), need, chance.randint(0, 5), back
            )
            seconds, micros = divmod(round(clock.now * 1e6), 10**6)
            granted, slack = client.eval(source, 1, *order.arguments, seconds, micros)  # type: ignore[misc]
            expected = model.lease(order)
            assert granted == expected.granted, (number, order)
            assert slack == pytest.approx(expected.slack, abs=2)
            clock.now += chance.choice([0, 0, 0.001, 0.25, 1, 3, 15])


@pytest.mark.parametrize(
    ("text", "count", "share"),
    [("5/h", 4, 0.05), ("100/h", 3, 0.05), ("1000/h", 3, 0.3), ("600/h burst 200", 4, 0.5)],
)
async def test_a_flood_over_all_replicas_gets_the_burst_and_not_more(
    fleet: Fleet, text: str, count: int, share: float
) -> None:
    """All at once from threads and loops of every replica: the burst, less at most what was held unused."""
    replicas = fleet.start(count, block_share=share, replicas=count)
    limit = budget(text)
    most = replicas[0].largest_block(limit.rate)
    with ThreadPoolExecutor(count) as pool:
        loop = asyncio.get_running_loop()
        threads = [loop.run_in_executor(pool, spend, engine, limit, "a", 500) for engine in replicas]
        loops = [spend_async(engine, limit, "a", 250) for engine in replicas]
        passed = sum(await asyncio.gather(*threads, *loops))
    refilled = 1
    assert limit.rate.burst - count * (most - 1) <= passed <= limit.rate.burst + count * (most - 1) + refilled
    assert not any(engine.figures.unavailable for engine in replicas)


async def test_five_hundred_at_once_get_exactly_a_hundred(fleet: Fleet) -> None:
    first, second = fleet.start(2, replicas=10)
    limit = budget("100/d")
    assert first.largest_block(limit.rate) == 1
    passed = await asyncio.gather(*(spend_async(engine, limit, "a", 250) for engine in (first, second)))
    assert sum(passed) == 100
    assert first.figures.leases + second.figures.leases < 60


async def test_most_requests_ask_nobody(fleet: Fleet) -> None:
    (engine,) = fleet.start(1)
    assert spend(engine, budget("1000000/h"), "a", 20_000) == 20_000
    assert engine.figures.leases < 40


async def test_a_replica_with_a_wrong_clock_changes_nothing(fleet: Fleet) -> None:
    limit = budget("50/h")
    (right,) = fleet.start(1, replicas=2)
    (wrong,) = fleet.start(1, replicas=2, clock=lambda: time.monotonic() + 86_400 * 365)
    assert spend(wrong, limit, "a", 30) == 30
    assert spend(right, limit, "a", 30) == 20


async def test_a_server_clock_set_back_locks_nobody_out(fleet: Fleet) -> None:
    """A moment far ahead, as such a step leaves it, counts as a spent budget and no worse."""
    (engine,) = fleet.start(1)
    limit = budget("36000/h burst 2")
    with fleet.client() as client:
        client.set("test:limit:view:36000/h-burst-2:a", str(9e14))
        assert not engine.take(limit, "a").allowed
        await asyncio.sleep(0.15)
        assert engine.take(limit, "a").allowed


async def test_what_is_whole_again_takes_no_memory(fleet: Fleet) -> None:
    (engine,) = fleet.start(1)
    with fleet.client() as client:
        spend(engine, budget("1000/s burst 50"), "a", 20)
        deadline = time.monotonic() + 10
        while client.dbsize() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        assert client.dbsize() == 0


async def test_a_forgotten_script_is_told_again(fleet: Fleet) -> None:
    (engine,) = fleet.start(1)
    with fleet.client() as client:
        assert engine.take(budget("5/h"), "a").allowed
        client.script_flush()
        assert engine.take(budget("5/h"), "b").allowed
        client.script_flush()
        assert await spend_async(engine, budget("5/h"), "c", 3) == 3
    assert not engine.figures.failures


async def test_an_emptied_valkey_costs_one_burst_more(fleet: Fleet) -> None:
    replicas = fleet.start(3, replicas=3)
    limit = budget("90/h")
    passed = sum(spend(engine, limit, "a", 100) for engine in replicas)
    with fleet.client() as client:
        client.flushall()
    await asyncio.sleep(1.1)
    passed += sum(spend(engine, limit, "a", 100) for engine in replicas)
    assert 90 <= passed <= 2 * 90 + 3 * replicas[0].largest_block(limit.rate)


async def test_killed_each_replica_enforces_its_part_and_shares_again_later(fleet: Fleet) -> None:
    replicas = fleet.start(3, replicas=3, pause=0.2)
    limit = budget("90/h")
    assert spend(replicas[0], limit, "before", 10) == 10
    await fleet.running.kill()
    watch = Stopwatch()
    assert sum(spend(engine, limit, "a", 100) for engine in replicas[:2]) == 60
    assert await spend_async(replicas[2], limit, "a", 100) == 30
    assert watch.elapsed() < BOUNDED
    assert all(engine.figures.unavailable for engine in replicas)
    await fleet.runner.start(fleet.server)
    await asyncio.sleep(0.3)
    again: list[Decision] = [engine.take(limit, "b") for engine in replicas[:2]]
    again.append(await replicas[2].take_async(limit, "b"))
    assert not any(each.unavailable for each in again)
    assert again[-1].remaining <= 87


@pytest.mark.parametrize(("mode", "passed"), [("open", 200), ("closed", 0), ("local", 45)])
async def test_frozen_nobody_waits_long_and_the_declared_happens(
    fleet: Fleet, mode: str, passed: int
) -> None:
    """
    Frozen, Valkey takes connections and never answers: only the first request notices.

    The replicas' clock stands still: a machine that does must not look like a question worth asking anew.
    """
    thread, loop = fleet.start(2, Clock(), when_unavailable=mode, replicas=2, pause=30.0, timeout=0.05)
    limit = budget("90/h")
    thread.take(limit, "warm")
    await loop.take_async(limit, "warm")
    fleet.running.freeze()
    watch = Stopwatch()
    assert spend(thread, limit, "a", 200) == passed
    assert await spend_async(loop, limit, "a", 200) == passed
    assert watch.elapsed() < BOUNDED
    assert thread.figures.failures == 1
    assert loop.figures.failures == 1
    fleet.running.thaw()


async def test_frozen_the_loop_goes_on(fleet: Fleet) -> None:
    (engine,) = fleet.start(1, pause=30.0, timeout=0.05)
    fleet.running.freeze()
    taken = asyncio.create_task(engine.take_async(budget("5/h"), "a"))
    turns = 0
    while not taken.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert (await taken).unavailable
    assert turns > 3
    fleet.running.thaw()


async def test_a_busy_loop_is_not_taken_for_a_slow_valkey(fleet: Fleet) -> None:
    """The answer is there after a tenth of a second, in time; the loop comes to read it much later."""
    (engine,) = fleet.start(1, timeout=0.1)
    limit = budget("5/h")
    assert not (await engine.take_async(limit, "warm")).unavailable
    with fleet.client() as client:
        client.client_pause(100)
    taken = asyncio.create_task(engine.take_async(limit, "a"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not taken.done()
    time.sleep(1)  # noqa: ASYNC251 - the loop is to be late
    assert not (await taken).unavailable


async def test_a_late_answer_is_not_taken_for_another(fleet: Fleet) -> None:
    """A client whose question was given up must not decide about the next one."""
    (engine,) = fleet.start(1, pause=0.05, timeout=0.25)
    await engine.take_async(budget("5/h"), "warm")
    for _ in range(5):
        await engine.take_async(budget("5/h"), "spent")
    with fleet.client() as client:
        client.client_pause(3000)
        assert (await engine.take_async(budget("3/h"), "late")).unavailable
        client.client_unpause()
    await asyncio.sleep(0.5)
    decision = await engine.take_async(budget("1000/h"), "fresh")
    assert (decision.allowed, decision.unavailable, decision.remaining) == (True, False, 999)


async def test_a_late_answer_in_a_thread_is_not_taken_for_another(fleet: Fleet) -> None:
    """The same where each thread has a connection to itself."""
    (engine,) = fleet.start(1, pause=0.05, timeout=0.25)
    spend(engine, budget("5/h"), "spent", 5)
    with fleet.client() as client:
        client.client_pause(3000)
        assert engine.take(budget("3/h"), "late").unavailable
        client.client_unpause()
    await asyncio.sleep(0.5)
    decision = engine.take(budget("1000/h"), "fresh")
    assert (decision.allowed, decision.unavailable, decision.remaining) == (True, False, 999)


async def test_connections_that_the_server_closed_cost_nobody_a_decision(fleet: Fleet) -> None:
    (engine,) = fleet.start(1)
    limit = budget("500/h")
    with ThreadPoolExecutor(4) as pool, fleet.client() as client:
        for number in range(3):
            taken = pool.map(
                lambda each: engine.take(limit, f"client-{each}"), range(number * 40, number * 40 + 40)
            )
            assert all(each.allowed and not each.unavailable for each in taken)
            client.client_kill_filter(_type="normal", skipme=True)
    assert engine.figures.failures == 0


async def test_many_clients_at_once_go_together(fleet: Fleet) -> None:
    (engine,) = fleet.start(1)
    limit = budget("5/h")
    taken = await asyncio.gather(*(engine.take_async(limit, f"client-{each}") for each in range(1000)))
    assert all(each.allowed and not each.unavailable for each in taken)
    with fleet.client() as client:
        evals = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        stats = client.info("stats")
    assert evals == 1000
    assert stats["total_connections_received"] < 10
    assert stats["total_reads_processed"] < 500


async def test_a_good_client_is_served_while_another_floods(fleet: Fleet) -> None:
    """The abuser sends fifty times its limit through every replica; the other keeps to it."""
    replicas = fleet.start(3, replicas=3)
    limit = budget("50/s burst 25")
    good = sent = abuse = 0
    begin = time.monotonic()
    while time.monotonic() - begin < 3:
        for number, engine in enumerate(replicas * 20):
            abuse += (await engine.take_async(limit, "abuser")).allowed
            if number % 60 == 0:
                sent += 1
                good += (await replicas[sent % 3].take_async(limit, "good")).allowed
        await asyncio.sleep(0.024)
    seconds = time.monotonic() - begin
    assert sent > 10
    assert good / sent >= 0.999
    held = 3 * (replicas[0].largest_block(limit.rate) - 1)
    assert abuse <= limit.rate.burst + seconds * 50 + held + 1
