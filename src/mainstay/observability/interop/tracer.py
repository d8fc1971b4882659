"""
Mainstay's provider of spans for OpenTelemetry's API.

A span below a request that is not sampled is the request's own span, which records nothing: it is what the API
gives without any provider, and what is called finds the request as its parent. A span below a sampled
one is recorded, as long as the request has not its full number of spans. One without a parent, in a worker or a
command, begins a trace, which the sampler decides about as it does for a request; a parent in another process
has decided.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import TracebackType
from typing import Any

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import (
    Link,
    ProxyTracerProvider,
    Span,
    SpanKind,
    Tracer,
    TracerProvider,
    format_span_id,
    format_trace_id,
    get_tracer_provider,
    set_span_in_context,
    set_tracer_provider,
)

from mainstay.base.tracecontext import TRACE, TraceContext
from mainstay.observability import spans
from mainstay.observability.interop.current import KEY, known
from mainstay.observability.interop.span import Recorded, Unrecorded, moment
from mainstay.observability.interop.told import text
from mainstay.observability.traces import Tracing

_KINDS = {kind: kind.value + 1 for kind in SpanKind}
"""The protocol's numbers begin with *unspecified*."""


def register(tracing: Tracing) -> bool:
    """Make Mainstay's the provider of this process, and say whether it is: the API keeps the first that it is given."""
    if isinstance(get_tracer_provider(), ProxyTracerProvider):
        set_tracer_provider(MainstayTracerProvider(tracing))
    return isinstance(get_tracer_provider(), MainstayTracerProvider)


class MainstayTracerProvider(TracerProvider):
    """Gives tracers whose spans lie in Mainstay's traces."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> MainstayTracer:
        """A tracer for one library. Attributes of a library are not sent."""
        names = (instrumenting_module_name, instrumenting_library_version, schema_url)
        return MainstayTracer(self._tracing, spans.Scope(*(text(name) if name else "" for name in names)))

    def force_flush(self, timeout_millis: int = 2000) -> bool:
        """Send what waits; whether everything left."""
        exporter = self._tracing.exporter
        return exporter is None or exporter.flush(timeout_millis / 1000)


class MainstayTracer(Tracer):
    """Starts spans in Mainstay's traces."""

    def __init__(self, tracing: Tracing, scope: spans.Scope) -> None:
        self._tracing = tracing
        self._scope = scope

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        above = (get_current() if context is None else context).get(KEY)
        if type(above) is Unrecorded:
            return above
        trace, is_recorded = self._decide(above, context is None)
        if not is_recorded:
            return Unrecorded(trace)
        start = moment(start_time)
        ids = trace.trace_id, trace.parent_id, trace.caller_id
        draft = spans.Span(*ids, text(name), _KINDS.get(kind, spans.INTERNAL), start, start)
        draft.state, draft.scope = trace.state, self._scope
        span = Recorded(trace, draft, self._tracing.put, record_exception, set_status_on_exception)
        if attributes:
            span.set_attributes(attributes)
        for link in links or ():
            span.add_link(link.context, link.attributes)
        return span

    def start_as_current_span(  # type: ignore[override]  # a class of its own, as each call needs a new one
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        """A context manager, and a decorator of functions and coroutine functions, for a new current span."""
        words = (
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
        )
        return CurrentSpan(self, words, end_on_exit)

    def _decide(self, above: object, in_here: bool) -> tuple[TraceContext, bool]:
        """The trace of a new span, or of what it lies in if it is not recorded; and whether it is."""
        current = TRACE.get()
        trace = known(above, current)
        caller = ""
        state = ""
        if trace is None and isinstance(above, Span) and (told := above.get_span_context()).is_valid:
            ids = format_trace_id(told.trace_id), format_span_id(told.span_id)
            caller, state = f"00-{ids[0]}-{ids[1]}-{told.trace_flags & 3:02x}", told.trace_state.to_header()
        elif trace is None and in_here:
            trace = current
        if trace is not None:
            inner = self._tracing.below(trace)
            return (trace, False) if inner is None else (inner, True)
        begun = self._tracing.begin(caller, state)
        return begun, begun.recording is not None


class CurrentSpan:
    """A span that is started and made the current one when the block begins, or each call of what it decorates."""

    __slots__ = ("_ends", "_span", "_token", "_tracer", "_words")

    def __init__(self, tracer: MainstayTracer, words: tuple[Any, ...], ends: bool) -> None:
        self._tracer = tracer
        self._words = words
        self._ends = ends

    def __enter__(self) -> Span:
        self._span = span = self._tracer.start_span(*self._words)
        # Nothing changes for what lies in a request that is not sampled.
        self._token = None if get_current().get(KEY) is span else attach(set_span_in_context(span))
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            detach(self._token)
        if isinstance(self._span, Recorded):
            if isinstance(error, Exception):  # others, such as GeneratorExit, are no failures
                self._span.fail(error, *self._words[-2:])
            if self._ends:
                self._span.end()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def wait(*args: Any, **kwargs: Any) -> Any:
                with CurrentSpan(self._tracer, self._words, self._ends):
                    return await function(*args, **kwargs)

            return wait

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with CurrentSpan(self._tracer, self._words, self._ends):
                return function(*args, **kwargs)

        return call
