"""
How long work has been waiting: the one figure by which every kind of queue can be judged alike.

How many wait says little, as a thousand may be gone in a second; how long the first of them has waited is what
somebody notices. Each queue is asked in the background (`asking`), so that a database or a broker that is slow or
frozen delays no scrape. Of a queue that could not be asked there is no age and no length, and a count that grows:
unknown is not empty.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from mainstay.base.deadline import within
from mainstay.observability.asking import Asked, Seen, finish, place, require_seconds
from mainstay.observability.figures import FIGURES, Figure, Registry

LIMIT = 2.0
EVERY = 15.0
FORGOTTEN = 300.0
"""Seconds without a scrape after which a queue is no longer asked; Prometheus itself forgets a figure by then."""

OLD_AFTER = 300.0
"""
Seconds after which `QueueOld` warns, unless a queue says otherwise; six times that is critical.

A choice, as no standard has a number: somebody who waits for an e-mail or a ticket asks what is wrong after some five
minutes, and has given up after half an hour.
"""

MOST = 100
"""Queues of a process; their names are labels, so they come from the code and never from what clients send."""
LONGEST_NAME = 100

OLDEST = "mainstay_queue_oldest_seconds"
LENGTH = "mainstay_queue_length"
OLD = "mainstay_queue_old_after_seconds"
FAILURES = "mainstay_queue_failures_total"
HELP = {
    OLDEST: "How long the first in a queue has waited; 0 when nothing waits, absent when that is unknown.",
    LENGTH: "How many wait in a queue; absent when that is unknown, or not asked.",
    OLD: "The age of the first from which on a queue is to be looked at.",
    FAILURES: "How often a queue did not say, or not in time, how old its first is.",
}
"""Each is told by every process that declares the queue, of the same queue: take the greatest, never the sum."""

_logger = logging.getLogger("mainstay.observability")


@dataclass
class _Queue:
    name: str
    old_after: float
    asked: Asked
    place: str
    was_unknown: bool = False

    def look(self) -> Seen:
        seen = self.asked.look()
        # An answer is older than that only when its thread stood still, or nobody has looked for long.
        if seen.ok and seen.age > 2 * (self.asked.every + self.asked.limit):
            seen = Seen(failures=seen.failures)
        if seen.problem and not self.was_unknown:
            _logger.warning(
                "queue %s does not say how old its first is: %s",
                self.name,
                seen.problem,
                extra={"queue": self.name},
            )
        self.was_unknown = bool(seen.problem)
        return seen

    def figures(self) -> Iterator[Figure]:
        seen = self.look()
        labels = (("queue", self.name),)
        if seen.ok:
            oldest, length = seen.value
            yield Figure(OLDEST, HELP[OLDEST], oldest, labels=labels)
            if length is not None:
                yield Figure(LENGTH, HELP[LENGTH], length, labels=labels)
        yield Figure(OLD, HELP[OLD], self.old_after, labels=labels)
        yield Figure(FAILURES, HELP[FAILURES], seen.failures, "counter", labels)


@dataclass
class Queues:
    """The queues of one process."""

    registry: Registry = field(default_factory=Registry)
    _queues: dict[str, _Queue] = field(default_factory=dict)

    def watch_queue(
        self,
        name: str,
        *,
        oldest: Callable[[], Any],
        length: Callable[[], Any] | None = None,
        old_after: float = OLD_AFTER,
        limit: float = LIMIT,
        every: float = EVERY,
    ) -> None:
        """
        Put on ``/metrics`` for how long the first in a queue has waited, and how many wait::

            watch_queue("letters", oldest=age_of_first_letter, length=count_letters)

        ``oldest`` gives seconds or a ``timedelta``, and None when nothing waits; what raises, or takes more than
        ``limit`` seconds together with ``length``, leaves the queue unknown. Both may be coroutine functions. A
        thread of its own asks them every ``every`` seconds for as long as somebody scrapes, so they do not run in a
        request. Database statements in them end at the limit, and their connection is given back each time.

        Declare it where every process of the service comes by, such as the ``ready`` of an app: whoever is still there
        tells it, also when the worker that should empty the queue is gone. ``old_after`` seconds are the age at which
        the alert ``QueueOld`` warns; at six times that it is critical.

        Raises:
            ValueError: The name is no short text, or another function has it, or a number of seconds is none, or
                there are more than 100 queues.
        """
        for what, seconds in (("old_after", old_after), ("limit", limit), ("every", every)):
            require_seconds(f"`{what}` of queue {name!r}", seconds)
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise ValueError(
                f"the name of a queue is a text of at most {LONGEST_NAME} characters, not {name!r}"
            )
        here, before = place(oldest), self._queues.get(name)
        if before and before.place != here:  # a module that is imported again declares the same once more
            raise ValueError(
                f"queue {name!r} of {here} is declared already, in {before.place}: give each a name of its own"
            )
        if before is None and len(self._queues) >= MOST:
            raise ValueError(
                f"{name!r} would be more than {MOST} queues of one process: names come from the code, not from data"
            )

        def ask() -> tuple[float, int | None]:
            with within(limit):
                age = _age(finish(oldest()))
                return age, None if length is None else _count(finish(length()))

        asked = Asked(f"mainstay-queue-{name}", ask, limit=limit, every=every, forgotten=FORGOTTEN)
        if before is not None:
            before.asked.stop()
        self._queues[name] = _Queue(name, float(old_after), asked, here)
        self.registry.register("queues", self.figures)

    def figures(self) -> Iterator[Figure]:
        for queue in tuple(self._queues.values()):
            yield from queue.figures()


def _age(given: Any) -> float:
    """Two machines' clocks may differ, so that what was just put in may seem to come from the future."""
    if given is None:
        return 0.0
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    if not _is_number(seconds):
        raise ValueError(f"`oldest` gives seconds, a timedelta or None, not {given!r}")
    return max(0.0, float(seconds))


def _count(given: Any) -> int:
    if not _is_number(given) or given != int(given) or given < 0:
        raise ValueError(f"`length` gives a whole number from 0 on, not {given!r}")
    return int(given)


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float | Decimal) and not isinstance(given, bool) and math.isfinite(given)


QUEUES = Queues(FIGURES)
"""Of this process."""
watch_queue = QUEUES.watch_queue
