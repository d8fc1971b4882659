"""What the outermost layer does with a WSGI body that is sent as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.wsgi import WsgiEntrance
from tests.unit.http.calling import call_wsgi


class Body:
    """Three pieces; the process begins to drain while the first is on its way."""

    def __init__(self, process: Lifecycle) -> None:
        self.process = process
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        self.process.drain()
        yield b"two"
        yield b"three"

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("content_type", "content"),
    [("text/event-stream; charset=utf-8", b"onetwo"), ("application/octet-stream", b"onetwothree")],
)
def test_a_process_that_drains_ends_event_streams_and_no_others(content_type: str, content: bytes) -> None:
    """What was yielded is sent; the body is closed once, though the server closes it as well."""
    process = Lifecycle()
    body = Body(process)

    def application(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [("Content-Type", content_type)])
        return body

    answer = call_wsgi(WsgiEntrance(application, process=process), "/events/")
    assert (answer.body, body.closed, process.in_flight) == (content, 1, 0)


def test_an_application_may_say_late_that_its_answer_is_an_event_stream() -> None:
    """PEP 3333 lets it call ``start_response`` as late as with its first piece."""
    process = Lifecycle()

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("content-type", "text/event-stream")])
        yield from Body(process)

    assert call_wsgi(WsgiEntrance(application, process=process), "/events/").body == b"onetwo"
