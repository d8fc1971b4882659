"""The algorithm against what it is for: in no stretch of time more than the burst and what the rate adds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.http.limits import gcra

ARRIVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), max_size=40)


def brute_force(arrivals: list[tuple[int, int]], interval: int, burst: int) -> list[bool]:
    """
    Let each request pass unless some stretch that ends with it would then hold too much.

    All stretches are tried, in whole numbers, from the definition alone.
    """
    passed: list[tuple[int, int]] = []
    verdicts = []
    for now, cost in arrivals:
        candidate = [*passed, (now, cost)]
        verdicts.append(
            all(
                sum(each for _, each in candidate[first:]) * interval
                <= burst * interval + now - candidate[first][0]
                for first in range(len(candidate))
            )
        )
        if verdicts[-1]:
            passed = candidate
    return verdicts


@settings(max_examples=300)
@given(ARRIVALS, st.integers(1, 12), st.integers(1, 6))
def test_decides_as_the_definition_does(steps: list[tuple[int, int]], interval: int, burst: int) -> None:
    now, arrivals = 0, []
    for gap, cost in steps:
        now += gap
        arrivals.append((now, cost))
    tat, verdicts = float("-inf"), []
    for moment, cost in arrivals:
        later = gcra.spend(tat, moment, cost, interval, burst)
        verdicts.append(later is not None)
        tat = tat if later is None else later
    assert verdicts == brute_force(arrivals, interval, burst)


@given(ARRIVALS, st.floats(0.001, 5), st.integers(1, 6))
def test_the_level_says_what_would_pass(steps: list[tuple[int, int]], interval: float, burst: int) -> None:
    now, tat = 0.0, float("-inf")
    for gap, cost in steps:
        now += gap
        level = gcra.level(tat, now, interval, burst)
        assert 0 <= level <= burst
        later = gcra.spend(tat, now, cost, interval, burst)
        if abs(level - cost) > 1e-6:
            assert (later is not None) == (level > cost)
        tat = tat if later is None else later
