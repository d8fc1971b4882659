"""
Where a capability puts its figures for ``/metrics``, without knowing who reads them.

A source is a callable that is asked at each scrape and yields `Figure` values. A source that
fails, or makes a figure that Prometheus could not read, is left out of that scrape, named in a count, and costs
nobody else's figures.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from threading import Lock

from mainstay.base.errors import InvalidInput, Problem

SAMPLES_LIMIT = 500
"""Samples that one source may yield; what comes after is left out, and counted as a failure of the source."""

KINDS = frozenset({"counter", "gauge"})

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
"""What Prometheus takes (https://prometheus.io/docs/concepts/data_model/)."""

_logger = logging.getLogger("mainstay.observability")


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One sample: a metric's name, what it means, its value and its labels.

    ``kind`` is ``counter`` (only grows; named ``…_total``) or ``gauge``. Label values must come
    from a set that is bounded by the code, never by what clients send.

    Raises:
        ValueError: Prometheus could not read it; said here, where it is one source's, and not on the page.
    """

    name: str
    help: str
    value: float
    kind: str = "gauge"
    labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names = (self.name, *(name for name, _ in self.labels))
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise ValueError(f"a metric and its labels have names of letters, digits and _, not {names}")
        if not all(isinstance(value, str) for _, value in self.labels):
            raise ValueError(f"the labels of {self.name} are texts, not {self.labels}")
        if self.kind not in KINDS or not isinstance(self.value, int | float | Decimal):
            raise ValueError(
                f"{self.name} is a counter or a gauge and a number, not {self.kind} {self.value!r}"
            )


Source = Callable[[], Iterable[Figure]]


class Count:
    """A number that only grows. Exact under threads; adding costs about 0.1 µs."""

    __slots__ = ("_lock", "value")

    def __init__(self) -> None:
        self.value = 0
        self._lock = Lock()

    def add(self, amount: int = 1) -> None:
        with self._lock:
            self.value += amount


@dataclass
class Registry:
    """The sources of one process, by the name of the capability."""

    sources: dict[str, Source] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    def register(self, capability: str, source: Source) -> None:
        """
        Ask ``source`` at each scrape; the same function again, as of a module that is imported anew, replaces itself.

        Raises:
            InvalidInput: The source cannot be called, the name is none, or another source has it, which nobody
                would ask any more.
        """
        caller = sys._getframe(1)
        where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        if problem := self._refuse(capability, source, where):
            raise InvalidInput([problem])
        self.sources[capability] = source
        self.failures.setdefault(capability, 0)

    def _refuse(self, capability: object, source: object, where: str) -> Problem | None:
        if not isinstance(capability, str) or not capability:
            expected = 'the name of what it counts, such as register("carts", figures)'
            return Problem("metrics.bad-source", where, "register", expected, repr(capability))
        if not callable(source):
            expected = "a function that yields Figure values at each scrape"
            hint = f'def figures(): yield Figure("shop_{capability}", "What it means.", …)'
            return Problem(
                "metrics.bad-source", where, f"register({capability!r})", expected, repr(source), hint
            )
        before = self.sources.get(capability)
        if before is None or _place(before) == _place(source):
            return None
        found = f"a second one; {_place(before)} has the name"
        hint = "give it a name of its own, or yield the figures of both from one function"
        return Problem("metrics.second-source", where, f"register({capability!r})", "one source", found, hint)

    def unregister(self, capability: str) -> None:
        self.sources.pop(capability, None)

    def read(self) -> Iterator[Figure]:
        """Every sample of every source that answers."""
        for capability, source in list(self.sources.items()):
            try:
                samples = list(islice(source(), SAMPLES_LIMIT + 1))
            except Exception as error:  # another capability's mistake must not cost the scrape
                self._note_failure(capability, error)
                continue
            if len(samples) > SAMPLES_LIMIT:
                self._note_failure(capability, f"there are more than {SAMPLES_LIMIT}")
            yield from samples[:SAMPLES_LIMIT]
        for capability, failures in self.failures.items():
            yield Figure(
                "mainstay_metrics_source_failures_total",
                "Scrapes in which a capability's figures were missing.",
                failures,
                "counter",
                (("capability", capability),),
            )

    def _note_failure(self, capability: str, why: object) -> None:
        if not self.failures[capability]:
            _logger.warning(
                "figures of %s are missing: %s", capability, why, extra={"capability": capability}
            )
        self.failures[capability] += 1


def _place(source: object) -> str:
    """Where a function stands; what is no function is told apart by what it is."""
    code = getattr(source, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(source)


FIGURES = Registry()
register = FIGURES.register
