"""Problems as Django responses."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from mainstay.base import problempage as page
from mainstay.base.context import request_id
from mainstay.base.problemtypes import MEDIA_TYPE
from mainstay.http.problems.accept import wants_page
from mainstay.http.problems.problem import Problem

STALE = ("Content-Encoding", "ETag", "Content-Language", "Last-Modified")
"""Headers that speak of a body which was replaced."""


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A new response: JSON for a program, a page for a browser."""
    response = HttpResponse(status=problem.status)
    fill(request, response, problem)
    return response


def fill(request: HttpRequest, response: HttpResponse, problem: Problem) -> None:
    """Put a problem into a response that is there already and keep its other headers and its cookies."""
    for name in STALE:
        del response[name]
    is_page = prefers_page(request)
    if is_page:
        response.content = page.render(problem.title, str(problem.detail), request_id())
        response["Content-Security-Policy"] = page.POLICY
    else:
        response.content = problem.body()
    response["Content-Type"] = page.CONTENT_TYPE if is_page else MEDIA_TYPE
    if "Content-Length" in response:
        response["Content-Length"] = str(len(response.content))
    for name, value in problem.headers.items():
        response[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    patch_vary_headers(response, ["Accept"])


def prefers_page(request: Any) -> bool:
    """Whether a browser asks."""
    return wants_page(request.META.get("HTTP_ACCEPT", ""))
