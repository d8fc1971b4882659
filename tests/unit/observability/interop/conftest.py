"""Mainstay's provider of spans without a network, and without being registered in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.context import Context, attach, detach

from mainstay.base import tracecontext
from mainstay.base.tracecontext import TRACE, TraceContext
from mainstay.observability import interop
from mainstay.observability.interop import current
from mainstay.observability.interop.tracer import MainstayTracer, MainstayTracerProvider
from mainstay.observability.spans import Span
from mainstay.observability.traces import Sampler, Tracing

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CALLER[:-1] + "0"


class Kept:
    """An exporter that keeps."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def put(self, span: Span) -> None:
        self.spans.append(span)

    def named(self) -> dict[str, Span]:
        return {span.name: span for span in self.spans}


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def tracing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracing]:
    """Everything is sampled; OpenTelemetry's context is empty, and its spans are Mainstay's."""
    monkeypatch.setattr(interop, "_is_ours", True)
    tracecontext.follow(current.innermost)
    context, trace = attach(Context()), TRACE.set(None)
    yield Tracing(Sampler(1.0, 1000), kept)  # type: ignore[arg-type]
    TRACE.reset(trace)
    detach(context)
    tracecontext.follow(None)


@pytest.fixture
def tracer(tracing: Tracing) -> MainstayTracer:
    return MainstayTracerProvider(tracing).get_tracer("shop", "1.0")


@pytest.fixture
def begin(tracing: Tracing) -> Callable[..., TraceContext]:
    """``begin(CALLER)``: a request arrives with this header, as the entrance does it."""

    def enter(traceparent: str = CALLER, tracestate: str = "") -> TraceContext:
        trace = tracing.begin(traceparent, tracestate)
        TRACE.set(trace)
        interop.enter(trace)
        return trace

    return enter
