"""Where the parts of the entrance meet: what one leaves behind must not meet the next request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from mainstay.base.context import REQUEST, REQUEST_ID
from mainstay.base.criticality import CRITICALITY, Criticality
from mainstay.health.dependencies import Dependency, Watch
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.middleware import EntranceMiddleware
from mainstay.http.server.corked import HELD_MAX, CorkedTransport
from mainstay.observability.settings import ACCESS_LOGGER


def environ(**more: str) -> dict[str, Any]:
    return {**RequestFactory().get("/", headers={"host": "shop"}).environ, **more}


def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


class Transport:
    def __init__(self) -> None:
        self.taken: list[int] = []

    def write(self, data: bytes) -> None:
        self.taken.append(len(data))


async def test_a_long_stream_reaches_the_transport_while_it_is_written() -> None:
    """uvicorn pauses an application only for what its transport holds; what is held here it does not see."""
    transport = Transport()
    corked = CorkedTransport(transport)
    for _ in range(100):
        corked.write(bytes(HELD_MAX // 4))
    assert sum(transport.taken) >= 95 * HELD_MAX // 4, "without one turn of the loop"
    await asyncio.sleep(0)
    assert sum(transport.taken) == 100 * (HELD_MAX // 4)


async def test_a_short_answer_still_leaves_in_one_piece() -> None:
    transport = Transport()
    corked = CorkedTransport(transport)
    corked.write(b"head")
    corked.write(b"body")
    await asyncio.sleep(0)
    assert transport.taken == [8]


def test_how_important_one_request_was_says_nothing_of_the_next() -> None:
    seen: list[Criticality] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(CRITICALITY.get())
        CRITICALITY.set(Criticality.SHEDDABLE)
        return answer(environ, start_response)

    entrance = WsgiEntrance(application, process=Lifecycle())
    for _ in range(2):
        entrance(environ(), lambda *_: None)
    assert seen == [Criticality.CRITICAL] * 2


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_what_is_refused_before_django_is_asked_is_a_page_for_browsers(accept: str) -> None:
    async def application(*_: Any) -> None:
        raise RuntimeError

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "client": ("127.0.0.1", 1)}
    headers = [(b"host", b"shop"), (b"accept", accept.encode())]
    with contextlib.suppress(RuntimeError):
        await AsgiEntrance(application, process=Lifecycle())({**scope, "headers": headers}, receive, send)
    kind = dict(sent[0]["headers"])[b"content-type"].decode()
    assert kind.startswith("text/html" if accept == "text/html" else "application/problem+json")

    def broken(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError

    given: list[tuple[str, str]] = []
    start = lambda status, headers, *_: given.extend(headers)  # noqa: E731
    WsgiEntrance(broken, process=Lifecycle())(environ(HTTP_ACCEPT=accept), start)
    assert dict(given)["content-type"] == kind


def test_without_the_entrance_the_middleware_forgets_the_request() -> None:
    seen: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(REQUEST.get())
        return HttpResponse()

    request = RequestFactory().get("/")
    EntranceMiddleware(view)(request)
    assert seen == [request]
    assert REQUEST.get() is None


@pytest.fixture
def raising() -> Iterator[None]:
    def refuse(record: logging.LogRecord) -> bool:
        raise ValueError("a filter with a mistake")

    logger = logging.getLogger(ACCESS_LOGGER)
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addFilter(refuse)
    yield
    logger.removeFilter(refuse)
    logger.setLevel(before)


def test_a_filter_of_the_log_that_raises_costs_no_answer(raising: None) -> None:
    assert WsgiEntrance(answer, process=Lifecycle())(environ(), lambda *_: None) == [b"ok"]
    assert REQUEST_ID.get() == ""


def test_no_secret_of_an_error_stands_in_a_probe() -> None:
    def broken() -> None:
        raise ConnectionError("Error connecting to redis://:s3cretpassw0rd@10.1.2.3:6379/0")

    watch = Watch()
    watch.add(Dependency("cache", broken))
    while (seen := watch.observe()["cache"]).ok is None:
        pass
    assert "s3cretpassw0rd" not in json.dumps(seen.as_json())


async def test_a_scrape_leaves_the_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes long, and what it asks may wait: for a database, say."""
    seen: list[int] = []

    def render() -> tuple[bytes, str]:
        seen.append(threading.get_ident())
        return b"figures", "text/plain"

    async def send(message: Any) -> None:
        pass

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    monkeypatch.setattr("mainstay.http.metrics.render", render)
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/metrics", "headers": []}
    await AsgiEntrance(lambda *_: None, process=Lifecycle())(scope, receive, send)  # type: ignore[arg-type, return-value]
    assert len(seen) == 1
    assert seen != [threading.get_ident()]
