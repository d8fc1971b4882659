"""When steps begin, and of which journey."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.prove.claim import Load
from mainstay.ops.prove.loading.arrivals import BLOCK, Pace, choices
from mainstay.ops.topology.values import LoadShape


def times(pace: Pace, began: float, until: float) -> list[float]:
    found, due = [], began
    while due < until:
        found.append(due)
        due = pace.next(due)
    return found


def between(moments: list[float], begin: float, end: float) -> int:
    return sum(begin <= each < end for each in moments)


def surged(shape: LoadShape) -> Pace:
    return Pace.of(Load(20, shape, 5), 100.0).surge(110.0, 10.0).calm(120.0)


def test_a_steady_load_is_evenly_spaced_through_the_faults() -> None:
    moments = times(surged("steady"), 100, 130)
    assert len(moments) == pytest.approx(600, abs=1)
    assert all(b - a == pytest.approx(0.05) for a, b in itertools.pairwise(moments))


@pytest.mark.parametrize(
    ("shape", "first", "second", "third", "fourth"),
    [
        ("step", 250, 250, 250, 250),
        ("ramp", 75, 125, 175, 225),  # sums of 20…100 per second
        ("spike", 250, 50, 50, 50),
    ],
)
def test_shapes_while_the_faults_are_on(
    shape: LoadShape, first: int, second: int, third: int, fourth: int
) -> None:
    moments = times(surged(shape), 100, 130)
    quarters = [between(moments, 110 + 2.5 * part, 112.5 + 2.5 * part) for part in range(4)]
    assert quarters == pytest.approx([first, second, third, fourth], abs=2)
    assert between(moments, 100, 110) == pytest.approx(200, abs=1)
    assert between(moments, 120, 130) == pytest.approx(200, abs=1)


def test_a_peak_lasts_as_long_as_the_faults_do() -> None:
    """They may take longer than expected."""
    pace = Pace.of(Load(10, "ramp", 3), 0.0).surge(5.0, 2.0)
    assert (pace.rate(6.0), pace.rate(7.0), pace.rate(60.0)) == (20.0, 30.0, 30.0)


def test_a_change_counts_from_its_moment_and_not_from_the_next_arrival() -> None:
    """At one step in ten seconds nobody would wait for the next one to see a spike."""
    pace = Pace.of(Load(0.1, "step", 100), 0.0).surge(5.0, 10.0)
    assert pace.next(0.0) == pytest.approx(5.05)


@given(
    st.sampled_from(["steady", "step", "ramp", "spike"]),
    st.floats(0.1, 1000),
    st.floats(0.1, 20),
    st.floats(0, 30),
    st.floats(0, 30),
)
def test_arrivals_go_on_for_ever(shape: LoadShape, rate: float, peak: float, at: float, over: float) -> None:
    pace = Pace.of(Load(rate, shape, peak), 0.0).surge(at, over).calm(at + over)
    due = 0.0
    for _ in range(200):
        following = pace.next(due)
        assert due < following < math.inf
        due = following


@pytest.mark.parametrize("load", [Load(0), Load(-1), Load(math.nan), Load(10, "step", 0), Load(math.inf)])
def test_a_load_that_is_none_is_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Pace.of(load, 0.0)


def test_the_same_seed_gives_the_same_journeys() -> None:
    weights = [5, 1, 0.5]
    first = list(itertools.islice(choices(weights, 7), 500))
    assert first == list(itertools.islice(choices(weights, 7), 500))
    assert first != list(itertools.islice(choices(weights, 8), 500))


def test_journeys_come_by_their_weight_in_every_stretch() -> None:
    """A rare journey must not be missing from a short run."""
    drawn = list(itertools.islice(choices([22, 1, 1], 3), 10 * BLOCK))
    for begin in range(0, len(drawn), BLOCK):
        counts = Counter(drawn[begin : begin + BLOCK])
        assert counts == {0: 22, 1: 1, 2: 1}


def test_two_journeys_do_not_alternate() -> None:
    """Else each could be tied to one of two replicas that take turns."""
    drawn = list(itertools.islice(choices([1, 1], 1), 200))
    changes = sum(a != b for a, b in itertools.pairwise(drawn))
    assert 60 < changes < 140
