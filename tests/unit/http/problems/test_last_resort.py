"""Where Django itself gives up, the entrance still answers with a problem."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import warnings
from collections.abc import Callable

import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.wsgi import WsgiEntrance
from tests.unit.http.problems.project import SECRET

Answer = tuple[int, dict[str, str], bytes]


def ask_asgi(application, path: str) -> Answer:
    sent: list[dict] = []
    given = []

    async def receive():
        if given:
            await asyncio.Event().wait()  # the client stays
        given.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"testserver")], "client": ("8.8.8.8", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    entrance = AsgiEntrance(application, process=Lifecycle())
    with pytest.raises(RuntimeError):  # the server writes it down
        asyncio.run(entrance(scope, receive, send))
    with warnings.catch_warnings():  # Django leaves the file of the body open when it raises
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    start, *bodies = sent
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(each["body"] for each in bodies)


def ask_wsgi(application, path: str) -> Answer:
    started: list = []

    def start_response(status, headers, exc_info=None):
        started.append((int(status[:3]), {name.lower(): value for name, value in headers}))

    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "x", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "testserver", "REMOTE_ADDR": "8.8.8.8",
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(),
    }  # fmt: skip
    body = b"".join(WsgiEntrance(application, process=Lifecycle())(environ, start_response))
    return *started[0], body


@pytest.fixture(params=["asgi", "wsgi"])
def ask(request) -> Callable[[str], Answer]:
    if request.param == "asgi":
        return lambda path: ask_asgi(get_asgi_application(), path)
    return lambda path: ask_wsgi(get_wsgi_application(), path)


class BrokenFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise RuntimeError(SECRET)


@pytest.fixture
def broken_log():
    broken = BrokenFilter()
    loggers = [logging.getLogger(name) for name in ("django.request", "mainstay.http")]
    for logger in loggers:
        logger.addFilter(broken)
    yield
    for logger in loggers:
        logger.removeFilter(broken)


@pytest.mark.parametrize("kind", ["missing", "problem"])
def test_a_log_that_fails_outside_of_all_middleware(ask, broken_log, kind):
    """Django logs a 4xx after the last middleware; what its log raises there nobody below the entrance sees."""
    status, headers, body = ask(f"/fail/{kind}/")
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert json.loads(body)["request_id"] == headers["x-request-id"]
    assert SECRET not in body.decode()
