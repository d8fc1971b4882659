"""What counts as latency of the process: neither the time of who sends a body nor of who reads a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mainstay.base.criticality import Criticality
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.admission import Admission, Fixed
from mainstay.http.entrance import bodies, reply, wsgi
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.options import Options
from tests.unit.http.calling import call_asgi, call_wsgi


class Clock:
    """Moves only when somebody takes time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Noting(Admission):
    """An admission that notes the latencies it is told."""

    def __init__(self) -> None:
        super().__init__(Fixed(4), 4, 4, mode="off")
        self.told: list[float | None] = []

    def leave(self, criticality: Criticality | None, seconds: float | None, view: str) -> None:
        self.told.append(seconds)
        super().leave(criticality, seconds, view)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (reply, wsgi, bodies):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


class Upload:
    """A ``wsgi.input`` whose client needs ten seconds for each piece."""

    def __init__(self, clock: Clock, body: bytes) -> None:
        self._clock, self._body = clock, body

    def read(self, size: int = -1) -> bytes:
        self._clock.now += 10
        piece, self._body = (self._body, b"") if size < 0 else (self._body[:size], self._body[size:])
        return piece

    readline = read


async def test_a_slow_upload_is_no_latency_on_asgi(clock: Clock) -> None:
    admission = Noting()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        clock.now += 0.5
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        async def uploaded() -> Any:
            clock.now += 10
            return await receive()

        await entrance(scope, uploaded, send)

    entrance = AsgiEntrance(application, process=Lifecycle(), options=Options(admission="off"))
    entrance._admission = entrance._replies.admission = admission
    assert (await call_asgi(slow, "/")).status == 200
    assert admission.told == [0.5]


@pytest.mark.parametrize("how", ["read", "read in pieces", "readline", "chunked"])
def test_a_slow_upload_is_no_latency_on_wsgi(clock: Clock, how: str) -> None:
    admission = Noting()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        got = {
            "read": lambda: body.read(),
            "read in pieces": lambda: body.read(2) + body.read(2),
            "readline": lambda: body.readline(),
            "chunked": lambda: body.read(),
        }[how]()
        clock.now += 0.5
        start_response("200 OK", [])
        return [got]

    framing = {"HTTP_TRANSFER_ENCODING": "chunked"} if how == "chunked" else {"CONTENT_LENGTH": "4"}
    entrance = WsgiEntrance(application, admission=admission, process=Lifecycle())
    answer = call_wsgi(entrance, "/", **framing, **{"wsgi.input": Upload(clock, b"body")})
    assert (answer.body, admission.told) == (b"body", [0.5])


def test_the_time_of_a_stream_is_no_latency_on_wsgi(clock: Clock) -> None:
    """It ends when its reader has it all."""
    admission = Noting()

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(3):
            clock.now += 10
            yield b"piece"

    entrance = WsgiEntrance(application, admission=admission, process=Lifecycle())
    assert call_wsgi(entrance, "/").body == b"piece" * 3
    assert admission.told == [None]


async def test_the_time_of_a_stream_is_no_latency_on_asgi(clock: Clock) -> None:
    admission = Noting()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        clock.now += 0.5
        await send({"type": "http.response.start", "status": 200, "headers": []})
        clock.now += 10
        await send({"type": "http.response.body", "body": b"piece"})

    entrance = AsgiEntrance(application, process=Lifecycle(), options=Options(admission="off"))
    entrance._admission = entrance._replies.admission = admission
    assert (await call_asgi(entrance, "/")).body == b"piece"
    assert admission.told == [0.5]
