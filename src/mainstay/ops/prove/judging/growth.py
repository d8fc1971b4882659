"""How fast a system grows: memory, descriptors, connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from mainstay.ops.prove.judging.finding import Finding, doubtful, nothing
from mainstay.ops.prove.judging.statistics import slope

Resource = Literal["memory", "descriptors", "connections"]

WARM_UP = 0.25
"""The part of a series that is left out at its start: caches fill and pools open."""
LEAST_SECONDS = 60.0
LEAST_ROUNDS = 20
"""A slope per hour from less than this would be a guess."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process held at one moment; all of one round carry the same moment."""

    moment: float
    process: str
    memory: float
    """Bytes of resident or proportional set size."""
    descriptors: float
    connections: float


def growth(samples: Sequence[Sample], resource: Resource, process: str = "") -> Finding:
    """
    Growth in shares of the median per hour, of all processes together or of those of one name.

    ``process`` is a process (``catalog.web.1``) or what comes before the number (``catalog.web``).
    A process that is dead at a moment counts nothing then, which the median of slopes bears. The
    interval begins at the lower end of the slope's 95 % interval and ends at the slope itself: growth
    that may as well be noise does not fail a claim, and no claim passes while the slope is over its limit.
    """
    rounds: dict[float, float] = {}
    for sample in samples:
        if process in ("", sample.process) or sample.process.startswith(f"{process}."):
            rounds[sample.moment] = rounds.get(sample.moment, 0.0) + getattr(sample, resource)
    points = _warm(sorted(rounds.items()))
    if len(points) < LEAST_ROUNDS or points[-1][0] - points[0][0] < LEAST_SECONDS:
        return nothing(f"fewer than {LEAST_ROUNDS} samples over {LEAST_SECONDS:g} s after the warm-up")
    level = median(value for _, value in points)
    found = slope(points)
    if found is None or level <= 0:
        return nothing(f"no {resource} in use, so no growth in proportion")
    value, low = found.value * HOUR / level, found.low * HOUR / level
    between = f"with 95 % confidence between {low:.2%} and {found.high * HOUR / level:.2%} per hour"
    return doubtful(value, len(points), min(low, value), value, between)


def _warm(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if not points:
        return []
    begin = points[0][0] + WARM_UP * (points[-1][0] - points[0][0])
    return [point for point in points if point[0] >= begin]
