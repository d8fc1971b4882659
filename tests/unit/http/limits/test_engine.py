"""The engine on a clock set by hand, over a store that can fail on purpose."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.http.limits import gcra
from mainstay.http.limits.engine import UNKNOWN, Engine
from mainstay.http.limits.script import Lease, Order

from .fleet import Clock, Memory, budget, engines


def test_a_burst_passes_and_then_one_per_interval(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock)
    limit = budget("5/m")
    assert [engine.take(limit, "a").allowed for _ in range(7)] == [True] * 5 + [False] * 2
    clock.now += 11.9
    assert not engine.take(limit, "a").allowed
    clock.now += 0.2
    assert engine.take(limit, "a").allowed
    assert not engine.take(limit, "a").allowed


def test_the_wait_is_the_moment_from_which_it_passes(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock)
    limit = budget("60/m burst 3")
    for _ in range(3):
        engine.take(limit, "a")
    wait = engine.take(limit, "a", 2).wait
    assert wait == pytest.approx(2, abs=1e-3)
    clock.now += wait - 0.01
    assert not engine.take(limit, "a", 2).allowed
    clock.now += 0.02
    assert engine.take(limit, "a", 2).allowed


def test_clients_do_not_share(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock)
    assert engine.take(budget("1/m"), "a").allowed
    assert engine.take(budget("1/m"), "b").allowed
    assert engine.take(budget("1/m", "other"), "a").allowed
    assert not engine.take(budget("1/m"), "a").allowed


def test_what_is_at_hand_is_not_asked_for(clock: Clock, store: Memory) -> None:
    """Blocks grow while they are used up in time, so questions become rare; a slow client's do not."""
    (engine,) = engines(1, store, clock)
    limit = budget("10000/m")
    for _ in range(2000):
        clock.now += 0.001
        assert engine.take(limit, "fast").allowed
    asked = len(store.orders)
    assert asked < 20
    for _ in range(10):
        clock.now += 5
        assert engine.take(limit, "slow").allowed
    assert all(order.extra == 0 for order in store.orders[asked:])


def test_a_spent_budget_is_refused_without_asking_each_time(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock)
    for _ in range(5):
        engine.take(budget("5/h"), "a")
    asked = len(store.orders)
    for _ in range(1000):
        clock.now += 0.002
        assert not engine.take(budget("5/h"), "a").allowed
    assert len(store.orders) - asked <= 3


def test_who_was_refused_is_asked_about_anew_after_a_second(clock: Clock, store: Memory) -> None:
    """What Valkey said is not kept for longer: another replica may have given units back."""
    (engine,) = engines(1, store, clock)
    limit = budget("5/h")
    assert [engine.take(limit, "a").allowed for _ in range(6)] == [True] * 5 + [False]
    store.tats.clear()
    clock.now += 0.9
    assert not engine.take(limit, "a").allowed
    clock.now += 0.2
    assert engine.take(limit, "a").allowed


def test_units_that_were_not_used_go_back(clock: Clock, store: Memory) -> None:
    first, second = engines(2, store, clock, block_share=0.5)
    limit = budget("100/h")
    for _ in range(20):
        assert first.take(limit, "a").allowed
    clock.now += 1.5
    assert first.take(limit, "a").allowed
    last = store.orders[-1]
    assert last.back > 0
    assert sum(second.take(limit, "a").allowed for _ in range(100)) == 100 - 21 - last.extra


def test_what_comes_back_too_late_is_not_credited(clock: Clock, store: Memory) -> None:
    """The budget has grown whole meanwhile; to add old units to it would let more pass than was stated."""
    (engine,) = engines(1, store, clock, block_share=0.5)
    limit = budget("100/m")
    for _ in range(20):
        assert engine.take(limit, "a").allowed
    assert store.orders[-1].extra > 0
    clock.now += 2.5
    assert engine.take(limit, "a").allowed
    assert store.orders[-1].back == 0


def test_a_client_is_not_starved_by_what_another_replica_holds(clock: Clock, store: Memory) -> None:
    """The other replica took a block and fell silent for good."""
    first, second = engines(2, store, clock)
    limit = budget("600/m")
    for _ in range(200):
        clock.now += 0.001
        first.take(limit, "a")
    clock.now += 2
    refused = 0
    for _ in range(3000):
        clock.now += 0.11
        refused += not second.take(limit, "a").allowed
    assert refused == 0


@settings(max_examples=60)
@given(
    st.integers(1, 5),
    st.sampled_from(["5/m", "100/m", "1000/m", "100/s burst 500", "50/s burst 20"]),
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([0.0, 0.0, 0.0, 0.004, 0.3, 1.7])),
        min_size=50,
        max_size=400,
    ),
    st.sampled_from([0.0, 0.05, 0.3]),
)
def test_the_fleet_keeps_the_stated_bound(
    count: int, text: str, arrivals: list[tuple[int, float]], share: float
) -> None:
    """In every stretch of time, for any order of arrivals; each arrival stands for eight requests at once."""
    clock = Clock()
    store = Memory(clock)
    fleet = engines(count, store, clock, block_share=share, replicas=count)
    limit = budget(text)
    rate, lease = limit.rate, fleet[0].options.lease
    most = fleet[0].largest_block(rate)
    passed: list[float] = []
    for replica, gap in arrivals:
        clock.now += gap
        passed += [clock.now for _ in range(8) if fleet[replica % count].take(limit, "a").allowed]
    held = min(count * (most - 1), 2 * lease / rate.interval)
    for first, start in enumerate(passed):
        if first and passed[first - 1] == start:
            continue
        for last in range(first, len(passed), 7):
            allowed = rate.burst + (passed[last] - start) / rate.interval + held
            assert last - first + 1 <= allowed + 1e-6


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.0, 0.5, 3.0, 12.0])), max_size=80))
def test_small_limits_are_exact_across_replicas(arrivals: list[tuple[int, float]]) -> None:
    """With blocks of one, three replicas decide what one GCRA would."""
    clock = Clock()
    fleet = engines(3, Memory(clock), clock)
    limit = budget("5/m")
    tat = float("-inf")
    for replica, gap in arrivals:
        clock.now += gap
        expected = gcra.spend(tat, clock.now, 1, limit.rate.interval, limit.rate.burst)
        # An engine that was told "none left" a moment ago may refuse until then, and no longer.
        assert fleet[replica].take(limit, "a").allowed == (expected is not None)
        tat = tat if expected is None else expected


class Slow(Memory):
    """Answers after everybody has come to wait."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.gate = asyncio.Event()

    async def lease_many(self, orders: Sequence[Order]) -> list[Lease]:
        await self.gate.wait()
        return await super().lease_many(orders)


async def test_five_hundred_at_once_of_one_client_ask_together(clock: Clock) -> None:
    store = Slow(clock)
    (engine,) = engines(1, store, clock, timeout=1.0)
    tasks = [asyncio.create_task(engine.take_async(budget("100/m"), "a")) for _ in range(500)]
    await asyncio.sleep(0)
    store.gate.set()
    decisions = await asyncio.gather(*tasks)
    assert sum(each.allowed for each in decisions) == 100
    assert len(store.orders) <= 4


class Stuck(Memory):
    """Holds a thread for as long as the test wants."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked, self.go_on = Event(), Event()

    def lease(self, order: Order) -> Lease:
        self.asked.set()
        self.go_on.wait(10)
        return super().lease(order)


def test_who_waits_for_another_threads_question_gives_up_once(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience is for one question of somebody else's, not for one after the other."""
    store = Stuck(clock)
    (engine,) = engines(1, store, clock, timeout=0.01)
    waits: list[object] = []
    carry = engine._carry
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(engine.take, budget("5/h"), "a")
        assert store.asked.wait(10)
        monkeypatch.setattr(engine, "_carry", lambda step: (waits.append(step), carry(step))[1])
        assert engine.take(budget("5/h"), "a").unavailable
        store.go_on.set()
        assert first.result(10).allowed
    assert len(waits) == 1


async def test_one_who_leaves_takes_nobody_along(clock: Clock) -> None:
    store = Slow(clock)
    (engine,) = engines(1, store, clock, timeout=1.0)
    tasks = [asyncio.create_task(engine.take_async(budget("100/m"), "a")) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    store.gate.set()
    rest = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(rest[0], asyncio.CancelledError)
    assert all(each.allowed for each in rest[1:])  # type: ignore[union-attr]
    assert (await engine.take_async(budget("100/m"), "a")).remaining >= 96


def test_threads_at_once_get_what_there_is(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock)
    barrier = Barrier(16)

    def hammer() -> int:
        barrier.wait()
        return sum(engine.take(budget("1000/h"), "a").allowed for _ in range(200))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: hammer(), range(16))) == 1000


# --- Valkey gone ------------------------------------------------------------------------------


def gone(store: Memory) -> None:
    store.error = ConnectionError("refused")


def test_local_enforces_a_part_of_the_rate(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock, replicas=4)
    gone(store)
    decisions = [engine.take(budget("100/m"), "a") for _ in range(60)]
    assert sum(each.allowed for each in decisions) == 25
    assert all(each.unavailable for each in decisions)
    assert decisions[-1].wait == pytest.approx(2.4)
    clock.now += 2.5
    assert engine.take(budget("100/m"), "a").allowed


def test_open_lets_pass_and_closed_refuses(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock)
    gone(store)
    assert engine.take(budget("1/d", "o", "open"), "a").allowed
    assert engine.take(budget("1/d", "o", "open"), "a") == (True, UNKNOWN, 0.0, True)
    assert engine.take(budget("1/d", "c", "closed"), "a") == (False, UNKNOWN, 1.0, True)
    assert engine.figures.unavailable == {"o": 2, "c": 1}


def test_only_one_in_a_while_asks_and_the_log_has_two_lines(
    clock: Clock, store: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    (engine,) = engines(1, store, clock)
    gone(store)
    with caplog.at_level(logging.WARNING, logger="mainstay.http.limits"):
        for number in range(1000):
            clock.now += 0.005
            engine.take(budget("100/m"), f"client-{number}")
        assert len(store.orders) <= 6
        store.error = None
        clock.now += 2
        assert not engine.take(budget("100/m"), "b").unavailable
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "rate limits are each replica's own now",
        "rate limits are shared again",
    ]


def test_units_at_hand_are_spent_before_the_outage_is_felt(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock)
    limit = budget("10000/m")
    for _ in range(50):
        engine.take(limit, "a")
    gone(store)
    assert not engine.take(limit, "a").unavailable


async def test_an_outage_is_the_same_in_a_loop(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock, when_unavailable="closed")
    gone(store)
    decisions = await asyncio.gather(*(engine.take_async(budget("9/m"), str(each)) for each in range(50)))
    assert not any(each.allowed for each in decisions)
    assert len(store.orders) <= 50
    await engine.take_async(budget("9/m"), "later")
    assert engine.figures.failures <= 50
    before = len(store.orders)
    await engine.take_async(budget("9/m"), "later still")
    assert len(store.orders) == before


def test_a_process_without_valkey_counts_alone(clock: Clock) -> None:
    (engine,) = engines(1, None, clock)
    decisions = [engine.take(budget("3/m"), "a") for _ in range(5)]
    assert [each.allowed for each in decisions] == [True] * 3 + [False] * 2
    assert [each.remaining for each in decisions] == [2, 1, 0, 0, 0]
    assert not any(each.unavailable for each in decisions)


# --- memory -----------------------------------------------------------------------------------


def test_a_flood_of_clients_does_not_grow_memory(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock, keys_max=100)
    for number in range(5000):
        assert engine.take(budget("5/m"), f"client-{number}").allowed
    assert engine.figures.keys() == 100


def test_who_is_forgotten_here_is_remembered_by_the_fleet(clock: Clock, store: Memory) -> None:
    (engine,) = engines(1, store, clock, keys_max=10)
    for _ in range(5):
        engine.take(budget("5/h"), "abuser")
    for number in range(100):
        engine.take(budget("5/h"), f"client-{number}")
    assert not engine.take(budget("5/h"), "abuser").allowed


def test_a_good_client_is_served_while_another_floods(clock: Clock, store: Memory) -> None:
    """Fifty times the limit beside it costs a client that keeps to it nothing."""
    fleet: list[Engine] = engines(4, store, clock)
    limit = budget("600/m")
    good = abuse = 0
    for number in range(6000):
        clock.now += 0.1
        good += fleet[number % 4].take(limit, "good").allowed
        abuse += sum(fleet[each % 4].take(limit, "abuser").allowed for each in range(50))
    assert good / 6000 >= 0.999
    assert abuse <= 600 + 6000 + 4 * fleet[0].largest_block(limit.rate)
