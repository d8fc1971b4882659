"""The generator against a server in another process: what callers would see, and nothing hidden."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mainstay.ops.prove.claim import Load
from mainstay.ops.prove.history import History, Operation
from mainstay.ops.prove.loading.arrivals import Pace
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.http import request
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.load import Arrival, Generator
from mainstay.ops.prove.loading.summary import Summary

STALL = 1.0
RATE = 50.0


@pytest.fixture
def base() -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "server.py")], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


class Look(Journey):
    async def step(self, client: Client, number: int) -> None:
        await client.get("/events/")


class Buy(Journey):
    async def step(self, client: Client, number: int) -> None:
        client.attempted("orders", number)
        if (await client.post("/orders/", json={"number": number}, key=True)).ok:
            client.acknowledged("orders", number)


class Stumble(Look):
    """Blocks the generator once."""

    began = 0.0

    async def step(self, client: Client, number: int) -> None:
        if number == 20:
            self.began = time.monotonic()
            time.sleep(STALL)  # noqa: ASYNC251 - the mistake that must not stay hidden
        await super().step(client, number)


class CountsFromSent(Generator):
    """The mutant whose latency begins when a request is sent, however late that is."""

    def _counts_from(self, arrival: Arrival) -> float:
        return time.monotonic()


class ClosedLoop(Generator):
    """The mutant that waits for the step before it begins the next one."""

    async def _arrive(self) -> None:
        number = 0
        while not self._stopping:
            await self._step(self._lanes[0], Arrival(number, time.monotonic()), False)
            number += 1
            await asyncio.sleep(1 / RATE)


async def stalled(kind: type[Generator], base: str) -> tuple[History, float]:
    """Load on a server that stands still for a second; the history, and when that began."""
    history = History()
    generator = kind([Look()], Load(RATE), base, history)
    generator.start()
    await asyncio.sleep(0.5)
    stall = asyncio.create_task(request(base, "GET", f"/stall?{STALL}"))
    began = time.monotonic()
    await stall
    await asyncio.sleep(0.3)
    await generator.stop()
    await generator.close()
    return history, began


def shows_the_stall(operations: Sequence[Operation], began: float) -> bool:
    """Whether as many operations were due in it as the rate says, and each waited until its end."""
    due = [each for each in operations if began + 0.1 <= each.due < began + STALL - 0.1]
    as_many = len(due) >= 0.9 * RATE * (STALL - 0.2)
    return as_many and all(each.latency >= began + STALL - each.due - 0.1 for each in due)


async def test_a_stall_of_the_server_shows_in_every_operation_due_in_it(base: str) -> None:
    history, began = await stalled(Generator, base)
    assert shows_the_stall(history.operations, began)
    assert {each.outcome for each in history.operations} == {"ok"}


async def test_a_closed_loop_would_be_caught(base: str) -> None:
    history, began = await stalled(ClosedLoop, base)
    assert not shows_the_stall(history.operations, began)


async def stumbled(kind: type[Generator], base: str) -> tuple[History, float, Summary]:
    """The same with a generator that stands still itself."""
    history, stumble = History(), Stumble()
    generator = kind([stumble], Load(RATE), base, history)
    generator.start()
    await asyncio.sleep(0.8 + STALL)
    await generator.stop()
    await generator.close()
    return history, stumble.began, generator.summary()


async def test_a_stall_of_the_generator_shows_too_and_it_says_whose_fault_it_was(base: str) -> None:
    history, began, summary = await stumbled(Generator, base)
    assert shows_the_stall(history.operations, began)
    assert summary.late_worst >= 0.9 * STALL
    assert "the generator was the bottleneck" in summary.bottleneck
    assert "journey 'stumble' blocked the event loop once" in summary.bottleneck


async def test_counting_from_the_sent_moment_would_be_caught(base: str) -> None:
    history, began, summary = await stumbled(CountsFromSent, base)
    assert not shows_the_stall(history.operations, began)
    assert "the generator was the bottleneck" in summary.bottleneck


@pytest.mark.parametrize("keep_alive", [False, True], ids=["fresh", "kept"])
async def test_five_hundred_a_second_on_a_part_of_one_core(base: str, keep_alive: bool) -> None:
    """
    All are sent, none fails, and the generator keeps its time or says that it did not.

    How late it may be is not asserted, as the machine that runs tests is shared.
    """
    history, rate, seconds = History(), 500.0, 3.0
    generator = Generator([Look(), Buy()], Load(rate), base, history, seed=1, keep_alive=keep_alive)
    generator.start()
    await asyncio.sleep(seconds)
    await generator.stop()
    summary = generator.summary()
    await generator.close()
    assert len(history.operations) == summary.arrivals == pytest.approx(rate * summary.seconds, abs=5)
    assert {each.outcome for each in history.operations} == {"ok"}
    assert {each.kind for each in history.operations} == {"get", "keyed"}
    assert summary.cpu < 0.7
    assert bool(summary.bottleneck) == summary.is_late
    kinds = [fact.kind for fact in history.facts]
    assert kinds.count("attempted") == kinds.count("acknowledged") > 0


async def test_the_same_seed_asks_the_same_in_the_same_order(base: str) -> None:
    asked = []
    for _ in range(2):
        history = History()
        generator = Generator([Look(), Buy()], Load(100), base, history, seed=5)
        generator.start()
        await asyncio.sleep(0.5)
        await generator.stop()
        await generator.close()
        asked.append([each.journey for each in sorted(history.operations, key=lambda each: each.due)][:40])
    assert asked[0] == asked[1]
    assert len(set(asked[0])) == 2


class Uneven(Pace):
    """Arrivals in pairs."""

    def next(self, last: float) -> float:
        return last + (0.001 if round(last * 1000) % 2 else 0.049)


async def test_arrivals_are_spaced_as_the_pace_says_that_it_is_given(base: str) -> None:
    """Also when the generator is late itself: what counts is when a step was due."""
    history = History()
    generator = Generator([Look()], Load(40), base, history, arrivals=Uneven)
    generator.start()
    await asyncio.sleep(0.5)
    await generator.stop()
    await generator.close()
    due = sorted(each.due for each in history.operations)
    assert len(due) > 10
    pace = Uneven.of(Load(40), due[0])
    expected = [due[0]]
    while len(expected) < len(due):
        expected.append(pace.next(expected[-1]))
    assert due == expected
