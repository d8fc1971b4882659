"""
Statuses that no answer can end with, and what its client gets in their place.

RFC 9110 knows those from 100 to 599 (section 15), and one of 1xx only announces the answer that follows
(15.2): a client waits for that, or takes the body for it. For what is outside of these uvicorn cuts the
connection, and granian 2.8 panics below 100 and above 999 and accepts no connection ever after.
"""

from __future__ import annotations

import logging
import traceback

from mainstay.http import routes
from mainstay.http.entrance import answers
from mainstay.http.exchange import Exchange

LEAST, MOST = 200, 599

_logger = logging.getLogger("mainstay.http")


def replace(exchange: Exchange, status: object) -> answers.Answer:
    """The answer instead; the log is told whose status it was, as that is a mistake in a view. Never fails."""
    if exchange.route is None:
        routes.find(exchange)
    said = {"view": exchange.view, "route": exchange.route}
    try:
        what = "the view %s answered with the status %.20s, which no answer can end with; it is sent as 500"
        _logger.error(what, exchange.view, status, extra=said)
    except Exception:  # the log may be what is broken
        traceback.print_exc()
    return answers.broken(exchange.accept)
