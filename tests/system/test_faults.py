"""
What a person at the page notices of a fault: nothing, or a short wait.

The proof claims the same of a twin. Here it is asked of a system as people run it, without links in its
paths, behind both edges; load and judgement are those of a proof.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable

import pytest

from mainstay.ops.prove.claim import Claim, Load, Result
from mainstay.ops.prove.history import History, Phase
from mainstay.ops.prove.judging.judge import judge
from mainstay.ops.prove.loading.journey import load as journeys_of
from mainstay.ops.prove.loading.load import Generator
from mainstay.ops.prove.verdict import Verdict
from tests.stopwatch import Stopwatch
from tests.system.running import Running

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SETTLE = 1.0
"""Seconds of load before and after what happens."""
PAUSE = 3.0

KEPT = (
    "lost.orders = 0",
    "oversold.seats = 0",
    "oversold.charges = 0",
    "violations = 0",
    "refused.keyed = 0",
)
"""Acknowledged means kept, and nobody was turned away for good; unknown when nothing was acknowledged."""


@contextlib.asynccontextmanager
async def load(system: Running, rate: float = 40.0) -> AsyncIterator[History]:
    """People who read and people who buy, for as long as the block runs; afterwards every order is read back."""
    history = History()
    found = journeys_of(system.folder / "proof.py")
    generator = Generator(found, Load(rate, only=("browse", "buy")), system.url, history)
    try:
        await generator.set_up()
        generator.start()
        async with phase(history, "steady"):
            await asyncio.sleep(SETTLE)
        async with phase(history, "fault"):
            yield history
        async with phase(history, "after"):
            await asyncio.sleep(SETTLE)
            await generator.stop()
        async with phase(history, "final"):
            await generator.final()
    finally:
        await generator.close()
    assert generator.summary().raised == ()


@contextlib.asynccontextmanager
async def phase(history: History, name: str) -> AsyncIterator[None]:
    began = time.monotonic()
    yield
    history.add(Phase(name, began, time.monotonic()))


def assert_held(history: History, *rules: str) -> None:
    """Every rule passes: one that had nothing to look at does not."""
    result = Result(Claim("faults", "", (), Load(0.0), rules), history)
    judge(result)
    wrong = [each for each in result.judgements if each.verdict is not Verdict.PASS]
    assert wrong == [], "\n".join(f"{each.rule}: {each.found} {each.details}" for each in wrong)
    assert sum(each.journey == "browse" for each in history.operations) > 50, "too few reads to say anything"


async def until(true: Callable[[], object], limit: float) -> None:
    watch = Stopwatch()
    while not await asyncio.to_thread(true):
        assert watch.elapsed() < limit, f"not within {limit:g} s"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("replica", ["catalog.web.1", "orders.web.2"])
async def test_a_killed_replica_fails_no_read_and_is_replaced(system: Running, replica: str) -> None:
    async with load(system) as history:
        pid = await asyncio.to_thread(system.signal, replica, signal.SIGKILL)

        def replaced() -> bool:
            row = system.process(replica)
            return row["state"] == "ready" and row["pid"] != pid

        await until(replaced, 20.0)
    assert_held(history, "errors.get = 0", *KEPT)
    system.until("ready again", lambda told: told["ready"])


@pytest.mark.parametrize("replica", ["catalog.web.2", "orders.web.1"])
async def test_a_frozen_replica_fails_no_read(system: Running, replica: str) -> None:
    async with load(system) as history:
        pid = await asyncio.to_thread(system.signal, replica, signal.SIGSTOP)
        await asyncio.sleep(PAUSE)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    words = [entry["why"] for entry in system.events("process.not-ready") if entry["subject"] == replica]
    assert any("frozen" in why for why in words), "the fault did not bite"
    assert_held(history, "errors.get = 0", *KEPT)
    system.until("ready again", lambda told: told["ready"])


async def test_a_rolling_update_of_every_service_fails_nothing(system: Running) -> None:
    async with load(system) as history:
        for service in ("catalog", "orders", "payments"):
            await asyncio.to_thread(system.mainstay, "rollout", service)
    assert_held(history, "errors = 0", *KEPT)


async def test_a_lost_primary_loses_no_acknowledged_order(system: Running) -> None:
    """And the old primary comes back as the standby that commits wait for."""
    before = system.primary()["name"]
    async with load(system, rate=25.0) as history:
        await asyncio.to_thread(system.signal, before, signal.SIGKILL)
        killed = time.monotonic()
        await until(lambda: system.primary()["name"] != before, 20.0)
        await until(lambda: any(fact.moment > killed for fact in history.of("acknowledged", "orders")), 20.0)
        await until(lambda: system.status()["durability"] == "synchronous", 40.0)
    assert_held(history, *KEPT)
    assert system.process(before)["role"] == "standby"
    assert [entry["subject"] for entry in system.events("postgres.primary-lost")][-1] == before
