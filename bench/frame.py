"""
How a comparison is made, so that a busy machine cannot decide it.

Processor time of this process, not time on the wall. Both sides in turn within every
round, the order swapped from round to round, and one ratio per round: what slows the
machine down slows both. The figure is the median of the ratios, and beside it the range of their
middle half; a range that spans the claim is no proof of it.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

ROUNDS = 21
LEAST_ROUNDS = 7
SMALL = 0.1
SLICE = 0.1
"""Seconds of processor time that one side works per round."""

Work = Callable[[int], None]
"""Does the thing this many times."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question: what does ``ours`` cost beside ``bare``?"""

    name: str
    unit: str
    """What is done once, such as ``request``."""
    bare_name: str
    bare: Work
    ours_name: str
    ours: Work


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds per unit in one round."""

    bare: float
    ours: float

    @property
    def ratio(self) -> float:
        return self.ours / self.bare


@dataclass(frozen=True, slots=True)
class Result:
    """What came out, with everything needed to doubt it."""

    comparison: Comparison
    rounds: tuple[Round, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(each.ratio for each in self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The range of the middle half of all ratios."""
        low, _, high = statistics.quantiles((each.ratio for each in self.rounds), n=4, method="inclusive")
        return low, high

    def microseconds(self, side: str) -> float:
        """The median cost of one unit on a side, ``bare`` or ``ours``."""
        seconds: list[float] = [getattr(each, side) for each in self.rounds]
        return statistics.median(seconds) * 1e6

    def as_json(self) -> dict[str, object]:
        low, high = self.spread
        return {
            "name": self.comparison.name,
            "unit": self.comparison.unit,
            "bare": {"name": self.comparison.bare_name, "microseconds": round(self.microseconds("bare"), 2)},
            "ours": {"name": self.comparison.ours_name, "microseconds": round(self.microseconds("ours"), 2)},
            "ratio": round(self.ratio, 5),
            "middle_half": [round(low, 5), round(high, 5)],
            "rounds": [round(each.ratio, 5) for each in self.rounds],
        }


def measure(
    comparison: Comparison, *, rounds: int = ROUNDS, seconds: float = SLICE, clock: Clock = time.process_time
) -> Result:
    """
    Compare both sides in interleaved rounds, after one round that only warms up.

    Raises:
        ValueError: Fewer rounds than a median with a range needs.
    """
    if rounds < LEAST_ROUNDS:
        raise ValueError(f"at least {LEAST_ROUNDS} rounds, not {rounds}")
    gc.collect()
    counts = {work: _enough(work, seconds, clock) for work in (comparison.bare, comparison.ours)}
    return Result(comparison, tuple(_round(comparison, number, counts, clock) for number in range(rounds)))


def _round(comparison: Comparison, number: int, counts: dict[Work, int], clock: Clock) -> Round:
    sides = [comparison.bare, comparison.ours]
    spent = {work: _time(work, counts[work], clock) for work in (sides if number % 2 else reversed(sides))}
    return Round(spent[comparison.bare], spent[comparison.ours])


def _enough(work: Work, seconds: float, clock: Clock) -> int:
    """How often the work fits into this much time; doing this also warms the side up."""
    count = 1
    while (spent := _time(work, count, clock) * count) < seconds / 4:
        count *= 4 if spent < seconds / 64 else 2
    return max(1, round(count * seconds / spent))


def _time(work: Work, count: int, clock: Clock) -> float:
    """Seconds per unit, without the garbage collector: it would charge one side for the other's objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        begin = clock()
        work(count)
        return (clock() - begin) / count
    finally:
        if enabled:
            gc.enable()


def table(results: Iterable[Result]) -> str:
    """The results as aligned text, one comparison a row."""
    head = ("what", "bare", "ours", "ratio", "middle half", "per")
    rows = [head, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(result: Result) -> tuple[str, ...]:
    low, high = result.spread
    return (
        result.comparison.name,
        f"{result.microseconds('bare'):.1f} µs",
        f"{result.microseconds('ours'):.1f} µs",
        _fraction(result.ratio),
        f"{_fraction(low)}–{_fraction(high)}",
        result.comparison.unit,
    )


def _fraction(ratio: float) -> str:
    """Two decimals, or one over a number where they would hide how small it is."""
    return f"{ratio:.2f}" if ratio >= SMALL else f"1/{1 / ratio:.0f}"
