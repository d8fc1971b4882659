"""The same requests through Django's handler and through ours, and everything that can be seen of each."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.core.cache import cache
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception, request_finished, request_started
from django.utils import translation

from mainstay.http.handler import FastASGIHandler, FastWSGIHandler


@dataclass(frozen=True)
class Ask:
    """One request; cookies come from the jar of the conversation."""

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = "application/x-www-form-urlencoded"


@dataclass
class Seen:
    """What one side showed."""

    answers: list[Any] = field(default_factory=list)
    logged: list[Any] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)


def converse(kind: str, fast: bool, asks: Sequence[Ask], *, heard: bool = True) -> Seen:
    """
    Ask one after the other, as a browser does that keeps its cookies.

    Unless ``heard``, nobody but Django listens to the signals of a request, which is the short way.
    """
    seen = Seen()
    cache.clear()
    with _observed(seen, heard), _drawn_from(7), _bodies_closed():
        if kind == "wsgi":
            application: Any = FastWSGIHandler() if fast else WSGIHandler()
        else:
            application = FastASGIHandler() if fast else ASGIHandler()
        jar: dict[str, str] = {}
        for ask in asks:
            translation.deactivate()
            try:
                status, headers, body = (_wsgi if kind == "wsgi" else _asgi)(application, ask, jar)
            except Exception as error:
                seen.answers.append((type(error).__name__, str(error)))
                continue
            _keep(jar, headers)
            seen.answers.append((status, _plain(headers), _opened(headers, body)))
    return seen


def _wsgi(application: Any, ask: Ask, jar: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": ask.method,
        "PATH_INFO": ask.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(ask.body),
        "CONTENT_LENGTH": str(len(ask.body)),
        "CONTENT_TYPE": ask.content_type,
    }
    for name, value in _all_headers(ask, jar):
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    started: list[Any] = []
    response = application(environ, lambda status, headers: started.extend((status, headers)))
    body = b"".join(response)
    response.close()
    return int(started[0][:3]), started[1], body


def _asgi(application: Any, ask: Ask, jar: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
    sent: list[dict[str, Any]] = []
    headers = [*_all_headers(ask, jar), ("content-type", ask.content_type)]
    headers.append(("content-length", str(len(ask.body))))
    scope = {
        "type": "http",
        "method": ask.method,
        "path": ask.path,
        "query_string": b"",
        "scheme": "http",
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 5),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }

    async def run() -> None:
        messages = iter([{"type": "http.request", "body": ask.body, "more_body": False}])

        async def receive() -> Any:
            for message in messages:
                return message
            await asyncio.Event().wait()
            raise AssertionError("nobody sets this event")

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await application(scope, receive, send)

    asyncio.run(run())
    answered = [(name.decode(), value.decode("latin1")) for name, value in sent[0]["headers"]]
    return sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:])


def _all_headers(ask: Ask, jar: dict[str, str]) -> list[tuple[str, str]]:
    headers = [("Host", "testserver"), *ask.headers]
    if "csrftoken" in jar and ("X-Csrftoken", "from-jar") in ask.headers:
        headers.remove(("X-Csrftoken", "from-jar"))
        headers.append(("X-Csrftoken", jar["csrftoken"]))
    if jar:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in jar.items())))
    return headers


def _keep(jar: dict[str, str], headers: Sequence[tuple[str, str]]) -> None:
    for name, value in headers:
        if name == "Set-Cookie":
            key, _, content = value.strip().partition(";")[0].partition("=")
            if content in ("", '""'):
                jar.pop(key, None)
            else:
                jar[key] = content


def _plain(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what the clock and the random padding of a compressed body decide."""
    padded = ("Content-Encoding", "gzip") in headers
    signed = [(name, re.sub(r":[A-Za-z0-9]{6}:[\w-]+", ":time:signature", value)) for name, value in headers]
    plain = [(name, re.sub(r"expires=[^;]+", "expires=T", value.strip())) for name, value in signed]
    return [(name, "N" if padded and name == "Content-Length" else value) for name, value in plain]


def _opened(headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    return gzip.decompress(body) if ("Content-Encoding", "gzip") in headers and body else body


@contextmanager
def _observed(seen: Seen, heard: bool) -> Iterator[None]:
    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
            status = getattr(record, "status_code", None)
            seen.logged.append((record.name, record.levelname, record.getMessage(), status, kind))

    def receiver(name: str) -> Any:
        def receive(**kwargs: Any) -> None:
            seen.signals.append(name)

        return receive

    keeper, logger = Keeper(), logging.getLogger("django")
    pairs = [
        (request_started, receiver("started")),
        (request_finished, receiver("finished")),
        (got_request_exception, receiver("exception")),
    ]
    level = logger.level
    logger.addHandler(keeper)
    logger.setLevel(logging.INFO)
    for signal, receive in pairs if heard else pairs[2:]:
        signal.connect(receive)
    try:
        yield
    finally:
        for signal, receive in pairs:
            signal.disconnect(receive)
        logger.removeHandler(keeper)
        logger.setLevel(level)


@contextmanager
def _bodies_closed() -> Iterator[None]:
    """Close what Django leaves open after an exception, so that no later test is told of it."""
    made: list[Any] = []
    kind = tempfile.SpooledTemporaryFile

    def make(*args: Any, **kwargs: Any) -> Any:
        made.append(kind(*args, **kwargs))
        return made[-1]

    with mock.patch("tempfile.SpooledTemporaryFile", make):
        yield
    for body in made:
        body.close()


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Random strings of Django, the same for both sides as long as both draw equally often."""
    drawn = random.Random(seed)
    fake = SimpleNamespace(choice=drawn.choice, token_urlsafe=lambda size: f"nonce-{drawn.random()}")
    with ExitStack() as stack:
        stack.enter_context(mock.patch("django.utils.crypto.secrets", fake))
        if find_spec("django.utils.csp"):
            stack.enter_context(mock.patch("django.utils.csp.secrets", fake))
        yield
