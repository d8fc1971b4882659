"""
What Django answers with where a project says nothing: its four error handlers and the CSRF page.

`install` puts them behind Django's own defaults, so a project's ``handler404`` comes
first, and so does its ``404.html`` for whoever asks for HTML. Nothing of an exception is
shown: its text was written for the log.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings, urls
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.template import TemplateDoesNotExist, loader
from django.views import csrf, defaults

from mainstay.http.problems.problem import Problem
from mainstay.http.problems.responses import prefers_page, respond

KINDS: dict[type[BaseException], tuple[int, str]] = {
    Http404: (404, "not-found"),
    PermissionDenied: (403, "forbidden"),
    DisallowedHost: (400, "unknown-host"),
    RequestDataTooBig: (413, "content-too-large"),
    MultiPartParserError: (400, "malformed-body"),
    SuspiciousOperation: (400, "bad-request"),
    BadRequest: (400, "bad-request"),
}
"""What Django itself does not see as an error 500 (``django.core.handlers.exception``)."""


def refusal(error: BaseException) -> Problem | None:
    """The problem that stands for an exception by which Django refuses a request; ``None`` for any other."""
    for kind in type(error).__mro__:
        if kind in KINDS:
            return Problem(*KINDS[kind])
    return None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler400``: also 413, for a body that is larger than ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""
    problem = refusal(exception) or Problem(400)
    response = _own_page(request, "400.html", lambda: defaults.bad_request(request, exception))
    if response is not None:
        response.status_code = problem.status
    return response or respond(request, problem)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler403``."""
    response = _own_page(request, "403.html", lambda: defaults.permission_denied(request, exception))
    return response or respond(request, Problem(403))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler404``."""
    response = _own_page(request, "404.html", lambda: defaults.page_not_found(request, exception))
    return response or respond(request, Problem(404))


def server_error(request: HttpRequest) -> HttpResponse:
    """``handler500``. A ``500.html`` that is broken itself is what `EntranceMiddleware` has a last resort for."""
    response = _own_page(request, "500.html", lambda: defaults.server_error(request))
    return response or respond(request, Problem(500))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """``CSRF_FAILURE_VIEW``; in development a browser gets Django's own page, which explains."""
    if prefers_page(request) and settings.DEBUG:
        return csrf.csrf_failure(request, reason)
    response = _own_page(request, "403_csrf.html", lambda: csrf.csrf_failure(request, reason))
    return response or respond(request, Problem(403, "csrf-failed"))


def install() -> None:
    """Stand behind Django's defaults for every project of this process that has no handler of its own."""
    for name, (theirs, ours) in DEFAULTS.items():
        if getattr(urls, name) is theirs:
            setattr(urls, name, ours)


DEFAULTS: dict[str, tuple[Callable[..., HttpResponse], Callable[..., HttpResponse]]] = {
    "handler400": (defaults.bad_request, bad_request),
    "handler403": (defaults.permission_denied, permission_denied),
    "handler404": (defaults.page_not_found, not_found),
    "handler500": (defaults.server_error, server_error),
}


def _own_page(request: HttpRequest, template: str, render: Callable[[], HttpResponse]) -> HttpResponse | None:
    """What Django makes of a project's own template, if there is one and the caller asks for HTML."""
    if not prefers_page(request):
        return None
    try:
        loader.get_template(template)
    except TemplateDoesNotExist:
        return None
    return render()
