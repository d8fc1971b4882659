"""Independent arrivals are a Poisson process, and the same one in every run: else two runs compare different loads."""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate, pairwise, repeat
from statistics import fmean, pvariance

import pytest

from bench.overload_real import Independent
from mainstay.ops.prove.claim import Load
from mainstay.ops.prove.loading.arrivals import Pace

RATE = 50.0
MANY = 20_000


def due(pace: Pace, count: int = MANY) -> list[float]:
    moments = accumulate(repeat(0.0, count + 1), lambda last, _: pace.next(last))
    return list(moments)[1:]


def gaps(pace: Pace) -> list[float]:
    return [after - before for before, after in pairwise(due(pace))]


def dispersion(moments: list[float]) -> float:
    """Variance over mean of how many fall into each second: 1 for a Poisson process, about 0 for even spacing."""
    counts = Counter(map(int, moments))
    seconds = [counts[second] for second in range(int(moments[-1]))]
    return pvariance(seconds) / fmean(seconds)


def test_gaps_are_exponential() -> None:
    """Mean 1/rate, deviation the same, and e^-1 of them longer than the mean; within four standard errors."""
    found = gaps(Independent.of(Load(RATE), 0.0))
    mean, error = 1 / RATE, 1 / math.sqrt(MANY)
    assert fmean(found) == pytest.approx(mean, rel=4 * error)
    # The fourth central moment of an exponential distribution is nine times the square of its variance.
    assert pvariance(found) == pytest.approx(mean**2, rel=4 * error * math.sqrt(8))
    assert sum(gap > mean for gap in found) / MANY == pytest.approx(math.exp(-1), abs=4 * 0.5 * error)


def test_a_gap_says_nothing_of_the_next() -> None:
    found = gaps(Independent.of(Load(RATE), 0.0))
    mean = fmean(found)
    together = fmean((one - mean) * (two - mean) for one, two in pairwise(found)) / pvariance(found)
    assert together == pytest.approx(0, abs=4 / math.sqrt(MANY))


def test_they_come_in_bursts_and_evenly_spaced_ones_do_not() -> None:
    seconds = MANY / RATE
    independent = dispersion(due(Independent.of(Load(RATE), 0.0)))
    assert independent == pytest.approx(1, abs=4 * math.sqrt(2 / seconds))
    assert dispersion(due(Pace.of(Load(RATE), 0.0))) < 0.1


def test_every_run_has_the_same() -> None:
    """A generator makes its pace twice, before it starts and then; what one draws the other must not miss."""
    first, second = Independent.of(Load(RATE), 0.0), Independent.of(Load(RATE), 0.0)
    assert due(first, 100) == due(second, 100)


def test_the_rate_is_that_of_the_moment() -> None:
    pace = Independent.of(Load(RATE, "step", 4), 0.0).surge(100.0, 10.0)
    found = due(pace)
    after = [moment for moment in found if moment >= 100.0]
    assert len(after) / (after[-1] - 100.0) == pytest.approx(4 * RATE, rel=4 / math.sqrt(len(after)))
