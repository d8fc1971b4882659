"""
For code that uses OpenTelemetry's API: it finds the request's trace as its current span.

An SDK that the project sets up for itself, and instrumentations of libraries, then put their spans
below the request's, with the same trace id and the same decision about sampling. Nothing is
imported for it: as long as nobody has loaded OpenTelemetry there is nobody to tell.
"""

from __future__ import annotations

import sys

from mainstay.base.tracecontext import SAMPLED, TraceContext


def enter(trace: TraceContext) -> None:
    """Make this trace OpenTelemetry's current one, if OpenTelemetry is in use."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return
    from opentelemetry.context import Context, attach  # type: ignore[import-not-found]

    span = api.NonRecordingSpan(
        api.SpanContext(
            trace_id=int(trace.trace_id, 16),
            span_id=int(trace.span_id, 16),
            is_remote=False,
            trace_flags=api.TraceFlags(trace.flags & SAMPLED),
            trace_state=api.TraceState.from_header([trace.state]) if trace.state else None,
        )
    )
    # The token is not kept: whoever enters next, or leaves, replaces the whole context.
    attach(api.set_span_in_context(span, Context()))


def leave() -> None:
    """Let OpenTelemetry have no current span again."""
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.context import Context, attach

        attach(Context())
