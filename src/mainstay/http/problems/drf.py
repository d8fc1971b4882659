"""
REST framework's errors as problem details.

``REST_FRAMEWORK = {"EXCEPTION_HANDLER": "mainstay.http.problems.drf.exception_handler"}``
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from mainstay.base.problemtypes import MEDIA_TYPE
from mainstay.http.limits import fields
from mainstay.http.limits.refusals import EXCEEDED
from mainstay.http.problems.problem import DEEPEST, Problem, text

SLUGS: Mapping[type[BaseException], str] = {
    exceptions.ValidationError: "invalid",
    exceptions.ParseError: "malformed-body",
    exceptions.AuthenticationFailed: "authentication-failed",
    exceptions.NotAuthenticated: "not-authenticated",
}
"""Kinds that a status does not tell apart."""


class ProblemResponse(Response):
    """A problem, rendered as the view renders; labelled as one where that is JSON."""

    @property
    def rendered_content(self) -> Any:
        content = super().rendered_content
        kind = self.accepted_renderer.media_type or ""
        if kind == "application/json" or kind.endswith("+json"):
            self["Content-Type"] = MEDIA_TYPE
        return content


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """
    REST framework's ``EXCEPTION_HANDLER``.

    The text of an ``APIException`` or a `Problem` is shown, because it was written for
    the client; that of ``Http404`` and ``PermissionDenied`` is not, because it may name
    models and rules. What is not known here passes on to `EntranceMiddleware`.
    """
    problem = describe(error)
    if problem is None:
        return None
    if names := _violated(context.get("request")):
        problem.members[EXCEEDED] = names
    set_rollback()
    headers = {"Cache-Control": "no-store", **problem.headers}
    response = ProblemResponse(problem.as_json(), status=problem.status, headers=headers)
    response["Vary"] = "Accept"
    return response


def _violated(request: Any) -> list[str]:
    return fields.violated(getattr(request, "_request", request))


def describe(error: Exception) -> Problem | None:
    """The problem that an exception is; ``None`` when it is not for clients."""
    match error:
        case Problem():
            return error
        case Http404():
            return Problem(404)
        case PermissionDenied():
            return Problem(403)
        case exceptions.APIException():
            return _from_api(error)
    return None


def _from_api(error: exceptions.APIException) -> Problem:
    status = error.status_code if 400 <= error.status_code <= 599 else 500
    slug = next((SLUGS[kind] for kind in type(error).__mro__ if kind in SLUGS), "")
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    wait = getattr(error, "wait", None) or None
    detail = error.detail
    if isinstance(detail, list | dict):
        return Problem(
            status, slug, retry_after=wait, headers=headers, errors=list(_mistakes(detail, "", DEEPEST))
        )
    members = {}
    code = getattr(detail, "code", None)
    if code and code != error.default_code:
        members["code"] = code
    return Problem(status, slug, text(detail), retry_after=wait, headers=headers, **members)


def _mistakes(detail: Any, pointer: str, depth: int) -> Iterator[dict[str, str]]:
    """Each mistake with the JSON pointer (RFC 6901) to the member that it is about."""
    if isinstance(detail, Mapping) and depth:
        for name, each in detail.items():
            about = pointer if name == api_settings.NON_FIELD_ERRORS_KEY else f"{pointer}/{_escape(name)}"
            yield from _mistakes(each, about, depth - 1)
    elif isinstance(detail, list | tuple) and depth:
        # Sentences in a list are all about the member itself; containers stand in the order of the input.
        nested = any(isinstance(each, Mapping | list | tuple) for each in detail)
        for index, each in enumerate(detail):
            yield from _mistakes(each, f"{pointer}/{index}" if nested else pointer, depth - 1)
    else:
        yield {
            "pointer": pointer,
            "code": text(getattr(detail, "code", None) or "invalid"),
            "detail": text(detail),
        }


def _escape(name: object) -> str:
    return text(name).replace("~", "~0").replace("/", "~1")
