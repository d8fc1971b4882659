"""A project whose views do one thing each, and middleware that leave traces."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.csrf import get_token, rotate_token
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie

ERRORS: dict[str, Exception] = {
    "404": Http404("not here"),
    "403": PermissionDenied("not you"),
    "400": BadRequest("not so"),
    "suspicious": SuspiciousOperation("not at all"),
    "500": ValueError("on purpose"),
}


def do(request: HttpRequest, what: str) -> Any:
    """The work of a view by name; both the sync and the async view do it."""
    if what.startswith("raise-"):
        raise ERRORS[what.removeprefix("raise-")]
    match what:
        case "set":
            request.session["number"] = 7
        case "read":
            return HttpResponse(str(request.session.get("number")))
        case "flush":
            request.session.flush()
        case "token":
            return HttpResponse(get_token(request)[:0] + "token")
        case "rotate":
            rotate_token(request)
        case "message":
            messages.info(request, "hello")
        case "messages":
            return HttpResponse(",".join(str(message) for message in messages.get_messages(request)))
        case "post":
            return HttpResponse(request.POST.get("field", "-"))
        case "own-headers":
            headers = {"X-Frame-Options": "SAMEORIGIN", "Content-Length": "3", "Vary": "Cookie"}
            return HttpResponse("abc", headers=headers)
        case "500":
            request.session["number"] = 8
            return HttpResponse("broken", status=500)
        case "404":
            return HttpResponse("nothing", status=404)
        case "stream":
            return StreamingHttpResponse([b"a" * 300, b"b" * 300])
        case "long":
            return HttpResponse("long " * 400)
        case "none":
            return None
        case "template":
            return TemplateResponse(request, engines["django"].from_string("{{ word }}"), {"word": "word"})
        case "bad-template":
            return TemplateResponse(
                request, engines["django"].from_string("{{ word.fail }}"), {"word": Failing()}
            )
    return HttpResponse("plain")


class Failing:
    @property
    def fail(self) -> str:
        raise LookupError("while rendering")


def view(request: HttpRequest, what: str) -> Any:
    return do(request, what)


async def async_view(request: HttpRequest, what: str) -> Any:
    match what:
        case "set":
            await request.session.aset("number", 7)
            return HttpResponse("plain")
        case "read":
            return HttpResponse(str(await request.session.aget("number")))
        case "flush":
            await request.session.aflush()
            return HttpResponse("plain")
        case "message" | "messages" | "rotate" | "token" | "500" | "post":
            from asgiref.sync import sync_to_async

            return await sync_to_async(do)(request, what)
    return do(request, what)


class Traced:
    """Writes down when it is entered, left and asked; each of its switches makes it interfere."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        note(request, "in")
        switch = request.headers.get("X-Switch", "")
        if switch == "answer":
            return HttpResponse("early")
        if switch == "raise-in":
            raise PermissionDenied
        response: HttpResponse = self.get_response(request)
        note(request, f"out {response.status_code}")
        if switch == "raise-out":
            raise ValueError("on the way out")
        response["X-Trace"] = ",".join(request.META["trace"])
        return response

    def process_view(self, request: HttpRequest, callback: Any, args: Any, kwargs: Any) -> Any:
        note(request, "view")
        return HttpResponse("from view") if request.headers.get("X-Switch") == "view" else None

    def process_exception(self, request: HttpRequest, error: Exception) -> Any:
        note(request, f"exception {type(error).__name__}")
        return HttpResponse("mended") if request.headers.get("X-Switch") == "mend" else None

    def process_template_response(self, request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
        note(request, "template")
        response.context_data["word"] = request.headers.get("X-Word", response.context_data["word"])
        return response


def note(request: HttpRequest, what: str) -> None:
    request.META.setdefault("trace", []).append(what)


urlpatterns = [
    path("sync/<slug:what>/", view),
    path("async/<slug:what>/", async_view),
    path("exempt/<slug:what>/", csrf_exempt(view)),
    path("cookie/<slug:what>/", ensure_csrf_cookie(view)),
    path("framed/<slug:what>/", xframe_options_exempt(view)),
]


class TracedAsync(Traced):
    """The same, async only."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponse:  # type: ignore[override]
        note(request, "async in")
        if request.headers.get("X-Switch") == "raise-in":
            raise PermissionDenied
        response: HttpResponse = await self.get_response(request)
        note(request, f"async out {response.status_code}")
        response["X-Trace-Async"] = ",".join(request.META["trace"])
        return response

    async def process_view(self, request: HttpRequest, callback: Any, args: Any, kwargs: Any) -> Any:
        return super().process_view(request, callback, args, kwargs)

    async def process_template_response(  # type: ignore[override]
        self, request: HttpRequest, response: TemplateResponse
    ) -> TemplateResponse:
        return super().process_template_response(request, response)


def TracedBoth(get_response: Any) -> Any:
    """The same idea, as a function that adapts itself."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponse:
            note(request, "both in")
            response: HttpResponse = await get_response(request)
            response["X-Both"] = str(response.status_code)
            return response

    else:

        def middleware(request: HttpRequest) -> HttpResponse:  # type: ignore[misc]
            note(request, "both in")
            response: HttpResponse = get_response(request)
            response["X-Both"] = str(response.status_code)
            return response

    return middleware


TracedBoth.sync_capable = TracedBoth.async_capable = True  # type: ignore[attr-defined]
