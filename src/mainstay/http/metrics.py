"""
Counters and timings of this process, as Prometheus text.

The two request metrics carry django-prometheus's names and labels, so that existing
dashboards work. Labels are bounded: a view's name, never a path. Without
prometheus_client everything here does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.health.pools import find_pools
from mainstay.http.admission import current

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "WEBSOCKET"})
INVALID_METHOD = "<invalid method>"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 25.0, 50.0, 75.0)
ADMISSION_GAUGES = {
    "limit": "Requests that may be worked on at once.",
    "in_flight": "Requests that hold a place.",
    "waiting": "Requests that wait for a place.",
}
ADMISSION_COUNTERS = {
    "admitted": "Requests that had a place and left it.",
    "refused": "Requests answered 503 for lack of a place.",
    "held_back": "Requests that a dry run would have made wait.",
}
POOL_STATES = {"size": "pool_size", "available": "pool_available", "waiting": "requests_waiting"}

try:
    import prometheus_client
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
except ImportError:
    prometheus_client = None  # type: ignore[assignment]


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self, process: Lifecycle = PROCESS) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self._process = process
        self._responses = prometheus_client.Counter(
            "django_http_responses_total_by_status_view_method",
            "Answers by status, view and method.",
            ("status", "view", "method"),
            registry=self.registry,
        )
        self._latency = prometheus_client.Histogram(
            "django_http_requests_latency_seconds_by_view_method",
            "Seconds from a request's arrival to the end of its answer.",
            ("view", "method"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._children: dict[tuple[int, str, str], tuple[Any, Any]] = {}
        self.registry.register(self)

    def observe(self, status: int, view: str, method: str, seconds: float) -> None:
        """Count one answer."""
        key = (status, view, method)
        child = self._children.get(key) or self._make(key)
        child[0].inc()
        child[1].observe(seconds)

    def collect(self) -> Iterator[Any]:
        """What is read at the moment of a scrape."""
        in_flight = GaugeMetricFamily("mainstay_http_requests_in_flight", "Requests being worked on.")
        in_flight.add_metric((), self._process.in_flight)
        yield in_flight
        yield from admission_families()
        for state, statistic in POOL_STATES.items():
            gauge = GaugeMetricFamily(
                f"mainstay_db_pool_{state}", f"Database pool: {state}.", labels=("alias",)
            )
            for alias, pool in find_pools().items():
                gauge.add_metric((alias,), pool.get_stats().get(statistic, 0))
            yield gauge

    def describe(self) -> list[Any]:
        return []

    def _make(self, key: tuple[int, str, str]) -> tuple[Any, Any]:
        status, view, method = key
        label = method if method in METHODS else INVALID_METHOD
        child = (self._responses.labels(str(status), view, label), self._latency.labels(view, label))
        if method in METHODS:
            self._children[key] = child
        return child


def admission_families() -> Iterator[Any]:
    """The figures of this process's admission; without samples where it has none."""
    admission = current()
    figures = admission.figures() if admission is not None else {}
    for name, text in ADMISSION_GAUGES.items():
        gauge = GaugeMetricFamily(f"mainstay_admission_{name}", text)
        if figures:
            gauge.add_metric((), figures[name])
        yield gauge
    for name, text in ADMISSION_COUNTERS.items():
        counter = CounterMetricFamily(f"mainstay_admission_{name}", text, labels=("criticality",))
        for level, count in figures.get(name, {}).items():
            counter.add_metric((level,), count)
        yield counter
    late = CounterMetricFamily("mainstay_deadlines_exceeded", "Requests answered 504 at their deadline.")
    if figures:
        late.add_metric((), figures["deadlines_exceeded"])
    yield late


METRICS = Metrics() if find_spec("prometheus_client") else None


def render() -> tuple[bytes, str]:
    """Everything there is to scrape, the project's own metrics included, and its content type."""
    if METRICS is None:
        return b"", "text/plain; charset=utf-8"
    body = prometheus_client.generate_latest(prometheus_client.REGISTRY)
    taken = body if b"django_http_responses_total_by_status_view_method" in body else b""
    own = b"" if taken else prometheus_client.generate_latest(METRICS.registry)
    return body + own, "text/plain; version=0.0.4; charset=utf-8"
