"""One claim from calm load to judgement: its phases in order, and whatever can go wrong on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove import trial
from mainstay.ops.prove.claim import FROM_TOPOLOGY, Bite, Load
from mainstay.ops.prove.faults.fault import Evidence, NotPossible, Strike
from mainstay.ops.prove.history import read
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.load import Generator
from mainstay.ops.prove.loading.summary import Raised, Summary
from mainstay.ops.prove.system import SystemGone
from mainstay.ops.prove.trial import Trial, applicable, fair, rules_of, untold
from mainstay.ops.prove.verdict import Judgement, Verdict
from tests.unit.ops.prove.proved import Ask, FakeSystem, Story
from tests.unit.ops.prove.runs import Run
from tests.unit.ops.prove.trials import CALM, KILL, STRUCK, Endless, Raising, Strikes, bite, named, tried

pytestmark = pytest.mark.timeout(90)

IS_LATE = Summary.is_late


# --- in order --------------------------------------------------------------------------------------


async def test_a_calm_claim_is_steady_after_and_final(system: FakeSystem) -> None:
    story, journey = Story(), Ask()
    result = await tried(CALM, system, journey, story=story).run()
    assert result.verdict is Verdict.PASS, result
    assert story.told == ["preparing", "steady", "after", "final"]
    assert [phase.name for phase in result.history.phases] == ["steady", "after", "final"]
    assert system.waited == ["before this claim"]
    assert journey.used == ["set up", "step", "final", "closed"]
    assert len(result.history.operations) == result.figures["arrivals"] >= 14


async def test_faults_come_between_steady_and_after_and_everything_has_to_be_ready_again(
    system: FakeSystem, strike: Callable[[Strikes], None]
) -> None:
    strike(bite)
    story = Story()
    result = await tried(STRUCK, system, story=story).run()
    assert result.verdict is Verdict.PASS, result
    assert story.told == ["preparing", "steady", "fault", "kill begun", "after", "final"]
    assert system.waited == ["before this claim", "after the faults"]
    assert [each.strike for each in result.bites] == [KILL]
    fault = result.history.phase("fault")
    assert fault is not None
    assert fault.began <= result.bites[0].began <= result.bites[0].ended <= fault.ended
    assert named(result, "ready-again").verdict is Verdict.PASS
    assert result.figures["ready-again"] >= 0


async def test_a_load_that_peaks_has_a_phase_of_its_own_without_any_fault(system: FakeSystem) -> None:
    story = Story()
    claim = replace(CALM, load=Load(20.0, "spike", 5.0))
    result = await tried(claim, system, story=story).run()
    assert story.told == ["preparing", "steady", "fault", "after", "final"]
    assert len(result.history.within("fault")) > 3 * len(result.history.within("steady"))
    # Nothing was broken, so nothing has to come back.
    assert [each.rule for each in result.judgements] == ["errors = 0"]


async def test_what_happens_is_written_as_it_happens(system: FakeSystem, tmp_path: Any) -> None:
    with (tmp_path / "history.jsonl").open("w") as stream:
        result = await Trial(CALM, system, [Ask()], Story(), 1, stream).run()
    written = read(tmp_path / "history.jsonl")
    assert written.operations == result.history.operations
    assert written.phases == result.history.phases


async def test_what_the_load_sees_is_shown_while_it_is_on(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "LIVE_EVERY", 0.05)
    story = Story()
    await tried(CALM, system, story=story).run()
    assert set(story.figures[-1]) == {"rate", "p99", "ok", "fail", "unknown"}
    assert story.figures[-1]["ok"] > 5


async def test_figures_of_the_inside_can_be_asked_for(system: FakeSystem) -> None:
    system.figures = {"restarts": 2.0}
    claim = replace(CALM, holds=("figure.restarts = 0",))
    result = await tried(claim, system).run()
    assert result.verdict is Verdict.FAIL
    assert named(result, "figure.restarts").value == 2.0


async def test_the_rules_of_a_journey_are_judged_beside_the_claims(system: FakeSystem) -> None:
    system.status = 500
    result = await tried(CALM, system, Ask(("errors.ask <= 0 %",))).run()
    assert [each.verdict for each in result.judgements] == [Verdict.FAIL, Verdict.FAIL]


# --- what can go wrong -------------------------------------------------------------------------------


async def test_a_system_that_is_not_ready_before_is_not_loaded(system: FakeSystem) -> None:
    system.missing = {"before this claim": "web.web.1: crash-loop"}
    journey = Ask()
    result = await tried(CALM, system, journey).run()
    assert result.verdict is Verdict.UNKNOWN
    assert "crash-loop" in result.trouble
    assert result.history.operations == []
    assert journey.used == ["closed"]


async def test_a_system_that_is_not_ready_after_the_faults_fails(
    system: FakeSystem, strike: Callable[[Strikes], None]
) -> None:
    """Although no request failed: that everything comes back is part of every claim with a fault."""
    strike(bite)
    system.missing = {"after the faults": "web.web.1: starting"}
    result = await tried(STRUCK, system).run()
    assert result.verdict is Verdict.FAIL
    judged = named(result, "ready-again <= 30 s")
    assert judged.verdict is Verdict.FAIL
    assert judged.found == "not ready: web.web.1: starting"
    assert named(result, "errors.get").verdict is Verdict.PASS


@pytest.mark.parametrize("when", ["before this claim", "after the faults", "at the end"])
async def test_a_system_that_ended_by_itself_is_no_claims_fault(
    system: FakeSystem, strike: Callable[[Strikes], None], when: str
) -> None:
    """What failed then says nothing of the claim, and all that come after would say nothing either."""
    strike(bite)
    system.missing = {when: "gone"}
    journey = Ask()
    with pytest.raises(SystemGone):
        await tried(STRUCK, system, journey).run()
    assert journey.used[-1] == "closed"


async def test_a_fault_that_did_not_bite_shows_nothing(
    system: FakeSystem, strike: Callable[[Strikes], None]
) -> None:
    strike(lambda given: bite(given, bit=False))
    result = await tried(STRUCK, system).run()
    assert [each.verdict for each in result.judgements] == [Verdict.PASS, Verdict.PASS]
    assert result.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("source", "status", "verdict"),
    [
        (FROM_TOPOLOGY, 200, Verdict.NOT_RUN),
        (FROM_TOPOLOGY, 500, Verdict.FAIL),
        ("a file", 200, Verdict.UNKNOWN),
    ],
)
async def test_a_fault_that_the_load_never_met_says_nothing_and_hides_nothing(
    system: FakeSystem, strike: Callable[[Strikes], None], source: str, status: int, verdict: Verdict
) -> None:
    async def unmet(given: Sequence[Strike]) -> list[Bite]:
        now = time.monotonic()
        return [Bite(each, now, now, Evidence(False, "nobody came that way", idle=True)) for each in given]

    strike(unmet)
    system.status = status
    result = await tried(replace(STRUCK, source=source), system).run()
    assert result.verdict is verdict
    assert (verdict is Verdict.NOT_RUN) == ("nobody came that way" in result.not_run)


@pytest.mark.parametrize("raises", [True, False])
async def test_a_fault_that_was_not_met_hides_no_trouble(
    system: FakeSystem, strike: Callable[[Strikes], None], raises: bool
) -> None:
    """*Not run* takes nothing away from a proof, so it is never said of what could not be told."""

    async def unmet(given: Sequence[Strike]) -> list[Bite]:
        now = time.monotonic()
        return [Bite(each, now, now, Evidence(False, "nobody came that way", idle=True)) for each in given]

    strike(unmet)
    journey = Raising("step") if raises else Ask(("lost.orders = 0",))
    result = await tried(replace(STRUCK, source=FROM_TOPOLOGY), system, journey).run()
    assert result.verdict is Verdict.UNKNOWN
    assert not result.not_run


class Nothing(Journey):
    async def step(self, client: Client, number: int) -> None:
        pass


class Post(Journey):
    """Writes without a key; reads only before and after the load."""

    async def set_up(self, client: Client) -> None:
        await client.get("/")

    async def step(self, client: Client, number: int) -> None:
        await client.post("/")

    async def final(self, client: Client) -> None:
        await client.get("/")


@pytest.mark.parametrize(
    ("journey", "holds", "status", "verdict", "words"),
    [
        (Nothing, ("errors.get = 0",), 200, Verdict.UNKNOWN, "no journey made a request"),
        (Nothing, ("figure.restarts = 0",), 200, Verdict.UNKNOWN, "no journey made a request"),
        (Post, ("errors.get = 0", "refused.keyed = 0"), 200, Verdict.NOT_RUN, "no journey does what it is about"),
        (Post, ("errors.get = 0",), 500, Verdict.UNKNOWN, "no request of any journey ended well"),
        (Post, ("worst <= 2 s",), 500, Verdict.UNKNOWN, "no request of any journey ended well"),
        (Post, ("worst <= 2 s", "errors.get = 0"), 200, Verdict.PASS, ""),
        (Post, ("figure.restarts = 0", "errors.get = 0"), 200, Verdict.PASS, ""),
    ],
)  # fmt: skip
async def test_a_claim_that_came_by_itself_does_not_pass_on_nothing(
    system: FakeSystem,
    strike: Callable[[Strikes], None],
    journey: type[Journey],
    holds: tuple[str, ...],
    status: int,
    verdict: Verdict,
    words: str,
) -> None:
    """It is made without knowing what the journeys do, so there may be nothing that it looks at."""
    strike(bite)
    system.status, system.figures = status, {"restarts": 0.0}
    claim = replace(STRUCK, source=FROM_TOPOLOGY, holds=holds)
    result = await tried(claim, system, journey()).run()
    assert result.verdict is verdict
    assert words in (result.not_run or result.trouble)


async def test_a_claim_without_its_rules_still_fails_with_those_of_a_journey(
    system: FakeSystem, strike: Callable[[Strikes], None]
) -> None:
    strike(bite)
    system.missing = {"after the faults": "web.web.1: starting"}
    result = await tried(replace(STRUCK, source=FROM_TOPOLOGY), system, Post()).run()
    assert result.verdict is Verdict.FAIL


async def test_a_fault_without_the_means_is_a_claim_that_is_not_run(
    system: FakeSystem, strike: Callable[[Strikes], None]
) -> None:
    async def lacking(given: Sequence[Strike]) -> list[Bite]:
        raise NotPossible("only root may mount")

    strike(lacking)
    journey = Ask()
    result = await tried(STRUCK, system, journey).run()
    assert (result.verdict, result.not_run) == (Verdict.NOT_RUN, "only root may mount")
    assert result.judgements == []
    assert journey.used[-1] == "closed"


async def test_a_system_that_must_not_be_broken_is_a_claim_that_is_not_run(system: FakeSystem) -> None:
    system.unbreakable = "it was named by --against"
    result = await tried(STRUCK, system).run()
    assert (result.verdict, result.not_run) == (Verdict.NOT_RUN, "it was named by --against")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationFailed("prove.guard-lost", "the guard is gone"), "the guard is gone"),
        (ProcessLookupError(3, "No such process"), "ProcessLookupError: [Errno 3] No such process"),
        (KeyError("role"), "KeyError: 'role'"),
    ],
)
async def test_a_fault_that_breaks_by_itself_costs_this_claim_alone(
    system: FakeSystem, strike: Callable[[Strikes], None], error: Exception, told: str
) -> None:
    async def broken(given: Sequence[Strike]) -> list[Bite]:
        raise error

    strike(broken)
    result = await tried(STRUCK, system).run()
    assert result.verdict is Verdict.UNKNOWN
    assert told in result.trouble


async def test_a_system_that_is_gone_is_not_waited_for(
    system: FakeSystem, strike: Callable[[Strikes], None]
) -> None:
    strike(bite)
    system.missing = {"after the faults": "gone"}
    began = time.monotonic()
    with pytest.raises(SystemGone):
        await tried(STRUCK, system, Endless()).run()
    assert time.monotonic() - began < 10.0


async def test_being_cut_off_waits_for_no_step_that_is_still_under_way(system: FakeSystem) -> None:
    journey = Endless()
    running = asyncio.create_task(tried(replace(CALM, steady=600.0), system, journey).run())
    while "step" not in journey.used:
        await asyncio.sleep(0.01)
    began = time.monotonic()
    running.cancel("received SIGINT")
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 5.0
    assert journey.used[-1] == "closed"


@pytest.mark.parametrize("where", ["inside", "judge"])
async def test_what_nobody_foresaw_is_trouble_of_this_claim_alone(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("of nothing")

    if where == "judge":
        monkeypatch.setattr(trial, "judge", broken)
    else:
        monkeypatch.setattr(system, "inside", broken)
    result = await tried(CALM, system).run()
    assert result.verdict is Verdict.UNKNOWN
    assert "ZeroDivisionError: of nothing (test_trial.py, line " in result.trouble


async def test_a_generator_that_was_late_says_so_beside_what_passes(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where that decided nothing; where nothing can be told for it, that is said once."""
    late = 0.1
    monkeypatch.setattr(Summary, "is_late", IS_LATE)
    monkeypatch.setattr(Generator, "summary", lambda self: summary(late))
    result = await tried(CALM, system).run()
    assert (result.verdict, result.trouble) == (Verdict.PASS, "")
    assert result.notes == (summary(late).harmless,)
    assert "bottleneck" not in result.notes[0], (
        "beside a pass it would sound as if the pass were worth nothing"
    )
    late = 0.3
    result = await tried(CALM, system).run()
    assert (result.verdict, result.notes) == (Verdict.UNKNOWN, ())
    assert result.trouble == summary(late).bottleneck


# --- which rules ------------------------------------------------------------------------------------


def test_a_journey_that_takes_no_part_brings_no_rules() -> None:
    class Other(Ask):
        pass

    journeys = [Ask(("p99 <= 1 s", "errors = 0")), Other(("lost = 0",))]
    assert rules_of(CALM, journeys) == ("errors = 0", "p99 <= 1 s", "lost = 0")
    assert rules_of(replace(CALM, load=Load(1.0, only=("ask",))), journeys) == ("errors = 0", "p99 <= 1 s")


RULES = (
    "errors.get = 0",
    "errors.keyed = 0",
    "first-write <= 5 s",
    "errors@after = 0",
    "figure.repeated.write = 0",
)
BY_ITSELF = replace(CALM, holds=RULES, source="topology")


def of(*operations: tuple[str, str]) -> Run:
    run = Run()
    for number, (kind, name) in enumerate(operations):
        run.operation(number, kind=kind, request_id=f"id{number}")  # type: ignore[arg-type]
        run.history.operations[-1].name = name
    return run


@pytest.mark.parametrize(
    ("run", "left"),
    [
        (of(("get", "GET /")), ("errors.get = 0", "errors@after = 0")),
        (of(("get", "GET /"), ("keyed", "POST /")), RULES[:4]),
        (of(("write", "POST /")), ("first-write <= 5 s", "errors@after = 0", "figure.repeated.write = 0")),
        (of(("write", "DELETE /")), ("first-write <= 5 s", "errors@after = 0")),
    ],
)
def test_a_claim_that_came_by_itself_says_nothing_of_what_no_journey_does(
    run: Run, left: tuple[str, ...]
) -> None:
    assert tuple(applicable(BY_ITSELF, RULES, run.history)) == left


def test_a_rule_that_somebody_wrote_is_never_left_out() -> None:
    """Neither that of a claim in the file nor that of a journey."""
    run = of(("get", "GET /"))
    assert applicable(replace(BY_ITSELF, source="mainstay.toml"), RULES, run.history) == list(RULES)
    assert applicable(replace(BY_ITSELF, holds=()), RULES, run.history) == list(RULES)


async def test_a_claim_says_what_of_it_was_not_judged(system: FakeSystem) -> None:
    claim = replace(CALM, source="topology", holds=("errors.get = 0", "errors.keyed = 0"))
    result = await tried(claim, system).run()
    assert result.verdict is Verdict.PASS
    assert [each.rule for each in result.judgements] == ["errors.get = 0"]
    assert result.idle == ("errors.keyed = 0",)


# --- the generator's own lateness -------------------------------------------------------------------


def summary(late: float = 0.0, *, worst: float = 0.0, stall: float = 0.0, **more: Any) -> Summary:
    return Summary(
        arrivals=100,
        seconds=10.0,
        late_p50=late,
        late_p99=late,
        late_worst=worst or late,
        stall_worst=stall,
        cpu=0.5,
        latency_p99=0.02,
        **more,
    )


def failed(rule: str, value: float | None) -> Judgement:
    return Judgement(rule, Verdict.FAIL, "found", value)


def passed(rule: str, value: float) -> Judgement:
    return Judgement(rule, Verdict.PASS, "found", value)


@pytest.mark.parametrize(
    ("judgement", "late", "verdict"),
    [
        (failed("p99 <= 1 s", 1.2), 0.5, Verdict.UNKNOWN),
        (failed("p99 <= 1 s", 2.0), 0.5, Verdict.FAIL),
        (failed("p99 <= 1 s", 1.2), 0.001, Verdict.FAIL),
        (failed("p99 <= 2 x steady", 9.0), 0.5, Verdict.UNKNOWN),
        (failed("errors = 0", 3.0), 0.5, Verdict.FAIL),
        (failed("lost = 0", None), 0.5, Verdict.FAIL),
        (passed("p99 <= 1 s", 0.9), 0.5, Verdict.PASS),
        (passed("added.p99 <= 1 s", 0.6), 0.5, Verdict.UNKNOWN),
        (passed("added.p99 <= 1 s", 0.4), 0.5, Verdict.PASS),
        (passed("added.p99 <= 1 s", 0.6), 0.001, Verdict.PASS),
        (passed("p99 <= 2 x steady", 1.0), 0.5, Verdict.UNKNOWN),
        (passed("errors = 0", 0.0), 0.5, Verdict.PASS),
    ],
)
def test_what_fails_by_less_than_the_generator_was_late_is_unknown(
    judgement: Judgement, late: float, verdict: Verdict
) -> None:
    """Lateness is no excuse for an error, and makes nothing pass: a late steady phase is a yardstick too long."""
    found = fair(judgement, summary(late))
    assert found.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert found.found.startswith("found; the generator was the bottleneck")


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (summary(), ""),
        (summary(0.1), ""),
        (summary(0.3), "the generator was the bottleneck"),
        (summary(stall=1.5), "the generator was the bottleneck"),
        (summary(raised=(Raised("buy", "step", 2, "KeyError: 'id'"),)), "journey 'buy' raised twice"),
    ],
)
def test_nothing_can_be_told_when_the_load_was_another_one(of: Summary, words: str) -> None:
    assert (words in untold(of)) if words else untold(of) == ""
