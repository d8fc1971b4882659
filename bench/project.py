"""One small Django project, set up once, for every bench that needs a request; and a server that is none."""

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

from bench.frame import Work

DEFAULT_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
"""What ``startproject`` writes."""
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


def set_up() -> None:
    """The project, with access lines that are written, to nowhere; harmless when called again."""
    if settings.configured:
        return
    import django

    apps = ("contenttypes", "auth", "sessions", "messages")
    settings.configure(
        SECRET_KEY="only-for-the-bench",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=DEFAULT_MIDDLEWARE,
        INSTALLED_APPS=[f"django.contrib.{app}" for app in apps],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    os.environ.setdefault("MAINSTAY_TRUSTED_PROXIES", PEER)
    django.setup(set_prefix=False)  # as Django's own applications do
    from mainstay.observability.formats import JsonFormatter
    from mainstay.observability.output import OutputHandler

    nowhere = OutputHandler(io.TextIOWrapper(open(os.devnull, "wb")))  # noqa: PTH123, SIM115 - kept open

    nowhere.setFormatter(JsonFormatter())
    logger = logging.getLogger("mainstay")
    logger.addHandler(nowhere)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def with_middleware(names: list[str], make: Callable[[], Any]) -> Any:
    """What ``make`` returns while ``MIDDLEWARE`` is this."""
    before = settings.MIDDLEWARE
    settings.MIDDLEWARE = names
    try:
        return make()
    finally:
        settings.MIDDLEWARE = before


def wsgi_work(application: Callable[..., Iterable[bytes]], path: str = "/", query: str = "") -> Work:
    """Requests to a WSGI application, one after the other, as a server makes them."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
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


def asgi_work(application: Callable[..., Any], path: str = "/async/", query: str = "") -> Work:
    """Requests to an ASGI application, one after the other, each with a client that stays."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
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
