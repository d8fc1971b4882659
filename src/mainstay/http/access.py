"""One line and one count for each finished request."""

from __future__ import annotations

import logging
from time import perf_counter

from mainstay.http import routes
from mainstay.http.exchange import CLIENT_LEFT, Exchange
from mainstay.http.metrics import METRICS
from mainstay.observability.formats import FIELDS
from mainstay.observability.settings import ACCESS_LOGGER

_logger = logging.getLogger(ACCESS_LOGGER)


def finish(exchange: Exchange) -> None:
    """Write a finished request down. Its request id must still be the current one."""
    seconds = perf_counter() - exchange.started
    if exchange.route is None:
        routes.find(exchange)
    if not exchange.status:
        exchange.status = CLIENT_LEFT
    if METRICS is not None:
        METRICS.observe(exchange.status, exchange.view, exchange.method, seconds)
    if _logger.isEnabledFor(logging.INFO):
        _logger.handle(_record(exchange, seconds))


def _record(exchange: Exchange, seconds: float) -> logging.LogRecord:
    """Made by hand: `Logger.info` would look for the calling line each time, which is always this one."""
    record = logging.LogRecord(ACCESS_LOGGER, logging.INFO, "", 0, "request", None, None)
    fields = {
        "method": exchange.method,
        "path": exchange.path,
        "route": exchange.route,
        "status": exchange.status,
        "duration_ms": round(seconds * 1000, 2),
        "bytes": exchange.sent,
        "client": exchange.client,
        "user_agent": exchange.user_agent,
    }
    record.__dict__.update(fields)
    record.__dict__[FIELDS] = fields
    return record
