"""The least that still fails, on failures whose cause is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.prove.claim import Claim, Load
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.shrink import ddmin, shrink

KILL = Strike("kill", "catalog.web.1", at=1.0, lasts=0.0)
PAUSE = Strike("pause", "orders.web.2", at=4.0, lasts=8.0)
OTHERS = tuple(Strike("kill", f"payments.web.{n}", at=float(n), lasts=0.0) for n in range(1, 7))


def claim(*strikes: Strike) -> Claim:
    return Claim("c", "", strikes, Load(40.0), ("errors = 0",), steady=4.0, after=4.0)


class Trials:
    """Runs a claim by asking a predicate, and remembers what was tried."""

    def __init__(self, fails: Callable[[Claim], bool | None]) -> None:
        self.fails, self.seen = fails, list[Claim]()

    async def __call__(self, tried: Claim) -> bool | None:
        self.seen.append(tried)
        return self.fails(tried)


def has(tried: Claim, *targets: str) -> bool:
    return set(targets) <= {strike.target for strike in tried.strikes}


# --- ddmin -------------------------------------------------------------------------------


@given(st.integers(1, 24), st.data())
def test_what_is_left_fails_and_nothing_in_it_can_be_spared(size: int, data: st.DataObject) -> None:
    """For failures that need one of several sets of items, so that more never helps and less may."""
    items = list(range(size))
    causes = data.draw(st.lists(st.sets(st.sampled_from(items), min_size=1), min_size=1, max_size=3))

    def fails(part: Sequence[int]) -> bool:
        return any(cause <= set(part) for cause in causes)

    async def asked(part: Sequence[int]) -> bool:
        return fails(part)

    if not fails(items):
        return
    left = asyncio.run(ddmin(items, asked))
    assert fails(left)
    assert left == sorted(left)
    assert not any(fails([each for each in left if each != one]) for one in left)


@given(st.lists(st.integers(), unique=True, max_size=16), st.randoms())
def test_also_where_more_may_hide_the_failure(items: list[int], dice: object) -> None:
    """Any predicate at all: what is left fails, and taking any one away does not."""
    answers = {tuple(items): True}

    async def asked(part: Sequence[int]) -> bool:
        return answers.setdefault(tuple(part), dice.random() < 0.3)  # type: ignore[attr-defined]

    left = tuple(asyncio.run(ddmin(items, asked)))
    if items:
        assert answers[left]
    if len(left) > 1:
        assert not any(answers.get(left[:n] + left[n + 1 :], True) for n in range(len(left)))


async def test_a_failure_without_any_cause_is_the_first_thing_found() -> None:
    trials = Trials(lambda tried: True)
    found = await shrink(claim(KILL, PAUSE, *OTHERS), trials)
    assert trials.seen[0].strikes == ()
    assert found.claim.strikes == ()


# --- claims ------------------------------------------------------------------------------


async def test_two_strikes_of_eight_are_found() -> None:
    trials = Trials(lambda tried: has(tried, "catalog.web.1", "orders.web.2"))
    found = await shrink(claim(*OTHERS[:3], KILL, *OTHERS[3:], PAUSE), trials, tries=60)
    assert {strike.target for strike in found.claim.strikes} == {"catalog.web.1", "orders.web.2"}
    assert found.complete
    assert found.tries == len(trials.seen)


async def test_strikes_become_earlier_and_shorter_as_long_as_it_fails() -> None:
    def fails(tried: Claim) -> bool:
        return bool(tried.strikes) and tried.strikes[0].lasts >= 1.5

    found = await shrink(claim(PAUSE), Trials(fails))
    assert (found.claim.strikes[0].at, found.claim.strikes[0].lasts) == (0.0, 2.0)


async def test_distances_are_kept_where_they_matter() -> None:
    def fails(tried: Claim) -> bool:
        return len(tried.strikes) == 2 and abs(tried.strikes[0].at - tried.strikes[1].at) >= 3.0

    found = await shrink(claim(KILL, PAUSE), Trials(fails))
    assert [strike.at for strike in found.claim.strikes] == [0.0, 3.0]


async def test_load_and_calm_become_less_but_never_nothing() -> None:
    found = await shrink(claim(KILL), Trials(lambda tried: has(tried, "catalog.web.1")), tries=60)
    assert (found.claim.steady, found.claim.after, found.claim.load.rate) == (1.0, 1.0, 1.0)
    assert found.claim.holds == ("errors = 0",)
    assert "a rate of 1 /s" in found.steps


async def test_a_duration_that_nobody_gave_is_its_fault_s_own_and_can_be_halved() -> None:
    open_ended = Strike("pause", "orders.web.2", lasts=-1.0)
    found = await shrink(claim(open_ended), Trials(lambda tried: bool(tried.strikes)))
    assert 0 < found.claim.strikes[0].lasts < 0.2


async def test_unknown_counts_as_not_failing() -> None:
    original = claim(KILL, PAUSE)
    found = await shrink(original, Trials(lambda tried: None))
    assert found.claim == original
    assert found.steps == ()


async def test_the_budget_of_tries_is_kept_and_what_is_left_has_failed() -> None:
    trials = Trials(lambda tried: has(tried, "catalog.web.1", "payments.web.6"))
    found = await shrink(claim(KILL, *OTHERS), trials, tries=3)
    assert (found.tries, len(trials.seen), found.complete) == (3, 3, False)
    assert trials.fails(found.claim)


async def test_no_run_is_begun_when_the_time_is_up() -> None:
    moments = iter(range(0, 1000, 10))
    trials = Trials(lambda tried: True)
    found = await shrink(claim(KILL), trials, seconds=25.0, clock=lambda: float(next(moments)))
    assert not found.complete
    assert len(trials.seen) <= 2


async def test_what_was_done_is_plain_values() -> None:
    found = await shrink(claim(KILL), Trials(lambda tried: has(tried, "catalog.web.1")), tries=2)
    told = found.as_json()
    assert (told["tries"], told["complete"]) == (2, False)
    assert told["steps"] == list(found.steps)


async def test_a_try_that_would_take_longer_than_what_is_left_is_skipped() -> None:
    """One try of a soak would take many times the budget; a shorter one may still fit."""
    trials = Trials(lambda tried: True)
    found = await shrink(
        claim(KILL, PAUSE), trials, seconds=50.0, length=lambda tried: 100.0 * len(tried.strikes) + 10.0
    )
    assert {len(tried.strikes) for tried in trials.seen} == {0}
    trials = Trials(lambda tried: bool(tried.strikes))
    found = await shrink(
        claim(KILL, PAUSE), trials, seconds=50.0, length=lambda tried: 100.0 * len(tried.strikes) + 10.0
    )
    assert (found.claim.strikes, found.complete) == ((KILL, PAUSE), False)
