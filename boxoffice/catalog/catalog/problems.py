"""Every error of the API as problem details (RFC 9457)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


class Problem(APIException):
    """An error with a status, a stable code, a sentence for people and members for programs."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after: int = 0, **members: Any) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.members = members
        if retry_after:
            self.wait = retry_after


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """
    REST framework's ``EXCEPTION_HANDLER``.

    What it does not know passes on: Mainstay's entrance turns a database that cannot
    answer now into 503, and `server_error` answers the rest.
    """
    response = exception_handler(error, context)
    if response is None:
        return None
    response.data = describe(error, response)
    response.content_type = MEDIA_TYPE
    return response


def describe(error: Exception, response: Response) -> dict[str, Any]:
    body: dict[str, Any] = {"status": response.status_code, "title": response.status_text}
    if isinstance(error, ValidationError):
        return {"type": "urn:boxoffice:invalid", **body, "errors": response.data}
    if isinstance(error, APIException):
        body["type"] = f"urn:boxoffice:{getattr(error.detail, 'code', error.default_code)}"
        body["detail"] = str(error.detail)
    else:
        body["type"] = "about:blank"
    return body | getattr(error, "members", {})


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    body = {"type": "about:blank", "status": 404, "title": "Not Found"}
    return JsonResponse(body, status=404, content_type=MEDIA_TYPE)


def server_error(request: HttpRequest) -> JsonResponse:
    body = {"type": "about:blank", "status": 500, "title": "Internal Server Error"}
    return JsonResponse(body, status=500, content_type=MEDIA_TYPE)
