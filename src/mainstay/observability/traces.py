"""
Traces: every request has ids, and a few of them leave spans.

The decision comes first: a request that is not sampled gets its ids and a header to pass on,
about two microseconds, and touches nothing else of this module. A sampled one becomes a span
with its route and status, and spans below it for statements and for what `Tracing.span` is put around.
Who is signed in is told by the log lines of the same trace id. The caller's sampling flag decides; where
there is no caller, a share of the trace ids does, the same share in every service (OpenTelemetry's
``TraceIdRatioBased``). Callers are not trusted without end: at most ``limit`` requests a second are
sampled in one process.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mainstay.base import environment, tracecontext
from mainstay.base.tracecontext import RANDOM, SAMPLED, TRACE, Recording, TraceContext, innermost
from mainstay.observability import interop, otlp, scrubbing
from mainstay.observability.figures import Count, Figure, register
from mainstay.observability.otlp import Collector, Exporter
from mainstay.observability.spans import CLIENT, INTERNAL, SERVER, Span

RATIO = 0.05
"""The share of requests without a caller that is sampled, unless the settings or the environment say another."""

LIMIT = 50
"""Sampled requests a second in one process."""

SPANS_LIMIT = 128
"""Spans below one request; a page with a thousand statements is told apart by its count, not by a thousand spans."""

UNLIMITED = frozenset({"always_on", "parentbased_always_on"})
NEVER = frozenset({"always_off", "parentbased_always_off"})
_IDS = 1 << 64


class Sampler:
    """Which traces are recorded."""

    def __init__(self, ratio: float, limit: int = LIMIT) -> None:
        self.ratio = ratio
        self.refused = Count()
        self._bound = int(ratio * _IDS)
        self._limit = limit
        self._second = 0
        self._taken = 0

    def samples(self, trace_id: str) -> bool:
        """Whether this trace is in the share: the last 64 bits of its id below the bound."""
        return int(trace_id[16:], 16) < self._bound and self.may_record()

    def may_record(self) -> bool:
        """Whether this second has room for one more. Threads may overshoot by one each."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken >= self._limit:
            self.refused.add()
            return False
        self._taken += 1
        return True


class Tracing:
    """The traces of one process. Without an exporter ids are still made and passed on."""

    def __init__(self, sampler: Sampler | None = None, exporter: Exporter | None = None) -> None:
        self.sampler = sampler or Sampler(0.0)
        self.exporter = exporter

    def begin(self, traceparent: str, tracestate: str = "") -> TraceContext:
        """The context of a request that arrived with these headers; wrong ones count as absent."""
        caller = tracecontext.parse(traceparent, tracestate) if traceparent else None
        if caller is None:
            trace = tracecontext.new_trace()
            if self.exporter is not None and self.sampler.samples(trace.trace_id):
                trace.flags |= SAMPLED
                trace.recording = Recording()
            return trace
        trace = caller.child()
        if trace.flags & SAMPLED:
            if self.exporter is None or not self.sampler.may_record():
                trace.flags &= RANDOM
            else:
                trace.recording = Recording()
        return trace

    def below(self, trace: TraceContext | None) -> TraceContext | None:
        """The context for one more span below this one, or None if that is not to be recorded."""
        if trace is None or not trace.flags & SAMPLED or self.exporter is None:
            return None
        return trace.recorded_child() if trace.counted() <= SPANS_LIMIT else None

    def record(
        self,
        trace: TraceContext,
        name: str,
        kind: int,
        seconds: float,
        attributes: Mapping[str, Any],
        error: str = "",
        told: interop.Told | None = None,
    ) -> None:
        """Hand the finished span of a sampled context on, with what was told of it; it ended now."""
        if self.exporter is None or not trace.flags & SAMPLED:
            return
        end = otlp.now()
        start = end - int(seconds * 1e9)
        span = Span(trace.trace_id, trace.parent_id, trace.caller_id, name, kind, start, end)
        span.attributes, span.error, span.state = attributes, error, trace.state
        if told is not None:
            told.complete(span)
        self.exporter.put(span)

    def put(self, span: Span) -> None:
        """Hand a finished span on."""
        if self.exporter is not None:
            self.exporter.put(span)

    def child(
        self, name: str, kind: int, seconds: float, attributes: Mapping[str, Any], error: str = ""
    ) -> None:
        """
        Record finished work below the current request, such as one SQL statement.

        For callers that have measured already. Does nothing, in a tenth of a microsecond,
        unless the request is sampled.
        """
        trace = TRACE.get()
        if (trace is not None and not trace.flags & SAMPLED) or self.exporter is None:
            return
        if (inner := self.below(innermost(trace))) is not None:
            self.record(inner, name, kind, seconds, attributes, error)

    @contextmanager
    def span(self, name: str, kind: int = INTERNAL, **attributes: Any) -> Iterator[dict[str, Any] | None]:
        """
        Work below the current request; yields the attributes for more to be added, or None if unsampled.

        Calls made inside carry this span's id. An error that passes is named by its class only:
        its text may hold anything.
        """
        trace = TRACE.get()
        if (trace is not None and not trace.flags & SAMPLED) or self.exporter is None:
            yield None
            return
        if (inner := self.below(innermost(trace))) is None:
            yield None
            return
        token = TRACE.set(inner)
        told = interop.open_span(inner)
        begin = time.perf_counter()
        failed = ""
        try:
            yield attributes
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            if told is not None:
                told.leave()
            TRACE.reset(token)
            kept = scrubbing.scrub(attributes, scrubbing.current_secrets())
            self.record(inner, name, kind, time.perf_counter() - begin, kept, failed, told)

    def statement(self, sql: object, alias: str, system: str, seconds: float, error: str = "") -> None:
        """
        Record one SQL statement below the current request: its shape, never its values.

        A statement that is composed by psycopg, and no text, is named by its class.

        Costs a tenth of a microsecond unless the request is sampled.
        """
        trace = TRACE.get()
        if (trace is not None and not trace.flags & SAMPLED) or self.exporter is None:
            return
        if (inner := self.below(innermost(trace))) is None:
            return
        text = scrubbing.scrub_sql(sql) if isinstance(sql, str) else f"({type(sql).__name__})"
        word = text.lstrip("( \n\t").partition(" ")[0].upper()[:20]
        attributes = {"db.system.name": system, "db.namespace": alias, "db.query.text": text}
        named = {**attributes, "db.operation.name": word}
        self.record(inner, f"{word} {alias}", CLIENT, seconds, named, error)

    def request(
        self,
        trace: TraceContext,
        method: str,
        route: str,
        status: int,
        seconds: float,
        attributes: Mapping[str, Any],
    ) -> None:
        """Record the span of a finished request, by OpenTelemetry's names for HTTP servers."""
        named = {
            "http.request.method": method,
            "http.route": route or None,
            "http.response.status_code": status,
            **attributes,
        }
        name = f"{method} {route}" if route else method
        told = None
        if trace.recording is not None:
            told, trace.recording.own = trace.recording.own, None
        self.record(trace, name, SERVER, seconds, named, str(status) if status >= 500 else "", told)

    def figures(self) -> Iterator[Figure]:
        """What ``/metrics`` tells of the traces."""
        yield Figure(
            "mainstay_trace_limited_total",
            "Requests that would have been sampled in a second that had no room for more.",
            self.sampler.refused.value,
            "counter",
        )
        yield from otlp.figures(self.exporter)


TRACING = Tracing()
"""The traces of this process; `setup` gives them somewhere to go."""

register("traces", lambda: TRACING.figures())


def setup(ratio: float | None = None, limit: int = LIMIT) -> bool:
    """
    Send spans to the collector that the environment names, and say whether there is one.

    Reads OpenTelemetry's own variables: ``OTEL_EXPORTER_OTLP_ENDPOINT`` (HTTP, usually port
    4318), ``…_HEADERS``, ``…_TIMEOUT``, ``OTEL_TRACES_SAMPLER`` and ``OTEL_TRACES_SAMPLER_ARG``,
    ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_SDK_DISABLED``. An argument
    given here wins over the variable.

    Raises:
        InvalidInput: A variable has a value that means nothing.
    """
    collector = Collector.from_environment()
    if collector is None:
        return False
    TRACING.sampler = Sampler(sampling_ratio(ratio), limit)
    if TRACING.exporter is None:
        atexit.register(_end)
    TRACING.exporter = Exporter(collector)
    return True


def sampling_ratio(chosen: float | None = None) -> float:
    """
    The share of traces that begin here and are recorded, between 0 and 1.

    Raises:
        InvalidInput: It is none.
    """
    sampler = environment.text("OTEL_TRACES_SAMPLER")
    if chosen is None and sampler in UNLIMITED | NEVER:
        return float(sampler in UNLIMITED)
    ratio = environment.number("OTEL_TRACES_SAMPLER_ARG", RATIO) if chosen is None else chosen
    if not 0 <= ratio <= 1:
        raise environment.invalid("OTEL_TRACES_SAMPLER_ARG", "a share between 0 and 1", str(ratio))
    return ratio


def _end() -> None:
    if TRACING.exporter is not None:
        TRACING.exporter.flush()
