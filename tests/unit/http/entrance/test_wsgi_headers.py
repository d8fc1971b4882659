"""What the outermost layer does to the headers of an answer under WSGI."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.wsgi import WsgiEntrance

PLAIN = [("Content-Type", "text/plain"), ("Connection", "keep-alive")]


def ask(process: Lifecycle, answer: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """The headers that the server is given, and the id of the request."""
    given: list[tuple[str, str]] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", answer)
        return [b"ok"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "shop", "wsgi.input": BytesIO()}
    WsgiEntrance(application, process=process)(environ, lambda status, headers: given.extend(headers))
    exchange: Any = environ["mainstay.exchange"]
    return given, exchange.request_id


@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id"])
def test_each_answer_has_the_id_of_its_request_once(name: str) -> None:
    answer = [(name, "forged"), *PLAIN]
    given, identifier = ask(Lifecycle(), answer)
    assert given == [*PLAIN, ("X-Request-ID", identifier)]
    assert answer == [(name, "forged"), *PLAIN]


def test_a_draining_process_ends_the_connection() -> None:
    process = Lifecycle()
    process.drain()
    given, identifier = ask(process, PLAIN)
    assert given == [PLAIN[0], ("X-Request-ID", identifier), ("Connection", "close")]
