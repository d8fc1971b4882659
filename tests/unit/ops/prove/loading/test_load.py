"""The generator begins steps on schedule, and says what it, or a journey, did wrong."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable

import pytest

from mainstay.base.errors import InvalidInput, OperationFailed
from mainstay.ops.prove.claim import Load
from mainstay.ops.prove.history import History, Operation, Outcome
from mainstay.ops.prove.loading import load
from mainstay.ops.prove.loading.client import Client, UnexpectedAnswer
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.load import Generator, chosen
from mainstay.ops.prove.loading.summary import Summary


class Quick(Journey):
    def __init__(self) -> None:
        self.numbers: list[int] = []

    async def step(self, client: Client, number: int) -> None:
        self.numbers.append(number)


class Raising(Quick):
    async def step(self, client: Client, number: int) -> None:
        raise KeyError("id")


class Giving(Quick):
    async def step(self, client: Client, number: int) -> None:
        raise UnexpectedAnswer("answered 503")


class Leaving(Quick):
    async def step(self, client: Client, number: int) -> None:
        raise SystemExit(1)


class Sleeping(Quick):
    async def step(self, client: Client, number: int) -> None:
        await super().step(client, number)
        if number == 2:
            time.sleep(0.3)  # noqa: ASYNC251 - the mistake that must be found


class Computing(Quick):
    async def step(self, client: Client, number: int) -> None:
        until = time.thread_time() + 0.3
        while number == 2 and time.thread_time() < until:
            pass


class Endless(Quick):
    async def step(self, client: Client, number: int) -> None:
        await super().step(client, number)
        await asyncio.Event().wait()


class Stubborn(Quick):
    def __init__(self) -> None:
        self.released = False

    async def step(self, client: Client, number: int) -> None:
        while not self.released:
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                continue


class Waiting(Quick):
    """At most two at once, each until the gate opens."""

    at_once = 2

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.running = self.most = 0

    async def step(self, client: Client, number: int) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        await super().step(client, number)
        self.running -= 1


Make = Callable[..., Generator]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Generator] = []

    def make(*journeys: Journey, rate: float = 100, **settings: object) -> Generator:
        history = History()
        made.append(Generator(journeys, Load(rate), "http://127.0.0.1:9", history, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def run(generator: Generator, seconds: float = 0.3, patience: float = 1.0) -> Summary:
    await generator.set_up()
    generator.start()
    await asyncio.sleep(seconds)
    await generator.stop(patience)
    return generator.summary()


async def test_steps_begin_on_schedule_and_are_counted(make: Make) -> None:
    journey = Quick()
    summary = await run(make(journey, rate=100), 0.5)
    assert summary.arrivals == pytest.approx(100 * summary.seconds, abs=3)
    assert journey.numbers == list(range(summary.arrivals))
    assert summary.raised == summary.blocked == ()
    assert summary.figures["arrivals"] == summary.arrivals


async def test_no_step_waits_for_another(make: Make) -> None:
    """A closed loop would begin one, and wait."""
    journey = Endless()
    summary = await run(make(journey, rate=100), patience=0.0)
    assert summary.arrivals == pytest.approx(100 * summary.seconds, abs=3)
    assert len(journey.numbers) == summary.arrivals > 20


async def test_a_peak_begins_at_once_and_ends_at_once(make: Make) -> None:
    journey = Quick()
    generator = Generator([journey], Load(0.1, "step", 2000), "http://127.0.0.1:9", History())
    generator.start()
    await asyncio.sleep(0.1)
    generator.surge(10.0)
    began = time.monotonic()
    await asyncio.sleep(0.2)
    generator.calm()
    lasted = time.monotonic() - began
    await asyncio.sleep(0.2)
    await generator.close()
    assert len(journey.numbers) == pytest.approx(200 * lasted, abs=3)


async def test_weights_and_the_choice_of_a_load_are_heeded(make: Make) -> None:
    class Rare(Quick):
        weight = 0.25

    often, rare, other = Quick(), Rare(), Endless()
    chosen_ones = Load(400, only=("quick", "rare"))
    generator = Generator([often, rare, other], chosen_ones, "http://127.0.0.1:9", History(), seed=1)
    await run(generator)
    await generator.close()
    assert other.numbers == []
    assert len(often.numbers) == pytest.approx(4 * len(rare.numbers), rel=0.3)


async def test_the_seed_decides_which_journey_comes_when(make: Make) -> None:
    async def order(seed: int) -> list[str]:
        came: list[str] = []

        class Noting(Quick):
            async def step(self, client: Client, number: int) -> None:
                came.append(type(self).__name__)

        class Other(Noting):
            name = "other"

        await run(make(Noting(), Other(), rate=400, seed=seed))
        return came[:72]

    first = await order(1)
    assert len(first) == 72
    assert first == await order(1) != await order(2)


def test_a_load_of_unknown_journeys_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"did you mean 'quick'\?") as raised:
        chosen([Quick()], Load(1, only=("quik",)))
    assert raised.value.problems[0].id == "prove.journey-unknown"
    with pytest.raises(InvalidInput, match=r"prove\.journey-none"):
        chosen([], Load(1))


async def test_a_journey_that_raises_makes_it_unknown_and_shows_the_first(make: Make) -> None:
    summary = await run(make(Raising()))
    (raised,) = summary.raised
    assert (raised.journey, raised.where, raised.count) == ("raising", "step", summary.arrivals)
    assert 'raise KeyError("id")' in raised.first
    assert "ops/prove/loading/watch.py" not in raised.first
    assert str(raised).startswith("the step of journey 'raising' raised ")
    assert str(raised).endswith("KeyError: 'id'")


async def test_a_journey_that_leaves_python_does_not_end_the_proof(make: Make) -> None:
    summary = await run(make(Leaving()))
    assert summary.raised[0].count == summary.arrivals > 1


async def test_an_unexpected_answer_ends_a_step_quietly(make: Make) -> None:
    assert (await run(make(Giving()))).raised == ()


@pytest.mark.parametrize("journey", [Sleeping, Computing])
async def test_a_step_that_blocks_is_named(make: Make, journey: type[Journey]) -> None:
    summary = await run(make(journey(), Quick(), rate=200), 0.6)
    (blocked,) = summary.blocked
    assert blocked.journey == journey.name
    assert blocked.count == 1
    assert blocked.worst >= 0.3
    assert summary.late_worst >= 0.2
    assert summary.stall_worst >= 0.2
    assert "bottleneck" in summary.bottleneck
    assert f"journey '{journey.name}' blocked the event loop once" in summary.bottleneck


async def test_arrivals_due_while_a_step_blocked_begin_late_and_are_not_left_out(make: Make) -> None:
    """A generator that hides lateness would shift its schedule instead."""
    sleeping, quick = Sleeping(), Quick()
    summary = await run(make(sleeping, quick, rate=200), 0.6)
    assert len(sleeping.numbers) + len(quick.numbers) == summary.arrivals
    assert summary.arrivals == pytest.approx(200 * summary.seconds, abs=3)


async def test_what_was_due_after_the_end_does_not_begin(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the arrivals are looked at: a machine that stood still must not make more load."""
    journey = Quick()
    generator = make(journey, rate=100)
    generator.start()
    await asyncio.sleep(0.1)
    stopping = asyncio.create_task(generator.stop(1.0))
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - as if the machine stood still
    await stopping
    summary = generator.summary()
    assert summary.arrivals == pytest.approx(100 * summary.seconds, abs=3)


async def test_a_step_that_never_ends_is_cut_and_counted(make: Make) -> None:
    summary = await run(make(Endless(), rate=50, step_limit=0.1))
    assert summary.cut == {"endless": summary.arrivals}
    assert summary.raised == ()
    assert any("were cut" in note for note in summary.notes)


async def test_a_step_that_cannot_be_cut_holds_up_the_end_only_briefly(make: Make) -> None:
    journey = Stubborn()
    generator = make(journey, rate=20)
    await asyncio.wait_for(run(generator, 0.1, patience=0.1), 10.0)
    journey.released = True
    await asyncio.gather(*generator._running)


async def test_too_many_at_once_wait_their_turn(make: Make) -> None:
    """The system is slow then, not the generator."""
    waiting, quick = Waiting(), Quick()
    generator = make(waiting, quick, rate=100)
    generator.start()
    await asyncio.sleep(0.3)
    assert waiting.most == 2
    waiting.gate.set()
    await generator.stop(1.0)
    summary = generator.summary()
    assert waiting.most == 2
    assert sorted([*waiting.numbers]) == list(range(len(waiting.numbers)))
    assert len(waiting.numbers) + len(quick.numbers) == summary.arrivals
    assert summary.held >= 5
    assert any("the system was slow" in note for note in summary.notes)


async def test_a_load_has_settled_once_all_that_was_due_has_ended(make: Make) -> None:
    """Also what still waits to begin, but not what is due meanwhile."""
    waiting = Waiting()
    generator = make(waiting)
    generator.start()
    await asyncio.sleep(0.1)
    settling = asyncio.create_task(generator.settled(30.0))
    await asyncio.sleep(0.05)
    assert not settling.done()
    waiting.gate.set()
    await asyncio.wait_for(settling, 20.0)
    waiting.gate.clear()
    began = time.monotonic()
    await asyncio.sleep(0.05)
    await generator.settled(0.1)
    assert time.monotonic() - began >= 0.15
    waiting.gate.set()


async def test_waiting_for_others_is_not_lateness(make: Make) -> None:
    waiting = Waiting()
    generator = make(waiting, rate=50)
    generator.start()
    await asyncio.sleep(0.6)
    waiting.gate.set()
    await generator.stop(1.0)
    begun_late = sorted(generator._late)
    assert len(begun_late) == 2
    assert generator.summary().arrivals > 10


async def test_the_bound_of_all_journeys_holds(make: Make) -> None:
    journey = Endless()
    summary = await run(make(journey, rate=100, most=5), patience=0.0)
    assert len(journey.numbers) == 5
    assert summary.never_begun == summary.held == summary.arrivals - 5


async def test_a_set_up_that_raises_stops_it_before_any_load(make: Make) -> None:
    class Broken(Quick):
        async def set_up(self, client: Client) -> None:
            raise KeyError("token")

    journey = Broken()
    with pytest.raises(OperationFailed, match="journey 'broken'") as raised:
        await make(journey).set_up()
    assert raised.value.id == "prove.journey-set-up"
    assert any("KeyError: 'token'" in line for line in raised.value.details)
    assert journey.numbers == []


async def test_a_final_that_raises_is_trouble_and_others_still_read(make: Make) -> None:
    class Broken(Quick):
        async def final(self, client: Client) -> None:
            raise KeyError("orders")

    class Reading(Quick):
        async def final(self, client: Client) -> None:
            client.observed("orders", 1)

    generator = make(Broken(), Reading())
    await run(generator)
    await generator.final()
    (raised,) = generator.summary().raised
    assert str(raised).startswith("the final of journey 'broken' raised once")
    assert [fact.kind for fact in generator.history.facts] == ["observed"]


async def test_steps_start_with_what_set_up_left_at_the_client(make: Make) -> None:
    class Signed(Quick):
        tokens: list[str] = []

        async def set_up(self, client: Client) -> None:
            client.token = "secret"

        async def step(self, client: Client, number: int) -> None:
            self.tokens.append(client.token)
            client.token = "changed"

    journey = Signed()
    await run(make(journey))
    assert set(journey.tokens) == {"secret"}


async def test_an_operation_counts_from_when_its_step_was_due(make: Make) -> None:
    """Here the generator is late, as nobody listens at port 9 and a step blocks."""

    class Asking(Sleeping):
        async def step(self, client: Client, number: int) -> None:
            await super().step(client, number)
            await client.get("/")

    generator = make(Asking(), rate=100)
    await run(generator, 0.6)
    operations = sorted(generator.history.operations, key=lambda each: each.number)
    gaps = [b.due - a.due for a, b in itertools.pairwise(operations)]
    assert gaps == pytest.approx([0.01] * len(gaps), abs=1e-6)
    assert max(each.latency for each in operations) > 0.25
    assert {each.outcome for each in operations} == {"fail"}


async def test_live_figures_are_of_just_now_and_counts_of_all(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "LIVE", 50.0)

    class Asking(Quick):
        async def step(self, client: Client, number: int) -> None:
            await client.get("/")

    generator = make(Asking())
    began = time.monotonic()
    generator.history.add(Operation(0, "a", "GET /", "get", began - 100, began - 100, began - 99, Outcome.OK))
    summary = await run(generator)
    live = generator.live()
    assert summary.arrivals / (time.monotonic() - began) <= live["rate"] <= summary.arrivals / summary.seconds
    assert live["failed"] == live["rate"]
    assert (live["ok"], live["unknown"], live["all.ok"]) == (0, 0, 0)
    assert live["all.fail"] == summary.arrivals
    assert 0 < live["p50"] <= live["p99"] < 50


async def test_close_may_come_at_any_time_and_twice(make: Make) -> None:
    closed: list[bool] = []

    class Closing(Endless):
        def close(self) -> None:
            closed.append(True)

    generator = make(Closing())
    generator.start()
    await asyncio.sleep(0.05)
    await generator.close()
    await generator.close()
    assert closed
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
