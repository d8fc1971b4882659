"""Refusals in the form the caller reads: JSON for programs, a plain page for people."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<body style="font-family:sans-serif;max-width:40rem;margin:4rem auto">
<h1>{title}</h1><p>{detail}</p><p><small>Request {request_id}</small></p></body></html>
"""


def response(request: HttpRequest, status: int, detail: str, request_id: str, **members: Any) -> HttpResponse:
    """An RFC 9457 problem, or a page for a browser that asks for one."""
    title = HTTPStatus(status).phrase
    if wants_page(request):
        page = PAGE.format(title=escape(title), detail=escape(detail), request_id=escape(request_id))
        return HttpResponse(page, status=status)
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = {**body, "request_id": request_id, **members}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def wants_page(request: HttpRequest) -> bool:
    """Whether the caller names HTML itself; ``*/*`` is what programs send."""
    return "text/html" in request.headers.get("Accept", "")
