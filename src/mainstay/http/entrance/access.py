"""What is written down of each request: one line, one count, and a span if it is sampled."""

from __future__ import annotations

import logging
from time import perf_counter, time
from typing import Any

from mainstay.base.context import REQUEST
from mainstay.base.tracecontext import SAMPLED, TRACE
from mainstay.http import routes
from mainstay.http.entrance import line
from mainstay.http.exchange import CLIENT_LEFT, Exchange
from mainstay.http.metrics import METRICS
from mainstay.observability import interop, reports, scrubbing
from mainstay.observability.formats import FIELDS, JsonFormatter
from mainstay.observability.output import DROPPED, sole_handler
from mainstay.observability.settings import ACCESS_LOGGER
from mainstay.observability.traces import TRACING

_logger = logging.getLogger(ACCESS_LOGGER)
_PATTERN = vars(logging.LogRecord(ACCESS_LOGGER, logging.INFO, "", 0, "request", None, None))


def begin(exchange: Exchange, traceparent: str = "", tracestate: str = "") -> None:
    """Give a request its place in a trace, from its caller's headers or anew."""
    exchange.trace = TRACING.begin(traceparent, tracestate)
    TRACE.set(exchange.trace)
    interop.enter(exchange.trace)
    reports.begin_request()


def finish(exchange: Exchange) -> None:
    """Write a finished request down. Its request id must still be the current one."""
    seconds = perf_counter() - exchange.started
    if exchange.route is None:
        routes.find(exchange)
    if not exchange.status:
        exchange.status = CLIENT_LEFT
    if METRICS is not None:
        METRICS.observe(exchange, seconds if exchange.opened is None else exchange.opened)
    if exchange.trace is not None and exchange.trace.flags & SAMPLED:
        _record_span(exchange, seconds)
    if _logger.isEnabledFor(logging.INFO):
        try:
            _write(exchange, seconds)
        except Exception:  # a filter of the project's, say; the line is lost, the answer is not
            DROPPED.add()
    interop.leave()
    REQUEST.set(None)
    TRACE.set(None)


def _write(exchange: Exchange, seconds: float) -> None:
    handler = sole_handler(_logger)
    if handler is None or type(handler.formatter) is not JsonFormatter or handler.level > logging.INFO:
        _logger.handle(_record(exchange, seconds))
    else:
        handler.write(line.render(exchange, seconds, handler.formatter))


def _record(exchange: Exchange, seconds: float) -> logging.LogRecord:
    """
    Made by hand, from a copy of one that was made as usual.

    `Logger.info` would look for the calling line each time, which is always this one, and for the
    names of thread and process, which the line does not show.
    """
    fields: dict[str, Any] = {
        "method": scrubbing.scrub_text(exchange.method, line.METHOD_LIMIT),
        "path": scrubbing.scrub_path(exchange.path, exchange.route or ""),
        "route": exchange.route,
        "status": exchange.status,
        "duration_ms": round(seconds * 1000, 2),
        "wait_ms": round(exchange.waited * 1000, 2),
        "db_ms": round(exchange.db_seconds * 1000, 2),
        "db_count": exchange.db_count,
        "bytes": exchange.sent,
        "client": exchange.client,
        "user_agent": scrubbing.scrub_text(exchange.user_agent),
    }
    now = time()
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__.update(_PATTERN, created=now, msecs=now % 1 * 1000, **fields)
    record.__dict__[FIELDS] = fields
    return record


def _record_span(exchange: Exchange, seconds: float) -> None:
    attributes = {
        "url.path": scrubbing.scrub_path(exchange.path, exchange.route or ""),
        "client.address": exchange.client,
        "user_agent.original": scrubbing.scrub_text(exchange.user_agent),
        "http.response.body.size": exchange.sent,
        "mainstay.request_id": exchange.request_id,
    }
    method, route = scrubbing.scrub_text(exchange.method, line.METHOD_LIMIT), exchange.route or ""
    TRACING.request(exchange.trace, method, route, exchange.status, seconds, attributes)
