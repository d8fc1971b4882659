"""The same project with error handlers of its own, one of which is broken."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tests.unit.http.problems.project import urlpatterns

__all__ = ["urlpatterns"]


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("<h1>our own page</h1>", status=404)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse('{"our": "own"}', status=400, content_type="application/json")


def handler500(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the error handler is broken")
