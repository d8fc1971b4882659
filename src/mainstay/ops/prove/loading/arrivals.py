"""
When steps begin, and of which journey: open-loop arrivals, the same for the same seed.

Arrivals are evenly spaced and not a Poisson process. A few seconds per phase are too short
for the bursts of a Poisson process to even out: they would make one phase slower than
another by chance, and a rule that compares the two would judge dice. What even spacing
could hide is lockstep, where every second arrival meets the same replica; therefore the
journey of each arrival is drawn by the seed.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mainstay.ops.prove.claim import Load

BLOCK = 24
"""Arrivals within which every journey gets its share, give or take one."""

SPIKE = 0.25
"""Share of the faults' time for which a spike stays at its peak, at least one second."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``began`` on the rate is ``rate`` and grows by ``slope`` per second."""

    began: float
    rate: float
    slope: float = 0.0

    def at(self, moment: float) -> float:
        return self.rate + self.slope * (moment - self.began)


@dataclass(frozen=True, slots=True)
class Pace:
    """The rate of arrivals over time, in steps per second; inert, so every change is a new one."""

    load: Load
    stretches: tuple[Stretch, ...]

    @classmethod
    def of(cls, load: Load, began: float) -> Pace:
        """
        The pace before any fault.

        Raises:
            ValueError: There is no such load.
        """
        for name, value in (("rate", load.rate), ("peak", load.peak)):
            if not 0 < value < math.inf:
                raise ValueError(f"a {name} of {value!r}, which must be above 0")
        return cls(load, (Stretch(began, load.rate),))

    def surge(self, moment: float, over: float) -> Pace:
        """
        The pace while faults are on, which are expected to last ``over`` seconds.

        *step* goes to the peak at once and stays; *ramp* climbs to it during ``over`` and
        stays; *spike* goes to it for a quarter of ``over`` and back; *steady* does nothing.
        """
        rate, peak = self.load.rate, self.load.rate * self.load.peak
        over = max(over, 1.0)
        later: tuple[Stretch, ...]
        match self.load.shape:
            case "steady":
                later = (Stretch(moment, rate),)
            case "step":
                later = (Stretch(moment, peak),)
            case "ramp":
                later = (Stretch(moment, rate, (peak - rate) / over), Stretch(moment + over, peak))
            case "spike":
                later = (Stretch(moment, peak), Stretch(moment + max(over * SPIKE, 1.0), rate))
        return self._then(moment, *later)

    def calm(self, moment: float) -> Pace:
        """The pace once the faults are over: as before them."""
        return self._then(moment, Stretch(moment, self.load.rate))

    def rate(self, moment: float) -> float:
        """Arrivals per second at this moment."""
        return self._stretch(moment).at(moment)

    def next(self, last: float) -> float:
        """The moment at which one whole arrival has accrued since ``last``."""
        return self._next(last, 1.0)

    def _next(self, moment: float, missing: float) -> float:
        current = self._stretch(moment)
        reached = moment + _until(missing, current.at(moment), current.slope)
        end = min((each.began for each in self.stretches if each.began > moment), default=math.inf)
        if reached <= end:
            return reached
        accrued = (end - moment) * (current.at(moment) + current.at(end)) / 2
        return self._next(end, missing - accrued)

    def _stretch(self, moment: float) -> Stretch:
        return next((each for each in reversed(self.stretches) if each.began <= moment), self.stretches[0])

    def _then(self, moment: float, *later: Stretch) -> Pace:
        kept = tuple(each for each in self.stretches if each.began < moment)
        return replace(self, stretches=(*kept, *later))


def _until(amount: float, rate: float, slope: float) -> float:
    """Seconds until ``amount`` arrivals accrue; infinite if a falling rate never gets there."""
    if abs(slope) < 1e-9:
        return amount / rate
    root = rate * rate + 2 * slope * amount
    return math.inf if root < 0 else (math.sqrt(root) - rate) / slope


def choices(weights: Sequence[float], seed: int) -> Iterator[int]:
    """
    Which journey each arrival is of, without end, by its place in ``weights``.

    Drawn in blocks by stratified sampling, so that a rare journey gets its share also in a
    short run, in an order that only the seed knows.
    """
    heaped = list(itertools.accumulate(weights))
    dice = random.Random(seed)  # noqa: S311 - a schedule that can be repeated, no secret
    while True:
        places = [(place + dice.random()) / BLOCK for place in range(BLOCK)]
        dice.shuffle(places)
        for place in places:
            yield min(bisect.bisect_right(heaped, place * heaped[-1]), len(heaped) - 1)
