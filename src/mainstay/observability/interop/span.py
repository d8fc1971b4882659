"""Mainstay's traces in the two shapes that OpenTelemetry's API knows: spans that record, and spans that do not."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import Any

from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    format_span_id,
    format_trace_id,
)

from mainstay.base.tracecontext import TraceContext
from mainstay.observability import spans
from mainstay.observability.interop.told import Told, text

DESCRIPTION_LIMIT = 1024
"""Characters of a status's description."""

_TIMES = range(1 << 63)


class Unrecorded(NonRecordingSpan):
    """
    A trace that is passed on and leaves no span, or whose spans others record.

    There is one for each request, so what the API wants to know of it is made when somebody asks.
    """

    def __init__(self, trace: TraceContext) -> None:
        self.trace = trace
        self._told: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        if self._told is None:
            self._told = _context_of(self.trace)
        return self._told

    def __repr__(self) -> str:
        return f"Unrecorded({self.trace!r})"


class Recorded(Span):
    """
    A span that is being recorded; safe to be used from several threads.

    One with a ``draft`` is finished, and handed to ``put``, by whoever ends it. One without is open
    as long as Mainstay says: the request's, or that of ``TRACING.span``; ending it does nothing.
    """

    def __init__(
        self,
        trace: TraceContext,
        draft: spans.Span | None = None,
        put: Callable[[spans.Span], None] | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> None:
        self.trace = trace
        self._draft = draft
        self._put = put
        self._records = record_exception
        self._fails = set_status_on_exception
        self._told = Told()
        self._context: SpanContext | None = None
        self._name: str | None = None
        self._status, self._error = spans.UNSET, ""
        self._begun, self._clock = time_ns(), perf_counter_ns()
        self._lock = threading.Lock()
        self._is_open = True

    def get_span_context(self) -> SpanContext:
        if self._context is None:
            self._context = _context_of(self.trace)
        return self._context

    def is_recording(self) -> bool:
        return self._is_open

    def set_attribute(self, key: str, value: Any) -> None:
        if self._is_open:
            self._told.set(key, value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        if self._is_open:
            self._told.add(attributes)

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        if self._is_open:
            self._told.add_event(name, moment(timestamp), attributes)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """That it was raised, and where; never its text, nor whether it escaped, which the convention has given up."""
        if self._is_open:
            self._told.add_event("exception", moment(timestamp), attributes, exception)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        if self._is_open and isinstance(context, SpanContext) and (context.is_valid or attributes):
            ids = format_trace_id(context.trace_id), format_span_id(context.span_id)
            self._told.add_link(spans.Link(*ids, context.trace_state.to_header()), attributes)

    def update_name(self, name: str) -> None:
        if self._is_open:
            self._name = text(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """OK is the last word, UNSET says nothing. A description that repeats an error's text becomes its class."""
        code, why = (
            (status.status_code, status.description) if isinstance(status, Status) else (status, description)
        )
        if not self._is_open or self._status == spans.OK or code not in (StatusCode.OK, StatusCode.ERROR):
            return
        self._status = code.value
        self._error = _why(why) if why and code is StatusCode.ERROR else ""

    def fail(self, error: BaseException, records: bool = True, fails: bool = True) -> None:
        """An error has left the block that this span is about."""
        if records:
            self.record_exception(error)
        if fails:
            self.set_status(StatusCode.ERROR, type(error).__name__)

    def end(self, end_time: int | None = None) -> None:
        if self._draft is None or self._put is None or not self._close():
            return
        draft = self._draft
        now = (
            self._begun + perf_counter_ns() - self._clock
        )  # a clock that is set meanwhile makes it no longer
        draft.end = max(draft.start, moment(end_time, now))
        self._fill(draft)
        self._put(draft)

    def complete(self, span: spans.Span) -> None:
        """Add what was told to the finished span, and take no more."""
        if self._close():
            self._fill(span)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.fail(error, self._records, self._fails)
        self.end()

    def _close(self) -> bool:
        with self._lock:
            was_open, self._is_open = self._is_open, False
        return was_open

    def _fill(self, span: spans.Span) -> None:
        self._told.complete(span)
        if self._name is not None:
            span.name = self._name
        if self._status == spans.OK:
            span.status, span.error = spans.OK, ""
        elif self._status == spans.ERROR:
            span.status, span.error = spans.ERROR, self._error or span.error


def moment(time: object, otherwise: int | None = None) -> int:
    """Nanoseconds since 1970, if that is what it is; else the other, or now."""
    if type(time) is int and time in _TIMES:
        return time
    return time_ns() if otherwise is None else otherwise


def _context_of(trace: TraceContext) -> SpanContext:
    return SpanContext(
        trace_id=int(trace.trace_id, 16),
        span_id=int(trace.span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(trace.flags),
        trace_state=TraceState.from_header([trace.state]) if trace.state else None,
    )


def _why(description: object) -> str:
    """The description, unless it has the text of the error that is being handled in it."""
    error = sys.exc_info()[1]
    if error is not None:
        try:
            said = str(error)
        except Exception:  # it cannot be told, so nothing of it can be in there
            said = ""
        if said and said in str(description):
            return type(error).__name__
    return text(description, DESCRIPTION_LIMIT)
