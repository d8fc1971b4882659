"""
Counters and timings of this process, as Prometheus text.

The request metrics carry django-prometheus's names and labels, so that existing dashboards work;
the sums among them are made at the scrape, not at the request. Labels are bounded: a view's
name, never a path, at most `SERIES_LIMIT` sets of them, and one more for all that come after.
Without prometheus_client everything here does nothing.

There are no exemplars: they exist in the OpenMetrics form only, which Prometheus asks for only
with a feature switched on, and the log line of a request carries its trace id already.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import accumulate
from operator import add
from threading import Lock
from typing import Any

from mainstay.health.dependencies import WATCH
from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.health.pools import find_pools
from mainstay.http.admission import current
from mainstay.http.exchange import Exchange
from mainstay.http.limits import figures as limits
from mainstay.observability.figures import FIGURES, Figure, Registry

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "WEBSOCKET"})
INVALID_METHOD = "<invalid method>"
INVALID_STATUS = "<invalid status>"
OVERFLOW = "<overflow>"
"""The view of every answer that came after `SERIES_LIMIT` sets of labels were in use."""

LATENCY = "Seconds from a request's arrival to the end of its answer; of an event stream, to its first byte."
SERIES_LIMIT = 2000
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 25.0, 50.0, 75.0)
BOUNDS = (*map(str, BUCKETS), "+Inf")
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
SPENT = {
    "db": ("mainstay_db_statements_total", "mainstay_db_seconds_total", "SQL statements of requests"),
}
"""What requests spent on others: how often, how long, and what it is."""

try:
    import prometheus_client
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
except ImportError:
    prometheus_client = None  # type: ignore[assignment]

Key = tuple[int, str, str]
"""Status, view and method."""


class Series:
    """How many answers took how long."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def add(self, other: Series) -> None:
        self.buckets = list(map(add, self.buckets, other.buckets))
        self.seconds += other.seconds


class Answers:
    """
    All answers of a process, by status, view and method. Exact under threads.

    One list of buckets is all that a request touches: counts, latencies and sums are made of
    it at the scrape. The counter and the histogram of prometheus_client, with a lock for each of
    their values, take three times as long.
    """

    def __init__(self, limit: int = SERIES_LIMIT) -> None:
        self.limit = limit
        self._series: dict[Key, Series] = {}
        self._overflow: dict[Key, Series] = {}
        self._lock = Lock()

    def count(self, status: int, view: str, method: str, seconds: float) -> None:
        series = self._series.get((status, view, method)) or self._find(status, view, method)
        with self._lock:
            series.buckets[bisect_left(BUCKETS, seconds)] += 1
            series.seconds += seconds

    def read(self) -> Iterator[tuple[Key, Series]]:
        """A copy of each series; an answer counted meanwhile is in or not, and never half."""
        with self._lock:
            found = [*self._series.items(), *self._overflow.items()]
        for key, series in found:
            copied = Series()
            with self._lock:
                copied.add(series)
            yield key, copied

    def __len__(self) -> int:
        return len(self._series)

    @property
    def overflowed(self) -> int:
        """How many answers had no series of their own."""
        return sum(sum(series.buckets) for series in tuple(self._overflow.values()))

    def _find(self, status: int, view: str, method: str) -> Series:
        status = status if 100 <= status < 600 else 0
        method = method if method in METHODS else INVALID_METHOD
        with self._lock:
            found = self._series.get((status, view, method))
            if found is None and len(self._series) < self.limit:
                found = self._series[status, view, method] = Series()
            return found or self._overflow.setdefault((status, OVERFLOW, method), Series())


class Metrics:
    """The metrics of one process, in two registries: django-prometheus's names, and Mainstay's own."""

    def __init__(
        self, process: Lifecycle = PROCESS, figures: Registry = FIGURES, limit: int = SERIES_LIMIT
    ) -> None:
        self.answers = Answers(limit)
        self.compatible = prometheus_client.CollectorRegistry()
        self.registry = prometheus_client.CollectorRegistry()
        self._process = process
        self._figures = figures
        self._spent = {
            name: (self._counter(count, f"{what}."), self._counter(seconds, f"Seconds: {what}."))
            for name, (count, seconds, what) in SPENT.items()
        }
        self.compatible.register(_Compatible(self.answers))
        self.registry.register(self)

    def observe(self, exchange: Exchange, seconds: float) -> None:
        """Count one answer, and what it spent."""
        self.answers.count(exchange.status, exchange.view, exchange.method, seconds)
        if exchange.db_count:
            self._spend("db", exchange.db_count, exchange.db_seconds)

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
        yield CounterMetricFamily(
            "mainstay_metrics_overflowed_total",
            f"Answers counted under the view `{OVERFLOW}`, because {self.answers.limit} sets of labels are in use.",
            self.answers.overflowed,
        )
        yield _dependencies()
        yield from _limits()
        yield from families(self._figures.read())

    def describe(self) -> list[Any]:
        return []

    def _counter(self, name: str, text: str) -> Any:
        return prometheus_client.Counter(name, text, registry=self.registry)

    def _spend(self, what: str, count: int, seconds: float) -> None:
        counted, timed = self._spent[what]
        counted.inc(count)
        timed.inc(max(seconds, 0.0))


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


class _Compatible:
    """django-prometheus's metrics and totals, added up from the answers when somebody asks."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Any]:
        counts, by_status, by_method = _Sums(), _Sums(), _Sums()
        latencies: dict[tuple[str, ...], Series] = {}
        everything = Series()
        for (status, view, method), series in self._answers.read():
            answered = sum(series.buckets)
            named = str(status) if status else INVALID_STATUS
            counts.add((named, view, method), answered)
            by_status.add((named,), answered)
            by_method.add((method,), answered)
            latencies.setdefault((view, method), Series()).add(series)
            everything.add(series)
        yield counts.family(
            "django_http_responses_total_by_status_view_method",
            "Answers by status, view and method.",
            ("status", "view", "method"),
        )
        yield _histogram("django_http_requests_latency_seconds_by_view_method", ("view", "method"), latencies)
        yield by_status.family("django_http_responses_total_by_status", "Answers by status.", ("status",))
        yield by_method.family("django_http_requests_total_by_method", "Requests by method.", ("method",))
        for what in ("requests", "responses"):
            name = f"django_http_{what}_before_middlewares"
            yield CounterMetricFamily(
                name, f"All {what}, counted when they end.", value=sum(everything.buckets)
            )
        name = "django_http_requests_latency_including_middlewares_seconds"
        yield _histogram(name, (), {(): everything})

    def describe(self) -> list[Any]:
        return []


class _Sums(dict[tuple[str, ...], int]):
    """Counts by label values."""

    def add(self, labels: tuple[str, ...], count: int) -> None:
        self[labels] = self.get(labels, 0) + count

    def family(self, name: str, text: str, labels: tuple[str, ...]) -> Any:
        family = CounterMetricFamily(name, text, labels=labels)
        for values, count in self.items():
            family.add_metric(values, count)
        return family


def _histogram(name: str, labels: tuple[str, ...], latencies: dict[tuple[str, ...], Series]) -> Any:
    family = HistogramMetricFamily(name, LATENCY, labels=labels)
    for values, series in latencies.items():
        family.add_metric(values, list(zip(BOUNDS, accumulate(series.buckets), strict=True)), series.seconds)
    return family


def families(figures: Iterator[Figure]) -> Iterator[Any]:
    """What capabilities registered, as prometheus_client wants it: samples of one name together."""
    found: dict[str, Any] = {}
    for figure in figures:
        names = tuple(name for name, _ in figure.labels)
        family = found.get(figure.name)
        if family is None:
            kind = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
            family = found[figure.name] = kind(figure.name, figure.help, labels=names)
        family.add_metric(tuple(value for _, value in figure.labels), figure.value)
    yield from found.values()


def _dependencies() -> Any:
    """Each thing this process depends on, as it was when last asked; nothing of one that was not asked yet."""
    up = GaugeMetricFamily(
        "mainstay_dependency_up",
        "Whether a dependency answered when last asked.",
        labels=("dependency", "role"),
    )
    for name, seen in WATCH.observe().items():
        if seen.ok is not None:
            up.add_metric((name, str(seen.role)), float(seen.ok))
    return up


def _limits() -> Iterator[Any]:
    """What the rate limits decided."""
    figures = limits.FIGURES
    name = "mainstay_http_rate_limit"
    decisions = CounterMetricFamily(
        f"{name}_decisions", "Requests by rate limit and outcome.", labels=("scope", "outcome")
    )
    for labels, count in figures.decisions.copy().items():
        decisions.add_metric(labels, count)
    alone = CounterMetricFamily(
        f"{name}_unavailable",
        "Requests under a rate limit that were decided without Valkey, as it did not answer.",
        labels=("scope",),
    )
    for scope, count in figures.unavailable.copy().items():
        alone.add_metric((scope,), count)
    yield from (decisions, alone)
    yield CounterMetricFamily(
        f"{name}_leases", "Questions of the rate limits that Valkey answered.", figures.leases
    )
    yield CounterMetricFamily(
        f"{name}_failures", "Questions of the rate limits that Valkey did not answer.", figures.failures
    )
    yield GaugeMetricFamily(f"{name}_keys", "Clients remembered by the rate limits.", figures.keys())


METRICS = Metrics() if find_spec("prometheus_client") else None


def render() -> tuple[bytes, str]:
    """
    Everything there is to scrape, the project's own metrics included, and its content type.

    Where django-prometheus counts the requests itself, its figures stand and ours of the same
    names are left out.
    """
    if METRICS is None:
        return b"", "text/plain; charset=utf-8"
    body = prometheus_client.generate_latest(prometheus_client.REGISTRY)
    if b"# TYPE django_http_" not in body:
        body += prometheus_client.generate_latest(METRICS.compatible)
    body += prometheus_client.generate_latest(METRICS.registry)
    return body, "text/plain; version=0.0.4; charset=utf-8"
