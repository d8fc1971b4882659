"""
What the outermost layer costs a request, beside Django's own application alone.

A project as `startproject` makes it, without a database: five of its middleware and a view that
answers at once, so the layer's share is as large as it ever gets. Ours adds the outermost layer
and its middleware; its access lines are written, to nowhere.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from bench.frame import Comparison, Work

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.gzip.GZipMiddleware",
]
HEADERS = {
    "host": "shop.example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml",
    "accept-language": "en",
    "cookie": "sessionid=0123456789abcdef0123456789abcdef",
    "x-request-id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example.com",
}
PEER = "127.0.0.1"


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok")


async def answer_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok")


urlpatterns = [path("", answer), path("async/", answer_async)]


def comparisons() -> list[Comparison]:
    _set_django_up()
    names = ("Django alone", "in the outermost layer")
    wsgi, wrapped_wsgi = _applications("wsgi")
    asgi, wrapped_asgi = _applications("asgi")
    return [
        Comparison("WSGI, a view", "request", names[0], _wsgi(wsgi), names[1], _wsgi(wrapped_wsgi)),
        Comparison("ASGI, an async view", "request", names[0], _asgi(asgi), names[1], _asgi(wrapped_asgi)),
    ]


def _set_django_up() -> None:
    import django

    settings.configure(
        SECRET_KEY="only-for-the-bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=MIDDLEWARE
    )
    os.environ.setdefault("MAINSTAY_TRUSTED_PROXIES", PEER)
    django.setup()
    nowhere = logging.StreamHandler(io.TextIOWrapper(open(os.devnull, "wb")))  # noqa: PTH123, SIM115 - kept open
    from mainstay.observability.formats import JsonFormatter

    nowhere.setFormatter(JsonFormatter())
    logger = logging.getLogger("mainstay")
    logger.addHandler(nowhere)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _applications(interface: str) -> tuple[Any, Any]:
    """Django's application with its own middleware, and ours around one that has ours as well."""
    if interface == "wsgi":
        from django.core.wsgi import get_wsgi_application as bare

        from mainstay.wsgi import get_wsgi_application as ours
    else:
        from django.core.asgi import get_asgi_application as bare  # type: ignore[assignment]

        from mainstay.asgi import get_asgi_application as ours  # type: ignore[assignment]
    alone = bare()
    settings.MIDDLEWARE = ["mainstay.http.middleware.EntranceMiddleware", *MIDDLEWARE]
    try:
        return alone, ours()
    finally:
        settings.MIDDLEWARE = MIDDLEWARE


def _wsgi(application: Callable[..., Iterable[bytes]]) -> Work:
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": PEER,
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": PEER,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        **headers,
    }
    statuses: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        statuses[:] = [status]

    def work(count: int) -> None:
        for _ in range(count):
            body = application(dict(environ), start_response)
            b"".join(body)
            if hasattr(body, "close"):
                body.close()
        _require("200 OK", statuses[0])

    return work


def _asgi(application: Callable[..., Any]) -> Work:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/async/",
        "raw_path": b"/async/",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "client": (PEER, 40000),
        "server": (PEER, 8000),
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()],
    }
    statuses: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses[:] = [message["status"]]

    async def once() -> None:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.Event().wait()
            raise AssertionError("nobody sets this event")

        await application(dict(scope), receive, send)

    async def all_of(count: int) -> None:
        for _ in range(count):
            await once()

    def work(count: int) -> None:
        asyncio.run(all_of(count))
        _require(200, statuses[0])

    return work


def _require(expected: object, found: object) -> None:
    """A fast wrong answer is no result."""
    if found != expected:
        raise RuntimeError(f"expected {expected}, found {found}")
