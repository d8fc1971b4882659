"""
The concurrency limit, learned from how long requests take beside how long they usually take.

A request is compared with others of its own route, and a window is judged by the median of
these ratios: one slow route, or one locked table, does not shrink the limit for all others.

Two ways to move the limit, compared in docs/decisions/0013:

* `Gradient`: Netflix's concurrency-limits, ``Gradient2Limit``.
* `Aimd`: additive increase, multiplicative decrease, as TCP Reno does (RFC 5681), with latency as the
  sign of congestion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import sqrt
from statistics import median
from typing import Protocol

FLOOR = 2
"""Never fewer: one would make each request wait for the whole of the one before."""

INITIAL = 20
"""Netflix's; enough for a replica that waits for a database most of the time."""

TOLERANCE = 1.6
"""How much longer than usual the median request may take. Netflix's is 1.5; docs/decisions/0013 says why."""

SLACK = 0.005
"""Seconds added to what is usual: on a busy machine a request of 1 ms takes 3 ms without meaning anything."""

WINDOW_SECONDS = 0.1
WINDOW_SAMPLES = 10
WINDOW_LONGEST = 1.0
"""After this long two samples are enough: at the floor a slow route gives no more."""

LEARNING = 0.05
"""Share of a new sample in what is usual: of a quicker one, or at the floor."""

LEARNING_SLOWER = 0.01
"""
Of a slower one. Ten at work of a limit of twenty look quiet and are not, where a core is all there is; learned
as fast as the quicker ones, every burst of a busy hour would make the next overload's limit too wide.
"""

FLOOR_WINDOWS = 3
"""After so many windows at the floor the latency there is what is usual: no fewer requests could make it better."""

ROUTES_MAX = 1024


class Limit(Protocol):
    """How many requests may be worked on at once; moves with what it observes."""

    value: float
    usual: float
    """Seconds that a request usually takes; infinite while nothing is known."""

    def observe(self, now: float, seconds: float, route: str, in_flight: int) -> None: ...


class Fixed:
    """A limit that never moves."""

    def __init__(self, value: int) -> None:
        self.value: float = value
        self.usual = float("inf")

    def observe(self, now: float, seconds: float, route: str, in_flight: int) -> None:
        return


class _Learned(ABC):
    """What both algorithms share: what is usual, the window, the floor and the ceiling."""

    def __init__(self, most: int, initial: int = INITIAL, floor: int = FLOOR) -> None:
        self.floor = min(floor, most)
        self.most = most
        self.value: float = min(initial, most)
        self.usual = float("inf")
        self._usual: dict[str, float] = {}
        self._ratios: list[float] = []
        self._seconds: list[float] = []
        self._opened = 0.0
        self._used = 0
        self._floored = 0

    def observe(self, now: float, seconds: float, route: str, in_flight: int) -> None:
        """Take note of a request that took this long while so many were worked on, itself included."""
        self._ratios.append(seconds / (self._learn(route, seconds, in_flight) + SLACK))
        self._seconds.append(seconds)
        if in_flight > self._used:
            self._used = in_flight
        if not self._opened:
            self._opened = now
        if (open_for := now - self._opened) >= WINDOW_SECONDS:
            enough = WINDOW_SAMPLES if open_for < WINDOW_LONGEST else 2
            if len(self._ratios) >= enough:
                self._close(now)

    def _learn(self, route: str, seconds: float, in_flight: int) -> float:
        """
        What is usual for this route, with this sample in it if it can be trusted.

        Latency that rises while the process is busy is congestion, not news. A sample counts for at most
        twice what was usual, so that an outlier moves little.
        """
        known = self._usual.get(route)
        if known is None:
            if len(self._usual) < ROUTES_MAX:
                self._usual[route] = seconds
            return seconds
        if seconds < known:
            known += (seconds - known) * LEARNING
        elif (is_floored := self._floored >= FLOOR_WINDOWS) or in_flight * 2 <= self.value:
            most = 2 * known + SLACK
            share = LEARNING if is_floored else LEARNING_SLOWER
            known += ((seconds if seconds < most else most) - known) * share
        else:
            return known
        self._usual[route] = known
        return known

    def _close(self, now: float) -> None:
        ratio = median(self._ratios)
        self.usual = median(self._seconds) / max(ratio, 1.0)
        if self._used * 2 >= self.value or ratio > TOLERANCE:
            self.value = min(max(self._move(ratio), self.floor), self.most)
        self._floored = self._floored + 1 if self.value <= self.floor else 0
        self._ratios.clear()
        self._seconds.clear()
        self._opened, self._used = now, 0

    @abstractmethod
    def _move(self, ratio: float) -> float:
        """The limit after a window in which latency was so many times what is usual."""


class Gradient(_Learned):
    """Follows the ratio of usual to present latency, smoothed."""

    SMOOTHING = 0.2

    def _move(self, ratio: float) -> float:
        gradient = max(0.5, min(1.0, TOLERANCE / ratio))
        return self.value * (1 - self.SMOOTHING) + (self.value * gradient + sqrt(self.value)) * self.SMOOTHING


class Aimd(_Learned):
    """One step up while latency is usual; a tenth down when it is not, up to a half when it is far from it."""

    LEAST = 0.9
    MOST = 0.5

    def _move(self, ratio: float) -> float:
        if ratio > TOLERANCE:
            return self.value * min(max(TOLERANCE / ratio, self.MOST), self.LEAST)
        return self.value + max(1.0, sqrt(self.value) / 2)
