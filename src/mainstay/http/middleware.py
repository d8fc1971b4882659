"""
What only Django can tell the outermost layer, in one pass.

It writes the route into the access line, and turns database errors that mean "not now"
into 503 with ``Retry-After``, also those raised by other middleware. Works under both
interfaces without a change of thread.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponseBase

from mainstay.base.context import request_id
from mainstay.http import problems, routes, unavailable
from mainstay.http.answers import RETRY_AFTER
from mainstay.http.exchange import EXCHANGE

MARK = "_mainstay_unavailable"

_logger = logging.getLogger("mainstay.http")


class EntranceMiddleware:
    """Stands first in ``MIDDLEWARE``."""

    sync_capable = True
    async_capable = True
    never_blocks = True
    """Its ``process_*`` methods wait for nothing: the fast handler calls them on the event loop."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        got_request_exception.connect(_mark_unavailable, dispatch_uid="mainstay.http.unavailable")

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._respond_async(request)
        return _replace_unavailable(request, self._get_response(request))

    async def _respond_async(self, request: HttpRequest) -> HttpResponseBase:
        return _replace_unavailable(request, await self._get_response(request))

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        exchange = EXCHANGE.get()
        if exchange is not None and request.resolver_match is not None:
            routes.note(exchange, request.resolver_match)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        reason = unavailable.reason(error)
        return refuse(request, reason) if reason else None


def refuse(request: HttpRequest, reason: str) -> HttpResponseBase:
    """Answer 503 with ``Retry-After`` and say why in the log, in one line."""
    _logger.warning("answered 503: %s", reason, extra={"path": request.path, "method": request.method})
    response = problems.response(request, 503, f"Try again in a moment: {reason}.", request_id())
    response["Retry-After"] = RETRY_AFTER
    return response


def _mark_unavailable(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Sent while the error is being handled, which is the only place where middleware's own errors show."""
    error = sys.exc_info()[1]
    reason = unavailable.reason(error) if error else None
    if request is not None and reason:
        setattr(request, MARK, reason)


def _replace_unavailable(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code != 500 or not (reason := getattr(request, MARK, None)):
        return response
    response.close()
    return refuse(request, reason)
