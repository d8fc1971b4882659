"""
Which span is the current one, by OpenTelemetry's context and by Mainstay's: they agree.

Mainstay tells OpenTelemetry of each request, and of each span of its own that others may lie in. What is
current inside of these OpenTelemetry knows alone, whose API has no place where it would say so: Mainstay asks
it before it records something, and for log lines, but only where a request is sampled or where there is none.
"""

from __future__ import annotations

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import INVALID_SPAN, Span, format_span_id, format_trace_id, set_span_in_context

from mainstay.base.tracecontext import RANDOM, SAMPLED, TraceContext
from mainstay.observability import spans
from mainstay.observability.interop.span import Recorded, Unrecorded

KEY = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Under which the API keeps its current span: it makes one up at each start."""

_NOTHING = Context()


def enter(trace: TraceContext, recorded: bool) -> None:
    """
    Make this request's span the only thing in OpenTelemetry's context.

    With ``recorded``, code may add to it, if it is sampled. The token is not kept: whoever enters next, or
    leaves, replaces the whole context.
    """
    span: Span
    if recorded and trace.recording is not None:
        span = trace.recording.own = Recorded(trace)
    else:
        span = Unrecorded(trace)
    attach(Context({KEY: span}))


def leave() -> None:
    """Empty OpenTelemetry's context."""
    attach(_NOTHING)


class Opened:
    """A span of Mainstay's that is OpenTelemetry's current one until `leave`."""

    __slots__ = ("_span", "_token")

    def __init__(self, trace: TraceContext) -> None:
        self._span = Recorded(trace)
        self._token = attach(set_span_in_context(self._span))

    def leave(self) -> None:
        detach(self._token)

    def complete(self, span: spans.Span) -> None:
        self._span.complete(span)


def innermost(trace: TraceContext | None) -> TraceContext | None:
    """The trace of OpenTelemetry's current span, if that lies in this one; else this one."""
    return known(get_current().get(KEY), trace) or trace


def known(span: object, trace: TraceContext | None) -> TraceContext | None:
    """The trace that a span of the API stands for: one of Mainstay's, or one that claims to lie in this trace."""
    if isinstance(span, Recorded | Unrecorded):
        return span.trace
    if trace is None or trace.recording is None or not isinstance(span, Span):
        return None
    told = span.get_span_context()
    if not told.is_valid or format_trace_id(told.trace_id) != trace.trace_id:
        return None
    inner = TraceContext(trace.trace_id, format_span_id(told.span_id), trace.flags, trace.state)
    if told.trace_flags & SAMPLED:
        inner.recording = trace.recording
    else:
        inner.flags &= RANDOM
    return inner
