"""What a line costs in Mainstay's form, with its secrets looked for, and what the ids and spans of a trace cost."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from opentelemetry.trace import NoOpTracer, Tracer

from bench.frame import Comparison, Work
from mainstay.observability import interop
from mainstay.observability.formats import JsonFormatter
from mainstay.observability.interop.tracer import MainstayTracerProvider
from mainstay.observability.traces import Tracing

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def comparisons() -> list[Comparison]:
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    ours = JsonFormatter()
    tracing = Tracing()
    return [
        Comparison(
            "a log line with two members",
            "line",
            "logging.Formatter, without them",
            _repeated(lambda: plain.format(_record())),
            "JSON, scrubbed",
            _repeated(lambda: ours.format(_record())),
        ),
        Comparison(
            "the trace of an unsampled request",
            "request",
            "uuid.uuid4()",
            _repeated(uuid.uuid4),
            "traceparent read, ids made",
            _repeated(lambda: tracing.begin(CALLER)),
        ),
        Comparison(
            "a span of OpenTelemetry's API in an unsampled request",
            "span",
            "the API by itself",
            _spans(tracing, NoOpTracer()),
            "Mainstay's provider",
            _spans(tracing, MainstayTracerProvider(tracing).get_tracer("bench")),
        ),
    ]


def _spans(tracing: Tracing, tracer: Tracer) -> Work:
    def work(count: int) -> None:
        interop.enter(tracing.begin(CALLER))
        for _ in range(count):
            with tracer.start_as_current_span("work"):
                pass
        interop.leave()

    return work


def _record() -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, "", 0, "sold %s to %s", ("A1", "somebody"), None)
    record.__dict__.update(seat="A1", price=12)
    return record


def _repeated(once: Callable[[], object]) -> Work:
    def work(count: int) -> None:
        for _ in range(count):
            once()

    return work
