"""Which reports leave: none that a client caused, so many in a minute, and a few of an outage or of conflicts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mainstay.observability.figures import Count, Figure
from mainstay.observability.reports.conflicts import find_conflict
from mainstay.observability.reports.contents import Event, attach_request, scrubbed
from mainstay.observability.reports.outages import is_outage

IGNORED = frozenset({"DisallowedHost", "RequestAborted", "ClientDisconnect", "CancelledError"})
"""Errors that a client causes by leaving or by asking for the wrong host."""

PER_MINUTE = 60
"""Reports of one process in a minute; the rest is counted and told in one summary."""

OUTAGES_PER_MINUTE = 6
"""Of these, reports that the database cannot be reached, which every request would send."""

CONFLICTS_PER_MINUTE = 6
"""
Of these, reports of transactions that the database rolled back in favor of others. Not of the outages' number: the
database is well, and neither shall hide the other.
"""

OUTAGE = "database-unavailable"
DEFAULT = "{{ default }}"
"""What stands in a fingerprint for the receiver's own way to group (Sentry's documentation, "SDK fingerprinting")."""

SUMMARY = "reports-dropped"
MINUTE = 60.0

_logger = logging.getLogger("mainstay.observability")


class Cap:
    """So many in a minute, then none until the next."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._since = clock()
        self._taken = 0

    def has_room(self) -> bool:
        """Whether `take` would say yes; asked before something dear is made for it."""
        return self._taken < self._limit or self._clock() - self._since >= MINUTE

    def take(self) -> bool:
        with self._lock:
            now = self._clock()
            if now - self._since >= MINUTE:
                self._since, self._taken = now, 0
            self._taken += 1
            return self._taken <= self._limit


class Reports:
    """
    What happens to an event between sentry-sdk and its transport.

    Args:
        summarize: Told how many were dropped, ``minute`` seconds after the first of them.
    """

    def __init__(
        self,
        summarize: Callable[[int], object],
        per_minute: int = PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
        minute: float = MINUTE,
    ) -> None:
        reasons = ("cap", "outage", "conflict", "scrubbing", "undelivered")
        self.dropped = {reason: Count() for reason in reasons}
        self._losses = Cap(1, clock)
        self._cap = Cap(per_minute, clock)
        self._few = {
            "outage": Cap(min(OUTAGES_PER_MINUTE, per_minute), clock),
            "conflict": Cap(min(CONFLICTS_PER_MINUTE, per_minute), clock),
        }
        self._summarize = summarize
        self._minute = minute
        self._pending = 0
        self._is_telling = False
        self._lock = threading.Lock()

    def wants(self, error: BaseException) -> bool:
        """
        Whether an error that was answered already is to be reported, and would be sent.

        One that would not be is counted here, so that nothing is built in vain.
        """
        family = _family(error)
        if not family:
            return False
        if self._few[family].has_room():
            return True
        self._drop(family)
        return False

    def before_send(self, event: Event, hint: Mapping[str, Any]) -> Event | None:
        """The event as it may leave, or None. What cannot be scrubbed does not leave."""
        if event.get("fingerprint") == [SUMMARY]:
            return event
        if _is_ignored(hint):
            return None
        if family := _family(error := _error(hint)):
            event["fingerprint"] = [OUTAGE] if family == "outage" else _place(event, error)
            if not self._few[family].take():
                self._drop(family)
                return None
        if not self._cap.take():
            self._drop("cap")
            return None
        try:
            return scrubbed(attach_request(event, hint))
        except Exception:  # what cannot be scrubbed must not leave; the drop is counted
            self._drop("scrubbing")
            return None

    def before_send_transaction(self, event: Event, hint: Mapping[str, Any]) -> Event | None:
        """sentry-sdk's own traces, for those who ask for them: scrubbed as well."""
        return scrubbed(event)

    def note_lost(self, why: str) -> None:
        """Count a report that left and did not arrive; said once a minute, as there is nobody else to tell."""
        self.dropped["undelivered"].add()
        if self._losses.take():
            _logger.warning("error reports do not arrive: %s", why, extra={"reason": why})

    def figures(self) -> Iterator[Figure]:
        for reason, count in self.dropped.items():
            yield Figure(
                "mainstay_reports_dropped_total",
                "Error reports that nobody got: over the cap, one of many of an outage or of conflicts, "
                "unscrubbed, or undelivered.",
                count.value,
                "counter",
                (("reason", reason),),
            )

    def _drop(self, reason: str) -> None:
        self.dropped[reason].add()
        with self._lock:
            self._pending += 1
            if self._is_telling:
                return
            self._is_telling = True
        timer = threading.Timer(self._minute, self._tell)
        timer.name, timer.daemon = "mainstay-reports", True
        try:
            timer.start()
        except RuntimeError:  # no more threads to be had; the next that is dropped tries again
            self._is_telling = False

    def _tell(self) -> None:
        with self._lock:
            count, self._pending, self._is_telling = self._pending, 0, False
        _logger.warning("error reports were dropped", extra={"dropped": count})
        self._summarize(count)


def _error(hint: Mapping[str, Any]) -> BaseException | None:
    exc_info = hint.get("exc_info")
    return exc_info[1] if exc_info else None


def _family(error: BaseException | None) -> str:
    """Of what an error is one of many; empty for most."""
    if is_outage(error):
        return "outage"
    return "conflict" if find_conflict(error) else ""


def _place(event: Event, error: BaseException | None) -> list[str]:
    """
    A conflict is one issue for each route.

    It is mended in the code of that route, so another's must not be hidden behind it. The text will not do: PostgreSQL
    names processes and transactions in it, so that each would be an issue of its own.
    """
    route = event.get("transaction")
    return [f"database-{find_conflict(error)}", DEFAULT if route is None else route]


def _is_ignored(hint: Mapping[str, Any]) -> bool:
    exc_info = hint.get("exc_info")
    if exc_info and any(kind.__name__ in IGNORED for kind in exc_info[0].__mro__):
        return True
    record = hint.get("log_record")
    return record is not None and record.name == "django.security.DisallowedHost"
