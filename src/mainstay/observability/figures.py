"""
Where a capability puts its figures for ``/metrics``, without knowing who reads them.

A source is a callable that is asked at each scrape and yields `Figure` values. A source that
fails is left out of that scrape, named in a count, and costs nobody else's figures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import Lock

SAMPLES_LIMIT = 500
"""Samples that one source may yield; what comes after is counted and left out."""

_logger = logging.getLogger("mainstay.observability")


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One sample: a metric's name, what it means, its value and its labels.

    ``kind`` is ``counter`` (only grows; named ``…_total``) or ``gauge``. Label values must come
    from a set that is bounded by the code, never by what clients send.
    """

    name: str
    help: str
    value: float
    kind: str = "gauge"
    labels: tuple[tuple[str, str], ...] = ()


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
        """Ask ``source`` at each scrape. The same capability again replaces what it registered before."""
        self.sources[capability] = source
        self.failures.setdefault(capability, 0)

    def unregister(self, capability: str) -> None:
        self.sources.pop(capability, None)

    def read(self) -> Iterator[Figure]:
        """Every sample of every source that answers."""
        for capability, source in list(self.sources.items()):
            try:
                samples = list(_bounded(source()))
            except Exception as error:  # another capability's mistake must not cost the scrape
                if not self.failures[capability]:
                    _logger.warning(
                        "figures of %s are missing: %s", capability, error, extra={"capability": capability}
                    )
                self.failures[capability] += 1
                continue
            yield from samples
        for capability, failures in self.failures.items():
            yield Figure(
                "mainstay_metrics_source_failures_total",
                "Scrapes in which a capability's figures were missing.",
                failures,
                "counter",
                (("capability", capability),),
            )


def _bounded(samples: Iterable[Figure]) -> Iterator[Figure]:
    for number, sample in enumerate(samples):
        if number == SAMPLES_LIMIT:
            return
        yield sample


FIGURES = Registry()
register = FIGURES.register
