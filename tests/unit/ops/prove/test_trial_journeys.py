"""What a journey does wrong while a claim is tried: it is named, makes it unknown, and hides no failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.ops.prove import trial
from mainstay.ops.prove.claim import Bite
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.watchdog import Watchdog
from mainstay.ops.prove.verdict import Verdict
from tests.unit.ops.prove.proved import Ask, FakeSystem
from tests.unit.ops.prove.trials import CALM, STRUCK, Raising, Strikes, bite, named, tried

pytestmark = pytest.mark.timeout(90)


@pytest.mark.parametrize("where", ["set_up", "step", "final"])
async def test_a_journey_that_raises_makes_it_unknown_and_is_named(system: FakeSystem, where: str) -> None:
    result = await tried(CALM, system, Raising(where)).run()
    assert result.verdict is Verdict.UNKNOWN
    assert where in result.trouble
    assert "'raising'" in result.trouble
    assert (result.history.operations == []) is (where == "set_up")


async def test_a_journey_that_raises_hides_no_failure(system: FakeSystem) -> None:
    system.status = 500
    result = await tried(CALM, system, Raising("step")).run()
    assert result.verdict is Verdict.FAIL


async def test_a_final_reading_that_was_cut_off_is_no_loss(system: FakeSystem) -> None:
    class Keeping(Raising):
        async def step(self, client: Client, number: int) -> None:
            client.attempted("orders", number)
            client.acknowledged("orders", number)
            await super().step(client, number)

        async def final(self, client: Client) -> None:
            await client.get("/")
            client.observed("orders", 0)
            await super().final(client)

    claim = replace(CALM, holds=("errors = 0", "lost.orders = 0"))
    result = await tried(claim, system, Keeping("final")).run()
    assert named(result, "lost").verdict is Verdict.UNKNOWN
    assert result.verdict is Verdict.UNKNOWN


async def test_steps_that_never_began_leave_the_result_open(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the others saw says nothing of those who were still waiting when the load ended."""

    class One(Ask):
        at_once = 1

        async def step(self, client: Client, number: int) -> None:
            await super().step(client, number)
            await asyncio.sleep(0.4)

    running = tried(CALM, system, One())
    running._generator.step_limit = 0.2
    result = await running.run()
    assert result.verdict is Verdict.UNKNOWN
    assert "due never began" in result.trouble
    assert any("steps waited for others" in note for note in result.notes)


@pytest.mark.parametrize("where", ["set_up", "step", "final"])
async def test_a_journey_that_stops_the_loop_for_good_is_cut_and_what_was_injected_is_undone(
    system: FakeSystem, strike: Callable[[Strikes], None], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    undone: list[str] = []

    async def lasting(given: Sequence[Strike]) -> list[Bite]:
        try:
            return await bite(given, lasts=1.0)
        finally:
            undone.append("undone")

    class Spinning(Raising):
        async def spin(self, place: str, number: int = 99) -> None:
            while place == where and number > 30:
                pass

        async def set_up(self, client: Client) -> None:
            await self.spin("set_up")

        async def step(self, client: Client, number: int) -> None:
            await client.get("/")
            await self.spin("step", number)

        async def final(self, client: Client) -> None:
            await self.spin("final")

    strike(lasting)
    monkeypatch.setattr(trial, "Watchdog", lambda journeys: Watchdog(journeys, 1.0))
    journey = Spinning("")
    result = await tried(replace(STRUCK, steady=0.1), system, journey).run()
    assert result.verdict is Verdict.UNKNOWN
    assert result.trouble.startswith("journey 'spinning' (test_trial_journeys.py, line ")
    assert undone == ([] if where == "set_up" else ["undone"])
    assert journey.used[-1] == "closed"
    assert result.judgements == []
    current = asyncio.current_task()
    assert current is not None
    assert not current.cancelling()


async def test_a_journey_that_never_closes_keeps_no_other_from_it(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lasting(Ask):
        def close(self) -> None:
            time.sleep(60.0)

    monkeypatch.setattr(trial, "Watchdog", lambda journeys: Watchdog(journeys, 1.0))
    last = Ask()
    result = await tried(CALM, system, Lasting(), last).run()
    assert result.verdict is Verdict.UNKNOWN
    assert "the close of journey 'lasting' raised once" in result.trouble
    assert last.used[-1] == "closed"


# --- journeys that lie -------------------------------------------------------------------------------


class Lying(Ask):
    """Does one thing that no journey may do."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def lies(self, client: Client) -> None:
        match self.what:
            case "total":
                client.total("bank", "120.00")  # type: ignore[arg-type]
            case "not a number":
                client.total("bank", float("nan"))
            case "version":
                client.wrote("page", 1, "v1")  # type: ignore[arg-type]
            case "endless":
                client.read("page", 1, float("inf"))
            case "set":
                client.observed(["a"], 1)  # type: ignore[arg-type]
            case "session":
                client.read("page", 1, 1, session=["a"])  # type: ignore[arg-type]
            case "cancelled":
                raise asyncio.CancelledError("by myself")

    async def step(self, client: Client, number: int) -> None:
        await super().step(client, number)
        if self.what == "name":
            await client.get("/", name=5)  # type: ignore[arg-type]
        self.lies(client)

    def close(self) -> None:
        super().close()
        if self.what == "close":
            raise RuntimeError("closed")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("total", "what is total is a number, not '120.00'"),
        ("not a number", "what is total is a finite number, not nan"),
        ("version", "what is wrote is a number, not 'v1'"),
        ("endless", "what is read is a finite number, not inf"),
        ("set", "the set of a fact is called by a text, not ['a']"),
        ("session", "the session of a fact is called by a text, not ['a']"),
        ("name", "an operation is called by a text, not 5"),
        ("cancelled", "CancelledError: by myself"),
        ("close", "the close of journey 'lying' raised once, first: RuntimeError: closed"),
    ],
)
async def test_a_journey_that_lies_is_named_and_tells_nothing(
    system: FakeSystem, what: str, words: str
) -> None:
    last = Ask()
    claim = replace(CALM, holds=("errors = 0", "unbalanced = 0", "stale = 0", "lost = 0"))
    result = await tried(claim, system, Lying(what), last).run()
    assert result.verdict is Verdict.UNKNOWN
    assert words in result.trouble
    assert last.used[-1] == "closed"


@pytest.mark.parametrize("where", ["set_up", "final"])
async def test_a_journey_cannot_pretend_that_the_proof_was_cut_off(system: FakeSystem, where: str) -> None:
    class Pretending(Ask):
        async def set_up(self, client: Client) -> None:
            await super().set_up(client)
            if where == "set_up":
                raise asyncio.CancelledError

        async def final(self, client: Client) -> None:
            await super().final(client)
            if where == "final":
                raise asyncio.CancelledError

    result = await tried(CALM, system, Pretending()).run()
    assert result.verdict is Verdict.UNKNOWN
    assert where in result.trouble


@pytest.mark.parametrize("at_once", [-1, "x", 1.5, True])
def test_a_journey_says_in_whole_numbers_how_many_steps_there_may_be(
    system: FakeSystem, at_once: Any
) -> None:
    journey = Ask()
    journey.at_once = at_once
    with pytest.raises(InvalidInput, match=r"ask\.at_once"):
        tried(CALM, system, journey)
