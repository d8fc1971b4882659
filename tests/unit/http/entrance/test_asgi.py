"""What the outermost layer sees at once of the headers of a request and of its answer, and sockets it refuses."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from mainstay.base.context import REQUEST_ID
from mainstay.base.tracecontext import TRACE
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.proxies import TrustedProxies
from mainstay.observability.settings import ACCESS_LOGGER

Headers = list[tuple[bytes, bytes]]
HOST = (b"host", b"shop.example.com")
PLAIN = [(b"Content-Type", b"text/plain"), (b"connection", b"keep-alive")]


class Call:
    """One request through the entrance: what the application saw, and what was sent."""

    def __init__(self, answer: Headers | None = None, trusted: Sequence[str] | None = None) -> None:
        self.process = Lifecycle()
        networks = TrustedProxies(tuple(_networks(trusted))) if trusted is not None else None
        self.entrance = AsgiEntrance(self._application, networks, process=self.process)
        self.answer = PLAIN if answer is None else answer
        self.scope: dict[str, Any] = {}
        self.sent: list[dict[str, Any]] = []

    async def __call__(self, headers: Headers, kind: str = "http", **scope: Any) -> None:
        asked = {"type": kind, "path": "/", "headers": headers, "client": ("192.0.2.1", 4000), **scope}
        if kind == "http":
            asked.update(method="GET", http_version="1.1")
        await self.entrance(asked, self._receive, self._send)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> Headers:
        return list(self.sent[0]["headers"])

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        await send({"type": "http.response.start", "status": 200, "headers": self.answer})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


def _networks(names: Sequence[str]) -> Any:
    from ipaddress import ip_network

    return map(ip_network, names)


@pytest.mark.parametrize("name", [b"host", b"content-length", b"transfer-encoding"])
async def test_what_frames_a_request_comes_once(name: bytes) -> None:
    call = Call()
    await call([HOST, (name, b"1"), (name, b"1")])
    assert call.status == 400
    assert call.scope == {}


async def test_other_headers_may_come_twice() -> None:
    call = Call(trusted=["192.0.2.1"])
    asked = [HOST, (b"accept", b"a"), (b"accept", b"b"), (b"x-forwarded-for", b"203.0.113.7")]
    await call([*asked, (b"x-forwarded-for", b"192.0.2.1")])
    assert call.status == 200
    assert call.scope["client"] == ("203.0.113.7", 0)
    assert call.scope["headers"] == [*asked, (b"x-forwarded-for", b"192.0.2.1")]


@pytest.mark.parametrize("host", [b"shop.example.com", b"www.example.com"])
async def test_the_host_is_the_one_that_the_edge_was_asked_for(host: bytes) -> None:
    call = Call(trusted=["192.0.2.1"])
    await call([HOST, (b"x-forwarded-host", host), (b"x-forwarded-proto", b"https")], scheme="http")
    assert [value for name, value in call.scope["headers"] if name == b"host"] == [host]
    assert call.scope["scheme"] == "https"


async def test_a_stranger_forwards_nothing() -> None:
    call = Call(trusted=[])
    await call([HOST, (b"x-forwarded-for", b"203.0.113.7"), (b"forwarded", b"for=1")])
    assert call.scope["headers"] == [HOST]
    assert call.scope["client"] == ("192.0.2.1", 4000)


@pytest.mark.parametrize("name", [b"x-request-id", b"X-Request-ID"])
async def test_each_answer_has_the_id_of_its_request_once(name: bytes) -> None:
    call = Call([(name, b"forged"), *PLAIN])
    await call([HOST])
    ids = [value for given, value in call.headers if given.lower() == b"x-request-id"]
    assert ids == [call.scope["mainstay.exchange"].request_id.encode()]
    assert PLAIN[1] in call.headers


async def test_a_draining_process_ends_the_connection() -> None:
    call = Call()
    call.process.drain()
    await call([HOST])
    assert [value for name, value in call.headers if name == b"connection"] == [b"close"]


async def test_an_event_stream_is_known_whatever_its_case() -> None:
    call = Call([(b"Content-Type", b"text/event-stream; charset=utf-8")])
    replies: Any = call.entrance._replies
    seen: list[int] = []
    inner = call._send

    async def send(message: Any) -> None:
        seen.append(len(replies.streams))
        await inner(message)

    call._send = send  # type: ignore[method-assign]
    await call([HOST])
    assert seen[0] == 1
    assert not replies.streams


@pytest.mark.parametrize(("extensions", "status"), [({}, 403), ({"websocket.http.response": {}}, 503)])
async def test_a_socket_that_a_draining_process_refuses_has_its_line(
    caplog: pytest.LogCaptureFixture, extensions: dict[str, Any], status: int
) -> None:
    caplog.set_level(logging.INFO, ACCESS_LOGGER)
    call = Call()
    call.process.drain()
    await call([HOST], "websocket", extensions=extensions)
    lines = {record.__dict__["status"] for record in caplog.records if record.name == ACCESS_LOGGER}
    assert lines == {status}
    assert TRACE.get() is None
    assert REQUEST_ID.get() == ""
    assert call.scope == {}


@pytest.mark.parametrize("answer", ["websocket.accept", "websocket.close", "nothing", "an error"])
async def test_a_socket_leaves_nothing_behind_however_it_ends(
    caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    """Whoever is served next in the same context must not be in its trace, nor have its id."""
    caplog.set_level(logging.INFO, ACCESS_LOGGER)
    seen: list[tuple[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append((REQUEST_ID.get(), TRACE.get()))
        if answer == "an error":
            raise ValueError
        if answer != "nothing":
            await send({"type": answer})

    call = Call()
    call.entrance._application = application
    with contextlib.suppress(ValueError):
        await call([HOST], "websocket")
    ((identity, trace),) = seen
    assert identity
    assert trace is not None
    assert (REQUEST_ID.get(), TRACE.get()) == ("", None)
    told = {"websocket.accept": 101, "websocket.close": 403, "nothing": 499, "an error": 500}
    lines = [record.__dict__["status"] for record in caplog.records if record.name == ACCESS_LOGGER]
    assert lines == [told[answer]]
