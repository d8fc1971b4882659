"""A static file is closed when it was sent, and when its client left before."""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.http.entrance.static import CHUNK, AsgiStatic, WsgiStatic


class Files:
    """What whitenoise has collected: one file of three pieces."""

    def __init__(self) -> None:
        self.opened = BytesIO(b"x" * (2 * CHUNK + 1))
        self.files = {"/static/shop.css": self}

    def get_response(self, method: str, headers: Any) -> Any:
        return SimpleNamespace(status=HTTPStatus.OK, headers=[("Content-Type", "text/css")], file=self.opened)


@pytest.mark.parametrize("leaves_after", [1, 2, 99])
async def test_on_asgi(leaves_after: int) -> None:
    files, sent = Files(), []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > leaves_after:
            raise OSError("the client left")

    serve = AsgiStatic(None, files)
    scope = {"type": "http", "path": "/static/shop.css", "method": "GET", "headers": []}
    if leaves_after < 99:
        with pytest.raises(OSError, match="the client left"):
            await serve(scope, None, send)
    else:
        await serve(scope, None, send)
        assert sum(len(message.get("body", b"")) for message in sent) == 2 * CHUNK + 1
        assert not sent[-1].get("more_body")
    assert files.opened.closed


def test_on_wsgi_by_the_server() -> None:
    """PEP 3333 lets the server close what it was given, whatever happened."""
    files = Files()
    environ = {"PATH_INFO": "/static/shop.css", "REQUEST_METHOD": "GET"}
    body: Any = WsgiStatic(None, files)(environ, lambda *_: None)
    next(iter(body))
    body.close()
    assert files.opened.closed
