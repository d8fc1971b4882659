"""
Who may work now, who waits, who is refused.

Four levels of importance share one limit: each may use a part of it, and of the queue,
so that what remains is there for whoever matters more. Waiting is first come, first
served. Under pressure, when the queue is half full or the wait half a second, it is newest
first, and whoever waits longer than a request usually takes is refused: the newest callers
are those who still wait for an answer (Maurer, "Fail at Scale", ACM Queue 13(8), 2015; the
sign is that of CoDel, RFC 8289).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil
from threading import Lock
from time import monotonic
from typing import Any

from mainstay.base import timeouts
from mainstay.base.criticality import Criticality
from mainstay.http.admission.comeback import Comeback
from mainstay.http.admission.limit import Fixed, Limit

SHARES = (0.5, 0.7, 0.9, 1.0)
"""Part of the limit and of the queue that each level may use, from the least important up."""

STRETCH = (1.0, 1.0, 1.0, float("inf"))
"""How often the usual time of a request each level may wait under pressure: what costs dearly until its deadline."""

PRESSURE = 0.1
"""Seconds without an empty queue after which there is pressure (CoDel's interval)."""

HOPELESS = 0.5
"""Seconds, or five times what a request usually takes, after which the wait of the next in line is pressure."""

CALM = 1.0
"""Seconds without a refusal after which the pressure is over."""

LEVELS = tuple(Criticality)
_ORDINARY = Criticality.CRITICAL  # looked up once: a member of an enumeration costs 0.1 µs each time
_WAITING, _GRANTED, _REFUSED = range(3)


class Ticket:
    """A place in the queue. ``wake`` is called once, when it has been decided."""

    __slots__ = ("_state", "level", "since", "until", "wake")

    def __init__(self, level: Criticality, since: float, until: float, wake: Callable[[], None]) -> None:
        self.level = level
        self.since = since
        self.until = until
        self.wake = wake
        self._state = _WAITING

    @property
    def granted(self) -> bool:
        return self._state == _GRANTED

    @property
    def waiting(self) -> bool:
        return self._state == _WAITING

    def decide(self, granted: bool) -> None:
        self._state = _GRANTED if granted else _REFUSED


_NOBODY = Ticket(Criticality.SHEDDABLE, 0.0, 0.0, lambda: None)
"""Stands where nobody lost a place."""


class Admission:
    """
    The gate of one process, for threads and for coroutines.

    Everyone who was let in, at once or by a granted ticket, must `leave`; everyone with a ticket who
    stops waiting must `abandon` it. At most ``most`` are in, and at most ``room``
    in or waiting, whatever the limit says.

    Args:
        limit: How many may work; in the modes ``off`` and ``dry-run`` that is ``most`` instead.
        patience: Most seconds that a request waits before it is refused.
    """

    def __init__(
        self,
        limit: Limit,
        most: int,
        room: int,
        mode: str = "on",
        clock: Callable[[], float] = monotonic,
        patience: float = timeouts.STATEMENT - timeouts.LOCK,
    ) -> None:
        self.in_flight = 0
        self.limit = limit
        self.mode = mode
        self.admitted = [0, 0, 0, 0]
        self.refused = [0, 0, 0, 0]
        self.held_back = [0, 0, 0, 0]
        self.deadlines_exceeded = 0
        self._most = most
        self._room = max(room, most)
        self._clock = clock
        self._patience = patience
        self._lock = Lock()
        self._queues: tuple[deque[Ticket], ...] = tuple(deque() for _ in LEVELS)
        self._waiting = 0
        self._full_since: float | None = None
        self._served = 0
        self._pressed = False
        self._last_arrival = 0.0
        self._last_refusal = 0.0
        self._comeback = Comeback()
        self._value = -1.0
        self._follow()
        _publish(self)

    def enter(
        self, path: str, judge: Callable[[str], Criticality], until: float, make_wake: Callable[[], Any]
    ) -> bool | Ticket:
        """
        ``True``: work now. ``False``: refused. A ticket: wait until it is decided.

        ``judge`` is asked how important the path is only when that decides anything.
        """
        if self.in_flight < self._free_for_all and not self._waiting:
            with self._lock:
                if self.in_flight < self._free_for_all and not self._waiting:
                    self.in_flight += 1
                    return True
        level = judge(path)
        evicted: Ticket | None = _NOBODY
        ticket = _NOBODY
        with self._lock:
            now = self._clock()
            self._last_arrival = now
            if granted := self.in_flight < self._caps[level]:
                self._note_held_back(level)
                self.in_flight += 1
                if self.in_flight + self._waiting <= self._room:
                    return True
                evicted = self._evict(next(queue for queue in self._queues if queue))
            elif now >= until or not (evicted := self._make_room(level)):
                self._count_refusal(level)
                return False
            else:
                ticket = Ticket(level, now, min(until, now + self._patience), make_wake())
                self._queues[level].append(ticket)
                self._waiting += 1
                self._full_since = now if self._full_since is None else self._full_since
        if evicted is not _NOBODY:
            evicted.wake()
        return granted or ticket

    def leave(self, level: Criticality | None, seconds: float | None = None, route: str = "") -> None:
        """
        Give the place back; ``seconds`` from being let in to the answer, if there was a proper one.

        Nothing else may be done with the place afterwards.
        """
        with self._lock:
            self.admitted[_ORDINARY if level is None else level] += 1
            now = self._clock()
            if seconds is not None:
                self.limit.observe(now, seconds, route, self.in_flight)
                if self.limit.value != self._value:
                    self._follow()
            self.in_flight -= 1
            decided = self._advance(now) if self._waiting else ()
        for ticket in decided:
            ticket.wake()

    def abandon(self, ticket: Ticket) -> None:
        """Stop waiting. A place that was granted meanwhile goes to the next."""
        decided: list[Ticket] = []
        with self._lock:
            if ticket.waiting:
                self._queues[ticket.level].remove(ticket)
                self._waiting -= 1
                ticket.decide(granted=False)
                self._note_empty()
            elif ticket.granted:
                self.in_flight -= 1
                ticket.decide(granted=False)
                decided = self._advance(self._clock())
        for other in decided:
            other.wake()

    def settle(self, ticket: Ticket) -> bool:
        """Whether a ticket whose time is up or that was decided is granted; if not, it left the queue."""
        if ticket.granted:
            return True
        with self._lock:
            if ticket.waiting:
                self._queues[ticket.level].remove(ticket)
                self._waiting -= 1
                self._refuse(ticket)
                self._note_empty()
            return ticket.granted

    def figures(self) -> dict[str, Any]:
        """What a scrape wants to know; levels by name."""
        return {
            "mode": self.mode,
            "limit": self.limit.value,
            "in_flight": self.in_flight,
            "waiting": self._waiting,
            "deadlines_exceeded": self.deadlines_exceeded,
            "admitted": _by_name(self.admitted),
            "refused": _by_name(self.refused),
            "held_back": _by_name(self.held_back),
        }

    def retry_after(self) -> int:
        """Seconds after which somebody who was refused may try again: the longer, the more were refused."""
        return self._comeback.draw()

    @property
    def waiting(self) -> int:
        return self._waiting

    def _follow(self) -> None:
        """Take the limit's new value over."""
        self._value = self.limit.value
        whole = min(int(self._value), self._most)
        parts = [max(round(whole * share), 1) for share in SHARES]
        everything = [self._most] * len(LEVELS)
        self._caps = parts if self.mode == "on" else everything
        self._shadow = parts if self.mode == "dry-run" else everything
        self._free_for_all = min(self._caps[0], self._shadow[0])

    def _note_held_back(self, level: Criticality) -> None:
        if self.in_flight >= self._shadow[level]:
            self.held_back[level] += 1

    def _make_room(self, level: Criticality) -> Ticket | None:
        """`_NOBODY` when there is a place in the queue, the one who lost its own, or ``None``."""
        places = self._room - self.in_flight
        part = places if self.mode != "on" else ceil(places * SHARES[level])
        if self._waiting < part:
            return _NOBODY
        for lower in self._queues[:level]:
            if lower:
                return self._evict(lower)
        own = self._queues[level]
        if own and self._is_pressed(self._clock()):
            return self._evict(own)
        return None

    def _evict(self, queue: deque[Ticket]) -> Ticket:
        ticket = queue.popleft()
        self._waiting -= 1
        self._refuse(ticket)
        return ticket

    def _refuse(self, ticket: Ticket) -> None:
        ticket.decide(granted=False)
        self._count_refusal(ticket.level)

    def _count_refusal(self, level: Criticality) -> None:
        self.refused[level] += 1
        self._last_refusal = now = self._clock()
        self._comeback.refuse(now, self.admitted)

    def _advance(self, now: float) -> list[Ticket]:
        """Let in whoever may now; the tickets that were decided."""
        decided: list[Ticket] = []
        is_pressed = self._is_pressed(now)
        patience = self.limit.usual if is_pressed and self._still_coming(now) else float("inf")
        for level in reversed(LEVELS):
            queue, cap = self._queues[level], self._caps[level]
            oldest = now - patience * STRETCH[level]
            while queue and (queue[0].since < oldest or queue[0].until <= now):
                decided.append(self._evict(queue))
            while queue and self.in_flight < cap:
                ticket = queue.pop() if is_pressed else queue.popleft()
                self._waiting -= 1
                self._served += 1
                self.in_flight += 1
                ticket.decide(granted=True)
                decided.append(ticket)
        self._note_empty()
        return decided

    def _is_pressed(self, now: float) -> bool:
        """
        Whether more come than can be served: the queue is half full or the wait long, although it is served.

        It stays so until nobody was refused for a second: shedding empties the queue for a moment, and
        to let it fill again each time would make all wait. A stall of the database fills the queue as well, but then
        nobody is served, and the first moments afterwards empty it; a dozen patient
        clients fill a small part of it.
        """
        if self._pressed:
            self._pressed = now - self._last_refusal <= CALM
            return self._pressed
        if self.mode != "on" or self._full_since is None:
            return False
        if now - self._full_since > PRESSURE and self._served >= 2 * self._value:
            is_half_full = self._waiting * 2 >= self._room - self.in_flight
            self._pressed = is_half_full or self._longest_wait(now) > max(HOPELESS, 5 * self.limit.usual)
            self._last_refusal = now
        return self._pressed

    def _longest_wait(self, now: float) -> float:
        """Of those at the head of the most important queue that has anybody."""
        for queue in reversed(self._queues):
            if queue:
                return now - queue[0].since
        return 0.0

    def _still_coming(self, now: float) -> bool:
        """A single burst is worked off; only who keeps coming makes waiting hopeless."""
        return now - self._last_arrival <= self.limit.usual

    def _note_empty(self) -> None:
        if not self._waiting:
            self._full_since = None
            self._served = 0


def _by_name(counts: list[int]) -> dict[str, int]:
    return {level.name.lower(): counts[level] for level in LEVELS}


_current: list[Admission] = []


def _publish(admission: Admission) -> None:
    _current[:] = [admission]


def current() -> Admission | None:
    """The gate of this process, or ``None`` before there is one. The outermost entrance is made last."""
    return _current[0] if _current else None


def fixed(most: int, room: int) -> Admission:
    """A gate whose width never changes."""
    return Admission(Fixed(most), most, room, mode="off")
