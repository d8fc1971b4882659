"""
Logs, metrics, traces and error reports of one process: one schema, one set-up call.

`mainstay.settings.observability` sets all of it up. A capability puts its figures on
``/metrics`` with `register`, how long its work waits with `watch_queue`, and its work into the trace with
`TRACING`. Importable before ``django.setup()``.
"""

from __future__ import annotations

from mainstay.base.context import request_id
from mainstay.base.tracecontext import current_trace, trace_headers
from mainstay.observability.figures import Figure, register
from mainstay.observability.queues import watch_queue
from mainstay.observability.reports import setup
from mainstay.observability.traces import TRACING

__all__ = [
    "TRACING",
    "Figure",
    "current_trace",
    "register",
    "request_id",
    "setup",
    "trace_headers",
    "watch_queue",
]
