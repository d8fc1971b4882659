"""
Figures from samples: percentiles, the bound of a share, the slope of a series.

Exact and small on purpose, so that a verdict never hangs on a binning or a random sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CONFIDENCE = 0.95
_Z = 1.959964
"""The normal deviate that leaves 2.5 % on either side."""
_MOST_POINTS = 400
"""A slope is taken over all pairs, so a longer series is thinned to this many medians."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """
    The nearest-rank percentile of values in ascending order: always one that was really seen.

    ``share`` is between 0 and 1. Rounding before the ceiling keeps 0.07 of 100 at rank 7,
    which binary fractions would make 8.

    Raises:
        ValueError: There are no values.
    """
    if not ordered:
        raise ValueError("no values, so no percentile")
    rank = math.ceil(round(share * len(ordered), 9))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def bound(failures: int, tries: int) -> float:
    """
    The share of failures that is not exceeded with 95 % confidence, having seen some of so many.

    For none it is exactly 1 - 0.05^(1/n), about three over n: J. A. Hanley and A. Lippman-Hand,
    "If nothing goes wrong, is everything all right?", JAMA 249 (1983). Otherwise the one-sided
    bound of C. J. Clopper and E. S. Pearson, Biometrika 26 (1934), which is the same formula
    continued: the share at which so few failures have a chance of 5 %.

    Raises:
        ValueError: Nothing was tried, or more failed than were tried.
    """
    if tries <= 0 or not 0 <= failures <= tries:
        raise ValueError(f"{failures} failures of {tries} tries have no bound")
    if failures == 0:
        return -math.expm1(math.log1p(-CONFIDENCE) / tries)
    if failures == tries:
        return 1.0
    low, high = failures / tries, 1.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if incomplete_beta(failures + 1, tries - failures, middle) < CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """
    The regularised incomplete beta function: the chance of at least ``a`` successes in ``a + b - 1`` tries.

    By the continued fraction of the NIST Digital Library of Mathematical Functions, 8.17.22,
    evaluated as W. J. Lentz does; from the other side where that converges faster (8.17.4).
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) / (a * _fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    """1 + d₁/(1 + d₂/(1 + …)) with the coefficients of DLMF 8.17.23."""
    value, above, below = 1.0, 1.0, 0.0
    for step in range(1, 100_000):
        half = step // 2
        if step % 2:
            factor = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            factor = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        above = 1.0 + factor / above or 1e-300
        below = 1.0 / (1.0 + factor * below or 1e-300)
        value *= above * below
        if abs(above * below - 1.0) < 1e-14:
            break
    return value


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast a series rises, per unit of its first axis, with the 95 % interval around it."""

    value: float
    low: float
    high: float


def slope(points: Sequence[tuple[float, float]]) -> Slope | None:
    """
    The median of the slopes between all pairs, which up to 29 % of wild points cannot move.

    H. Theil (1950) and P. K. Sen, "Estimates of the regression coefficient based on
    Kendall's tau", JASA 63 (1968), which also gives the interval. ``None`` for fewer than
    three points or when all are at one place.
    """
    return pooled_slope([_thinned(points)])


def pooled_slope(series: Sequence[Sequence[tuple[float, float]]]) -> Slope | None:
    """
    The slope that several series have in common, wherever each of them begins: no pair spans two of them.

    The seasonal slope of R. M. Hirsch, J. R. Slack and R. A. Smith, "Techniques of trend analysis for monthly
    water quality data", Water Resources Research 18 (1982); of one series it is `slope`.
    """
    slopes = sorted(
        (y2 - y1) / (x2 - x1)
        for points in series
        for index, (x1, y1) in enumerate(points)
        for x2, y2 in points[index + 1 :]
        if x2 != x1
    )
    counts = [len(points) for points in series]
    if max(counts, default=0) < 3 or not slopes:
        return None
    spread = _Z * math.sqrt(sum(count * (count - 1) * (2 * count + 5) / 18 for count in counts))
    low = max(math.floor((len(slopes) - spread) / 2), 0)
    high = min(math.ceil((len(slopes) + spread) / 2), len(slopes) - 1)
    return Slope(median(slopes), slopes[low], slopes[high])


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """As many neighbours as needed made one point each, by their medians."""
    width = math.ceil(len(points) / _MOST_POINTS) or 1
    if width == 1:
        return list(points)
    runs = (points[start : start + width] for start in range(0, len(points), width))
    return [(median(x for x, _ in run), median(y for _, y in run)) for run in runs]
