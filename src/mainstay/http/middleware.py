"""
What only Django can tell the outermost layer, in one pass.

It writes the route into the access line, and sees to it that whatever goes wrong further
in becomes a problem (RFC 9457): database errors that mean "not now" 503 with
``Retry-After``, Django's own refusals their status, and everything else 500, also where
an error handler or another middleware is what fails. Works under both interfaces
without a change of thread.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from contextvars import Token
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from mainstay.base.context import REQUEST
from mainstay.http import routes, unavailable
from mainstay.http.exchange import EXCHANGE
from mainstay.http.limits import fields
from mainstay.http.problems import Problem, handlers
from mainstay.http.problems.responses import fill, prefers_page, respond

MARK = "_mainstay_problem"
"""The attribute of a request that says which problem its exception is."""

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
        handlers.install()
        got_request_exception.connect(_mark_failed, dispatch_uid="mainstay.http.problems")

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._respond_async(request)
        token = REQUEST.set(request)
        try:
            return _finish(request, self._get_response(request))
        except Exception as error:
            return _rescue(request, error)
        finally:
            _let_go(token)

    async def _respond_async(self, request: HttpRequest) -> HttpResponseBase:
        token = REQUEST.set(request)
        try:
            return _finish(request, await self._get_response(request))
        except Exception as error:
            return _rescue(request, error)
        finally:
            _let_go(token)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        exchange = EXCHANGE.get()
        if exchange is not None and request.resolver_match is not None:
            routes.note(exchange, request.resolver_match)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if problem := unavailable.problem(error):
            return refuse(request, problem, unavailable.note(error))
        if problem := handlers.refusal(error):
            setattr(request, MARK, problem)
        return None


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """What the caller gets of an answer from further in."""
    if response.status_code >= 400:
        response = settle(request, response)
    fields.apply(request, response)
    return response


def _rescue(request: HttpRequest, error: Exception) -> HttpResponseBase:
    """An answer where there is none."""
    response = last_resort(request, error)
    fields.apply(request, response)
    return response


def _let_go(token: Token[Any]) -> None:
    """Forget the request, unless the entrance still writes its line; it lets go of it then."""
    if EXCHANGE.get() is None:
        REQUEST.reset(token)


def refuse(request: HttpRequest, problem: Problem, why: str = "") -> HttpResponse:
    """
    Answer with a problem; one of the server's own is said in the log, in one line beside the access line.

    ``why`` is for that line only, where the operator shall read more than the client.
    """
    response = respond(request, problem)
    if problem.status >= 500:
        said = {"path": request.path, "method": request.method}
        _logger.warning("answered %s: %s", problem.status, why or problem.detail, extra=said)
        _mark_logged(response)
    return response


def _mark_logged(response: HttpResponse) -> None:
    """As django.utils.log.log_response marks what it has told: Django then says nothing of its own."""
    response._has_been_logged = True  # type: ignore[attr-defined]


def settle(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """
    The answer to a request that failed, as its caller reads it.

    What a view answers by itself stays, whatever its status. Only what Django made of an
    exception is replaced, and the 405 of its own that has no body.
    """
    marked: Problem | None = getattr(request, MARK, None)
    if marked is not None and response.status_code == 500 != marked.status:
        answer = refuse(request, marked)
        # Not closed: that would tell Django that the request has ended.
        answer._resource_closers.extend(response._resource_closers)  # type: ignore[attr-defined]
        return answer
    if not isinstance(response, HttpResponse):
        return response
    if isinstance(response, HttpResponseNotAllowed) and not response.content:
        fill(request, response, Problem(405))
        return response
    problem = marked or _unresolved(request, response)
    if problem and not prefers_page(request) and _is_for_people(response):
        response.status_code = problem.status
        fill(request, response, problem)
    return response


def last_resort(request: HttpRequest, error: Exception) -> HttpResponse:
    """
    Answer an error that Django could not turn into a response: its error handler failed, or its log did.

    Raises:
        Exception: The same one, where ``DEBUG_PROPAGATE_EXCEPTIONS`` wants it.
    """
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        raise error
    try:
        _logger.error("an error handler failed", exc_info=error, extra={"path": request.path})
    except Exception:  # the log is what is broken; the client gets an answer all the same
        sys.stderr.write(f"mainstay: the log failed while telling of {type(error).__name__}\n")
    response = respond(request, unavailable.problem(error) or Problem(500))
    _mark_logged(response)
    return response


def _mark_failed(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Sent while the error is being handled, which is the only place where middleware's own errors show."""
    error = sys.exc_info()[1]
    if isinstance(request, HttpRequest) and error is not None:
        setattr(request, MARK, unavailable.problem(error) or Problem(500))
        unavailable.count(error)


def _unresolved(request: HttpRequest, response: HttpResponse) -> Problem | None:
    """No view was found, so no view can have answered."""
    return Problem(404) if response.status_code == 404 and request.resolver_match is None else None


def _is_for_people(response: HttpResponse) -> bool:
    """Whether an answer is a page; in development Django's traceback is plain text for programs."""
    kind = response.headers.get("Content-Type", "")
    return kind.startswith("text/html") or (settings.DEBUG and kind.startswith("text/plain"))
