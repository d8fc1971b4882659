"""
``python -m bench.peers PYTHON [--rounds N]``: observability beside the set that is usually put together by hand.

The set is django-prometheus, django-structlog, sentry-sdk and OpenTelemetry (both sampling one
request in ten, their exporters dropping everything). It patches Django itself, so each side runs in
a process of its own; PYTHON is the interpreter of an environment with ``bench/peers.txt`` in it::

    python -m venv .venv-peers && .venv-peers/bin/pip install -r bench/peers.txt
    python -m bench.peers .venv-peers/bin/python

Four processes take turns within each round. What a side *adds* is its cost less that of the same
without it: the set around Django with the middleware of ``startproject``, ours (request id, trace,
metrics, log line, nothing sampled) around an application that answers at once, because beside
Django's own asynchronous path it would be lost in the noise. Ours is told the resolved route, as
Mainstay's middleware and its handler do.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SIDES = ("django", "set", "nothing", "ours")
ROUNDS = 9
SECONDS = 0.25
"""Seconds of processor time that one side works per round."""

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
HEADERS = {
    "host": "shop.example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
}

urlpatterns: list[Any] = []

Once = Callable[[], None]


class Worker:
    """One side in its process: told how many requests to make, it answers with seconds per request."""

    def __init__(self, python: str, side: str, interface: str) -> None:
        path = f"{ROOT}{os.pathsep}{ROOT / 'src'}"
        self._process = subprocess.Popen(
            [python, "-m", "bench.peers", "--worker", side, interface],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._count = 1
        while (spent := self._run() * self._count) < SECONDS / 4:
            self._count *= 2
        self._count = max(1, round(self._count * SECONDS / spent))

    def measure(self) -> float:
        """Microseconds of processor time per request."""
        return self._run() * 1e6

    def _run(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{self._count}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def compare(python: str, interface: str, rounds: int) -> str:
    """One line: what each side adds, and the ratio."""
    workers = {side: Worker(python, side, interface) for side in SIDES}
    try:
        measured = [_round(workers, number) for number in range(rounds)]
    finally:
        for worker in workers.values():
            worker.end()
    added = [(each["set"] - each["django"], each["ours"] - each["nothing"]) for each in measured]
    ratios = sorted(ours / theirs for theirs, ours in added)
    theirs, ours = (statistics.median(pair[side] for pair in added) for side in (0, 1))
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    base = statistics.median(each["django"] for each in measured)
    ratio = statistics.median(ratios)
    return (
        f"{interface}: Django {base:.0f} µs; the set adds {theirs:.0f} µs, ours {ours:.1f} µs; "
        f"ratio 1/{1 / ratio:.0f} (middle half 1/{1 / high:.0f}–1/{1 / low:.0f}, {rounds} rounds)"
    )


def _round(workers: dict[str, Worker], number: int) -> dict[str, float]:
    order = SIDES if number % 2 else SIDES[::-1]
    return {side: workers[side].measure() for side in order}


def work(side: str, interface: str) -> None:
    """The other end of `Worker`."""
    os.environ["DJANGO_SETTINGS_MODULE"] = ""
    once = _prepare(side, interface)
    for _ in range(50):
        once()
    for line in sys.stdin:
        count = int(line)
        begin = time.process_time()
        for _ in range(count):
            once()
        print((time.process_time() - begin) / count, flush=True)


def _prepare(side: str, interface: str) -> Once:
    application = _django(side, interface) if side in ("django", "set") else _bare(side, interface)
    return _wsgi(application) if interface == "wsgi" else _asgi(application)


def _django(side: str, interface: str) -> Any:
    from django.conf import settings

    before, after = (
        ["django_prometheus.middleware.PrometheusBeforeMiddleware"],
        [
            "django_structlog.middlewares.RequestMiddleware",
            "django_prometheus.middleware.PrometheusAfterMiddleware",
        ],
    )
    chosen = [*before, *MIDDLEWARE, *after] if side == "set" else MIDDLEWARE
    apps = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"]
    apps += ["django_prometheus", "django_structlog"] if side == "set" else []
    _configure(settings, chosen, apps)
    if side == "set":
        _instrument()
    import django

    django.setup()
    _route()
    if interface == "wsgi":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    from django.core.asgi import get_asgi_application

    return get_asgi_application()


def _configure(settings: Any, middleware: list[str], apps: list[str]) -> None:
    settings.configure(
        SECRET_KEY="only-for-the-bench",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="bench.peers",
        MIDDLEWARE=middleware,
        INSTALLED_APPS=apps,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        MESSAGE_STORAGE="django.contrib.messages.storage.cookie.CookieStorage",
        LOGGING_CONFIG=None,
    )


def _instrument() -> None:
    """As each project's own documentation says, with exporters that drop what they are given."""
    import sentry_sdk
    import structlog
    from opentelemetry import trace
    from opentelemetry.instrumentation.django import DjangoInstrumentor  # type: ignore[import-not-found]
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    from sentry_sdk.transport import Transport

    class Dropping(SpanExporter):
        def export(self, spans: Any) -> Any:
            return SpanExportResult.SUCCESS

    class Nowhere(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            """Dropped."""

    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.1)))
    provider.add_span_processor(BatchSpanProcessor(Dropping()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()
    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=0.1, transport=Nowhere)
    handler = logging.StreamHandler(_nowhere())
    renderer = structlog.processors.JSONRenderer()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _bare(side: str, interface: str) -> Any:
    application = _answer_wsgi if interface == "wsgi" else _answer_asgi
    if side == "nothing":
        return application
    from django.conf import settings

    _configure(settings, [], [])
    import django

    django.setup()
    _route()
    from mainstay.observability.formats import JsonFormatter
    from mainstay.observability.output import OutputHandler

    handler = OutputHandler(_nowhere())
    handler.setFormatter(JsonFormatter())
    logging.getLogger("mainstay").addHandler(handler)
    logging.getLogger("mainstay").setLevel(logging.INFO)
    return _observed_wsgi(application) if interface == "wsgi" else _observed_asgi(application)


def _observed_wsgi(application: Any) -> Any:
    """What the entrance does of observability, and nothing else of it."""
    from django.urls import resolve

    from mainstay.base.context import REQUEST_ID, TALLY
    from mainstay.http import routes
    from mainstay.http.entrance import access, identity
    from mainstay.http.exchange import Exchange

    match = resolve("/")

    def observed(environ: dict[str, Any], start_response: Any) -> Any:
        exchange = Exchange(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            identity.new(),
            environ["REMOTE_ADDR"],
            environ["HTTP_USER_AGENT"],
        )
        access.begin(exchange, environ.get("HTTP_TRACEPARENT", ""), environ.get("HTTP_TRACESTATE", ""))
        REQUEST_ID.set(exchange.request_id)
        TALLY.set(exchange)
        try:
            body = application(environ, start_response)
            routes.note(exchange, match)
            exchange.status = 200
            return body
        finally:
            access.finish(exchange)

    return observed


def _observed_asgi(application: Any) -> Any:
    from django.urls import resolve

    from mainstay.base.context import REQUEST_ID, TALLY
    from mainstay.http import routes
    from mainstay.http.entrance import access, identity
    from mainstay.http.exchange import Exchange

    match = resolve("/async/")

    async def observed(scope: dict[str, Any], receive: Any, send: Any) -> None:
        read = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        exchange = Exchange(
            scope["method"], scope["path"], identity.new(), scope["client"][0], read.get(b"user-agent", "")
        )
        access.begin(exchange, read.get(b"traceparent", ""), read.get(b"tracestate", ""))
        REQUEST_ID.set(exchange.request_id)
        TALLY.set(exchange)
        try:
            await application(scope, receive, send)
            routes.note(exchange, match)
            exchange.status = 200
        finally:
            access.finish(exchange)

    return observed


_READ = frozenset({b"user-agent", b"traceparent", b"tracestate"})


def _answer_wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


async def _answer_asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def _route() -> None:
    """The URLs of the Django that is measured; not at import, which the parent does without Django."""
    from django.http import HttpResponse
    from django.urls import path

    async def answer_async(request: Any) -> HttpResponse:
        return HttpResponse(b"ok")

    import bench.peers

    bench.peers.urlpatterns = [path("", lambda request: HttpResponse(b"ok")), path("async/", answer_async)]


def _wsgi(application: Any) -> Once:
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        **headers,
    }

    def start_response(status: str, headers: Any, exc_info: object = None) -> None:
        if not status.startswith("200"):
            raise RuntimeError(status)

    def once() -> None:
        body = application(dict(environ), start_response)
        b"".join(body)
        if hasattr(body, "close"):
            body.close()

    return once


def _asgi(application: Any) -> Once:
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
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()],
    }
    loop = asyncio.new_event_loop()

    async def send(message: dict[str, Any]) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(message)

    async def request() -> None:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.Event().wait()
            raise AssertionError("nobody sets this event")

        await application(dict(scope), receive, send)

    return lambda: loop.run_until_complete(request())


def _nowhere() -> Any:
    return io.TextIOWrapper(open(os.devnull, "wb"))  # noqa: PTH123 - kept open


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers")
    parser.add_argument("python", metavar="PYTHON", help="of an environment with bench/peers.txt in it")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    for interface in ("wsgi", "asgi"):
        print(compare(arguments.python, interface, arguments.rounds), flush=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:4])
    else:
        sys.exit(main())
