"""
How many requests a process may work on that has only just started.

It does not know yet how long anything takes, and the first answers do not say: the quickest come first, and
all others look slow beside them. So latency does not count at first. What counts is whether twice as many at work
bring more answers: as long as they do the limit doubles, like TCP's in its slow start (RFC 5681), and as in TCP
Vegas it is the rate that ends it (Brakmo and Peterson, IEEE JSAC 13(8), 1995).

Only a process that hardly computes may try. What computes all the time gains nothing by more at once, and those who
came in its first second would have to wait for all who were let in.
"""

from __future__ import annotations

from collections.abc import Callable

IDLE = 0.25
"""Seconds of processor time a second below which a process hardly computes: it could bear two doublings."""

FULL = 0.85
"""Part of the limit in use where others wait: those of ordinary importance have nine tenths of it."""


class Opening:
    """
    Moves the limit until it is `over`, and then knows what is `usual`.

    Args:
        samples: How many answers are enough to know that.
        most: The limit that cannot be doubled.
        processor: Seconds of processor time that the process has used.
    """

    def __init__(self, samples: int, most: int, processor: Callable[[], float]) -> None:
        self.over = False
        self.processor = processor
        self.usual: dict[str, tuple[float, int]] = {}
        """For each route how many seconds its answers took in all, and how many they were."""
        self._samples = samples
        self._most = most
        self._seen = 0
        self._known = 0
        self._doubtful: list[tuple[str, float]] = []
        """Answers since the limit has been full: they may have taken so long because too many were at work."""
        self._before: tuple[float, float] | None = None
        """The limit before it was doubled, and answers a second with it."""
        self._confirmed = False
        """Whether a doubled limit brought more answers."""
        self._answers = 0
        self._turns = 1
        """How long this is looked at."""
        self._full = (0.0, 0.0)
        """Since when the limit has been full, and the processor time until then."""
        self._window = (0.0, 0.0)

    def observe(self, now: float, seconds: float, route: str, in_flight: int, limit: float) -> float:
        """The limit after an answer that took so long while so many were worked on."""
        if not self._seen:
            used = self.processor()
            self._full, self._window = (now - seconds, used), (now, used)
        self._seen += 1
        self._doubtful.append((route, seconds))
        if in_flight < FULL * limit:
            self._trust()
            self._begin_turn(now)
            self.over = self._known >= self._samples
            return limit
        if not self._answers:
            began = max(now - seconds, self._full[0])  # a pause before it is no part of the turn
            self._full = (began, self._full[1])
        self._answers += 1
        took = now - self._full[0]
        if took > 0 and self._answers >= self._turns * FULL * limit:
            return self._judge(now, took, limit)
        return limit

    def decides(self, now: float) -> bool:
        """Whether latency does not count yet. Asked at the end of each window."""
        is_idle = self._is_idle(now, self._window)
        self._window = (now, self.processor())
        if not is_idle and self._before is None:
            self._forget(now)
            return False
        return True

    def _judge(self, now: float, took: float, limit: float) -> float:
        """
        The limit after a turn: as many answers as there are places, with all of them taken.

        One that brought hardly more answers is given a second, since few are chance.
        """
        rate = self._answers / took
        if self._before is not None:
            narrower, lower = self._before
            if rate < lower * (1 + limit / narrower) / 2:  # under half of what so many more places can bring
                if self._turns == 2:
                    return self._go_back(narrower)
                self._turns = 2
                return limit
            self._confirmed = True
        is_idle = self._is_idle(now, self._full)
        if not is_idle and not self._confirmed:
            self._forget(now)
            return limit
        self._trust()
        if not is_idle or limit >= self._most:
            self.over = True
            return limit
        self._before = (limit, rate)
        self._begin_turn(now)
        return limit * 2

    def _go_back(self, limit: float) -> float:
        """More places brought hardly more answers. Where there never were fewer, nothing that is known was quiet."""
        self.over = True
        if not self._confirmed:
            self.usual.clear()
        return limit

    def _is_idle(self, now: float, begin: tuple[float, float]) -> bool:
        since, used = begin
        return self.processor() - used < IDLE * (now - since)

    def _trust(self) -> None:
        for route, seconds in self._doubtful:
            total, count = self.usual.get(route, (0.0, 0))
            self.usual[route] = (total + seconds, count + 1)
        self._known += len(self._doubtful)
        self._doubtful.clear()

    def _forget(self, now: float) -> None:
        """The process computes. If it is only loading what it needs, it may try again; if it goes on, it may not."""
        self.over = self._seen >= self._samples
        self.usual.clear()
        self._doubtful.clear()
        self._known = 0
        self._begin_turn(now)

    def _begin_turn(self, now: float) -> None:
        self._full = (now, self.processor())
        self._answers, self._turns = 0, 1
