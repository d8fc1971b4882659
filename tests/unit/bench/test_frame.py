"""The frame's figures are right for work whose cost is known: time comes from a counter, not from a clock."""

from __future__ import annotations

import pytest

from bench.frame import Comparison, measure, table


class Meter:
    """A clock that stands still unless work moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def work(self, name: str, cost: float):  # type: ignore[no-untyped-def]  # a closure over the meter
        def run(count: int) -> None:
            self.now += cost * count
            self.calls.append(name)

        return run

    def clock(self) -> float:
        return self.now


@pytest.fixture
def meter() -> Meter:
    return Meter()


def compare(meter: Meter, bare: float, ours: float) -> Comparison:
    return Comparison("a case", "turn", "bare", meter.work("bare", bare), "ours", meter.work("ours", ours))


def test_ratio_is_ours_divided_by_bare(meter: Meter) -> None:
    result = measure(compare(meter, bare=0.001, ours=0.003), rounds=7, clock=meter.clock)

    assert result.ratio == pytest.approx(3.0)
    assert result.spread == pytest.approx((3.0, 3.0))
    assert result.microseconds("bare") == pytest.approx(1000)


def test_a_slow_spell_of_the_machine_shows_in_its_round_and_not_in_the_ratio(meter: Meter) -> None:
    spells = iter([1.0] * 40)

    def slow_once(count: int) -> None:
        factor = 9.0 if meter.calls.count("ours") == 12 else next(spells)
        meter.now += 0.001 * count * factor
        meter.calls.append("ours")

    comparison = Comparison("a case", "turn", "bare", meter.work("bare", 0.001), "ours", slow_once)
    result = measure(comparison, rounds=9, clock=meter.clock)

    assert result.ratio == pytest.approx(1.0)
    assert result.spread == pytest.approx((1.0, 1.0))
    assert max(each.ratio for each in result.rounds) == pytest.approx(9.0)


def test_the_side_that_goes_first_changes_from_round_to_round(meter: Meter) -> None:
    measure(compare(meter, bare=0.5, ours=0.5), rounds=8, clock=meter.clock)

    pairs = list(zip(meter.calls[-16::2], meter.calls[-15::2], strict=True))
    assert pairs == [("ours", "bare"), ("bare", "ours")] * 4


def test_too_few_rounds_are_refused(meter: Meter) -> None:
    with pytest.raises(ValueError, match="at least 7"):
        measure(compare(meter, 1, 1), rounds=6, clock=meter.clock)


def test_table_names_the_range_beside_the_ratio(meter: Meter) -> None:
    text = table([measure(compare(meter, bare=0.001, ours=0.002), rounds=7, clock=meter.clock)])

    assert "2.00   2.00–2.00" in text
    assert "1000.0 µs" in text


def test_a_small_ratio_is_told_as_a_fraction(meter: Meter) -> None:
    """Two decimals would call a fiftieth and a seventieth the same."""
    text = table([measure(compare(meter, bare=0.065, ours=0.001), rounds=7, clock=meter.clock)])

    assert "1/65  " in text
    assert "1/65–1/65" in text
