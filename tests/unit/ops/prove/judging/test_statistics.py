"""Percentiles, bounds and slopes against what is known of them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.prove.judging.statistics import bound, incomplete_beta, percentile, pooled_slope, slope

NUMBERS = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 15), (0.05, 15), (0.3, 20), (0.4, 20), (0.5, 35), (0.99, 50), (1.0, 50)]
)
def test_nearest_rank_as_in_the_textbook(share: float, value: float) -> None:
    assert percentile([15, 20, 35, 40, 50], share) == value


def test_a_rank_is_not_moved_by_binary_fractions() -> None:
    """0.07 × 100 is 7.000000000000001 in binary."""
    assert percentile(list(range(1, 101)), 0.07) == 7
    assert percentile(list(range(1, 1001)), 0.999) == 999


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.integers(1, 1000))
def test_a_percentile_is_the_least_value_with_enough_at_or_below_it(
    values: list[float], thousandth: int
) -> None:
    found = percentile(sorted(values), thousandth / 1000)
    needed = Fraction(thousandth, 1000) * len(values)
    assert found in values
    assert sum(value <= found for value in values) >= needed
    assert sum(value < found for value in values) < needed


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_the_rule_of_three() -> None:
    assert bound(0, 1240) == pytest.approx(1 - 0.05 ** (1 / 1240), rel=1e-12)
    assert bound(0, 100_000) == pytest.approx(3 / 100_000, rel=0.002)


@pytest.mark.parametrize(
    ("failures", "tries", "known"),
    [(1, 10, 0.394163), (5, 10, 0.777559), (9, 10, 0.994884), (3, 20, 0.343664), (10, 10, 1.0)],
)
def test_clopper_pearson_as_in_tables(failures: int, tries: int, known: float) -> None:
    """Upper ends of 90 % two-sided intervals, which are 95 % one-sided bounds."""
    assert bound(failures, tries) == pytest.approx(known, abs=2e-6)


@given(st.integers(1, 200), st.data())
def test_at_the_bound_so_few_failures_have_a_chance_of_five_per_cent(tries: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(0, tries - 1))
    share = bound(failures, tries)
    chance = math.fsum(
        math.comb(tries, k) * share**k * (1 - share) ** (tries - k) for k in range(failures + 1)
    )
    assert chance == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(("failures", "tries"), [(0, 0), (2, 1), (-1, 5)])
def test_what_cannot_be_has_no_bound(failures: int, tries: int) -> None:
    with pytest.raises(ValueError, match="no bound"):
        bound(failures, tries)


def test_a_bound_of_a_million_tries_is_close_to_its_share() -> None:
    assert 0.001 < bound(1000, 1_000_000) < 0.00106


@given(st.floats(0.5, 50), st.floats(0.5, 50), st.floats(0.001, 0.999))
def test_the_two_sides_of_the_incomplete_beta_add_up(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) + incomplete_beta(b, a, 1 - x) == pytest.approx(1.0, abs=1e-9)


def test_the_incomplete_beta_at_its_ends_and_for_a_power() -> None:
    assert incomplete_beta(2, 3, 0.0) == 0.0
    assert incomplete_beta(2, 3, 1.0) == 1.0
    assert incomplete_beta(3, 1, 0.7) == pytest.approx(0.7**3)


@given(st.floats(-1000, 1000), st.integers(5, 60))
def test_a_line_has_its_slope(rise: float, length: int) -> None:
    found = slope([(x, 7 + rise * x) for x in range(length)])
    assert found is not None
    assert found.value == pytest.approx(rise, abs=1e-6)
    assert found.low <= found.value <= found.high


def test_a_quarter_of_wild_points_does_not_move_the_slope() -> None:
    found = slope([(x, 1e9 if x % 4 == 3 else 2.0 * x) for x in range(100)])
    assert found is not None
    assert found.value == pytest.approx(2.0, rel=0.05)


def test_a_long_series_is_thinned_and_keeps_its_slope() -> None:
    found = slope([(x, 3.0 * x + (x % 7)) for x in range(20_000)])
    assert found is not None
    assert found.value == pytest.approx(3.0, rel=0.001)


@pytest.mark.parametrize("points", [[], [(0.0, 1.0), (1.0, 2.0)], [(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]])
def test_too_little_has_no_slope(points: list[tuple[float, float]]) -> None:
    assert slope(points) is None


def test_series_of_one_slope_have_it_together_wherever_each_begins() -> None:
    """What falls back whenever a process is killed rises all the same."""
    saw = [[(20.0 * turn + x, 2.0 * x) for x in range(20)] for turn in range(5)]
    found = pooled_slope(saw)
    assert found is not None
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)
    flat = slope([point for series in saw for point in series])
    assert flat is not None
    assert abs(flat.value) < 0.2
