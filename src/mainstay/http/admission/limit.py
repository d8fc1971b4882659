"""
The concurrency limit, learned from how long requests take beside how long they usually take.

A request is compared with others of its own route, and a window is judged by the mean of these ratios, each
of which counts for at most `MOST`: a route that has become slow, or a locked table, does not shrink the limit for
all others. Views whose answers take now a millisecond and now a second, as with a cache, or whose latencies have a long
tail, have a mean like any other. Their median jumps from one kind of answer to the other, which is no congestion.

At first there is nothing to compare with, and `Opening` decides. Then there are two ways to move the limit, compared in
docs/decisions/0013:

* `Gradient`: Netflix's concurrency-limits, ``Gradient2Limit``.
* `Aimd`: additive increase, multiplicative decrease, as TCP Reno does (RFC 5681), with latency as the
  sign of congestion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import sqrt
from statistics import fmean, median
from time import process_time
from typing import Protocol

from mainstay.http.admission.opening import Opening

FLOOR = 2
"""Never fewer: one would make each request wait for the whole of the one before."""

INITIAL = 20
"""Netflix's; enough for a replica that waits for a database most of the time. `Opening` doubles it where it is not."""

TOLERANCE = 1.6
"""How much longer than usual requests may take. Netflix's is 1.5; docs/decisions/0013 says why."""

SETTLED = 1.1
"""The same at the floor: what is usual is known anew, and the limit may rise."""

SLACK = 0.005
"""Seconds added to what is usual: on a busy machine a request of 1 ms takes 3 ms without meaning anything."""

MOST = 3.0
"""As how many times the usual one request counts at most, for the window and for what is usual."""

WINDOW_SECONDS = 0.1
WINDOW_SAMPLES = 10
WINDOW_LONGEST = 1.0
"""After this long two samples are enough: at the floor a slow route gives no more."""

LEARNING = 0.005
"""
Share of a new sample in what is usual.

Ten at work of a limit of twenty look quiet and are not, where a core is all there is; learned faster, every burst of a
busy hour would make the next overload's limit too wide.
"""

LEARNING_BUSY = LEARNING / 4
"""Of a slower one while the process is busy, after a window that was quicker than usual: hardly any congestion."""

LEARNING_QUICKER = 0.05
"""Where all is much quicker than usual: the first requests of a process are slow."""

LEARNING_FLOOR = 0.2
"""At the floor, where there are few samples and no fewer requests could make them quicker."""

QUIET = 0.25
"""Part of the limit below which the process is quiet, so that latency is what it is without any other."""

SIGN = 1.2
"""
By how much windows in a row must be slower than `TOLERANCE`, taken together, to be congestion.

One that is far slower is at once; a few that are a little slower are chance (cumulative sums: Page, Biometrika 41).
"""

FLOOR_WINDOWS = 2
"""After so many windows at the floor the latency there is what is usual."""

UNKNOWN = 10
"""Samples of a route whose plain mean is what is usual, as long as the process is quiet."""

RISE = 1.5
"""Times as wide after each quick window, until congestion, once what is usual was learned anew."""

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


class _Usual:
    """How many seconds a route usually takes, and how many samples that is known from."""

    __slots__ = ("samples", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.samples = 1


class _Learned(ABC):
    """
    What both algorithms share: the opening, what is usual, the window, the floor and the ceiling.

    Args:
        most: The limit is never above that.
        initial: What it is at first; it opens from there if it can.
        floor: It is never below that.
        processor: Seconds of processor time that the process has used.
    """

    def __init__(
        self,
        most: int,
        initial: int = INITIAL,
        floor: int = FLOOR,
        processor: Callable[[], float] = process_time,
    ) -> None:
        self.floor = min(floor, most)
        self.most = most
        self.value: float = min(initial, most)
        self.usual = float("inf")
        self.opening = Opening(round(1 / LEARNING), most, processor)
        self.opening.over = self.value >= most
        self._usual: dict[str, _Usual] = {}
        self._ratios: list[float] = []
        self._seconds: list[float] = []
        self._ratio = 1.0
        """Of the window before."""
        self._opened = 0.0
        self._used = 0
        self._floored = 0
        self._slow = 0.0
        """By how much the slow windows in a row until now were too slow."""
        self._rises = False

    def observe(self, now: float, seconds: float, route: str, in_flight: int) -> None:
        """Take note of a request that took this long while so many were worked on, itself included."""
        if not self.opening.over:
            self._open(now, seconds, route, in_flight)
        ratio = seconds / (self._learn(route, seconds, in_flight) + SLACK)
        self._ratios.append(ratio if ratio < MOST else MOST)
        self._seconds.append(seconds)
        if in_flight > self._used:
            self._used = in_flight
        if not self._opened:
            self._opened = now
        if (open_for := now - self._opened) >= WINDOW_SECONDS:
            enough = WINDOW_SAMPLES if open_for < WINDOW_LONGEST else 2
            if len(self._ratios) >= enough:
                self._close(now)

    def _open(self, now: float, seconds: float, route: str, in_flight: int) -> None:
        """The limit as the opening wants it, and, once that is over, what it says is usual."""
        self._set(self.opening.observe(now, seconds, route, in_flight, self.value))
        if self.opening.over:
            for name, (total, count) in self.opening.usual.items():
                if (known := self._usual.get(name)) is not None:
                    known.seconds, known.samples = total / count, count
            self._begin_window(now)

    def _learn(self, route: str, seconds: float, in_flight: int) -> float:
        """What is usual for this route, with this sample in it as far as it can be trusted."""
        known = self._usual.get(route)
        if known is None:
            if len(self._usual) < ROUTES_MAX:
                self._usual[route] = _Usual(seconds)
            return seconds
        share = self._share(known, seconds, in_flight)
        if known.samples < UNKNOWN:
            known.samples += 1
        if share:
            most = MOST * (known.seconds + SLACK)
            known.seconds += ((seconds if seconds < most else most) - known.seconds) * share
        return known.seconds

    def _share(self, known: _Usual, seconds: float, in_flight: int) -> float:
        """
        How far what is usual follows this sample.

        Latency that rises while the process is busy is congestion, not news. To follow the quicker ones only would lead
        to the quickest there ever was, and all others would look like congestion.
        """
        if self._floored >= FLOOR_WINDOWS:
            return LEARNING_FLOOR
        is_quiet = in_flight <= max(self.value * QUIET, self.floor)
        if is_quiet and known.samples < UNKNOWN:
            return 1 / (known.samples + 1)
        if is_quiet or self._ratio < 1.0:
            if self._ratio * TOLERANCE < 1.0:
                return LEARNING_QUICKER
            return LEARNING if is_quiet or seconds < known.seconds else LEARNING_BUSY
        return LEARNING_QUICKER if seconds < known.seconds and known.samples < UNKNOWN else 0.0

    def _close(self, now: float) -> None:
        self._ratio = fmean(self._ratios)
        if self.opening.over or not self.opening.decides(now):
            self._judge(self._ratio)
        self._begin_window(now)

    def _judge(self, ratio: float) -> None:
        self.usual = median(self._seconds) / max(ratio, 1.0)
        known = min(len(self._ratios) / WINDOW_SAMPLES, 1.0)
        self._slow = self._slow + (ratio - TOLERANCE) * known if ratio > TOLERANCE else 0.0
        if self._slow:
            self._narrow(ratio)
        elif self._used * 2 >= self.value:
            self._widen(ratio)
        self._floored = self._floored + 1 if self.value < self.floor + 1 else 0

    def _begin_window(self, now: float) -> None:
        self._ratios.clear()
        self._seconds.clear()
        self._opened, self._used = now, 0

    def _narrow(self, ratio: float) -> None:
        """One step down, if that can make anything quicker."""
        if self._slow >= SIGN:
            self._rises, self.opening.over = False, True
            if self._used > self.floor:
                self._set(self._move(ratio))

    def _widen(self, ratio: float) -> None:
        """One step up; from the floor only once what is usual there is known, and then in leaps."""
        if self._floored >= FLOOR_WINDOWS:
            if ratio > SETTLED:
                return
            self._rises = True
        self._set(self.value * RISE if self._rises else self._move(ratio))

    def _set(self, value: float) -> None:
        self.value = min(max(value, self.floor), self.most)

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
