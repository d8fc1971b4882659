"""
How fast a system grows: memory, descriptors, connections.

A process that is killed takes its leak with it, so growth is that of a process within its own life: of
all lives of one kind of process together, by age. The kind that grows fastest is what is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from mainstay.ops.prove.judging.finding import Finding, doubtful, nothing
from mainstay.ops.prove.judging.statistics import Slope, pooled_slope

Resource = Literal["memory", "descriptors", "connections"]
Point = tuple[float, float]

WARM_UP = 0.25
"""The part of the longest life that every life is left out at its start: caches fill and pools open."""
LEAST_SECONDS = 60.0
LEAST_ROUNDS = 20
"""A slope per hour from less than this would be a guess."""
STRETCHES = 30
"""A life is cut into so many stretches, and the least of each is looked at."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process and everything below it held at one moment; all of one round carry the same moment."""

    moment: float
    process: str
    memory: float
    """Bytes of its own: resident, and no part of a file or of memory that is shared."""
    descriptors: float
    connections: float
    pid: int = 0
    """With the name it says which life this is of."""


def growth(
    samples: Sequence[Sample], resource: Resource, process: str = "", limit: float | None = None
) -> Finding:
    """
    Growth per hour in shares of the median, of the kind of process that grows fastest.

    ``process`` is a process (``catalog.web.1``) or what comes before the number (``catalog.web``). What leaks
    stays, so each life is cut into stretches of which only the least counts, without what was in use for a
    moment. The slope is the one of `pooled_slope` over all lives that are long enough, and ends where its
    95 % interval does: growth that may as well be noise is neither passed nor failed. A kind without a life
    that is long enough leaves open how fast it grows. With a ``limit`` it is said how long a run would tell.
    """
    kinds: dict[str, dict[tuple[str, int], list[Point]]] = {}
    for sample in samples:
        if process in ("", sample.process) or sample.process.startswith(f"{process}."):
            lives = kinds.setdefault(_kind(sample.process), {})
            point = (sample.moment, float(getattr(sample, resource)))
            lives.setdefault((sample.process, sample.pid), []).append(point)
    found = [
        _of_kind(kind, [sorted(life) for life in lives.values()], resource, limit)
        for kind, lives in kinds.items()
    ]
    return _worst(found) if found else nothing(f"no process {process} was looked at".replace("  ", " "))


def _kind(process: str) -> str:
    name, _, number = process.rpartition(".")
    return name if number.isdigit() else process


def _of_kind(kind: str, lives: Sequence[Sequence[Point]], resource: Resource, limit: float | None) -> Finding:
    longest = max(_length(life) for life in lives)
    old = [part for life in lives if _is_enough(part := _warm(life, WARM_UP * longest))]
    if not old:
        return nothing(
            f"{kind} lived for {longest:.0f} s at most, so no life of it has {LEAST_ROUNDS} samples over "
            f"{LEAST_SECONDS:g} s after the warm-up"
        )
    found = pooled_slope([_least_of_stretches(life) for life in old])
    level = median(value for life in old for _, value in life)
    if found is None or (level <= 0 and (found.low or found.high)):
        return nothing(f"{kind} mostly has no {resource} in use, so no growth in proportion")
    rate = Slope(*(each * HOUR / level if each else 0.0 for each in (found.value, found.low, found.high)))
    doubt = f"{kind}: with 95 % confidence between {rate.low:.2%} and {rate.high:.2%} per hour"
    if limit is not None and rate.low <= limit < rate.high:
        doubt += f", {_needed(rate, limit, longest)}"
    return doubtful(rate.value, sum(map(len, old)), rate.low, rate.high, doubt)


def _needed(rate: Slope, limit: float, seconds: float) -> str:
    """
    How long a run would be that tells, at the same noise.

    With so many samples a minute the interval of a slope narrows with the power 3/2 of the time.
    """
    margin = abs(rate.value - limit)
    half = rate.high - rate.value if rate.value <= limit else rate.value - rate.low
    needed = seconds * (half / margin) ** (2 / 3) if margin else float("inf")
    if needed > 24 * HOUR:
        return "which noise of that size leaves open for days"
    return f"which {seconds / 60:.0f} min cannot tell apart; about {needed / 60:.0f} min would"


def _worst(found: Sequence[Finding]) -> Finding:
    """Fails if one kind does, passes if all do: the greatest of each end, and no upper one where one is not known."""
    known = [each for each in found if each.of]
    open_ = [each.doubt for each in found if not each.of]
    if not known:
        return nothing("; ".join(open_))
    worst = max(known, key=lambda each: (each.low, each.value))
    high = float("inf") if open_ else max(each.high for each in known)
    highest = max(known, key=lambda each: each.high)
    doubts = dict.fromkeys([worst.doubt, highest.doubt, *open_])
    value = max(each.value for each in known)
    return doubtful(value, sum(each.of for each in known), worst.low, high, "; ".join(doubts))


def _length(life: Sequence[Point]) -> float:
    return life[-1][0] - life[0][0]


def _warm(life: Sequence[Point], age: float) -> list[Point]:
    return [point for point in life if point[0] >= life[0][0] + age]


def _is_enough(life: Sequence[Point]) -> bool:
    return len(life) >= LEAST_ROUNDS and _length(life) >= LEAST_SECONDS


def _least_of_stretches(life: Sequence[Point]) -> list[Point]:
    """As many neighbours as make `STRETCHES` of a life, each lot as their mean moment and the least value of it."""
    count = min(STRETCHES, len(life))
    lots = [life[index * len(life) // count : (index + 1) * len(life) // count] for index in range(count)]
    return [(_mean(moment for moment, _ in lot), min(value for _, value in lot)) for lot in lots]


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
