"""One request to an entrance, as a server would make it, and all of the answer."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PEER = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def call_wsgi(
    application: Any, path: str, headers: Mapping[str, str] | None = None, **changes: Any
) -> Answer:
    """``changes`` are of the environ."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": PEER,
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": PEER,
        "HTTP_HOST": "shop.example.com",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        **{f"HTTP_{name.upper()}": value for name, value in (headers or {}).items()},
        **changes,
    }
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        assert exc_info or not begun, "PEP 3333: an answer starts once"
        begun[:] = [(status, headers)]

    body = application(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    (status, pairs), *_ = begun
    return Answer(int(status[:3]), {name.lower(): value for name, value in pairs}, content)


async def call_asgi(
    application: Any, path: str, headers: Mapping[str, str] | None = None, left: asyncio.Event | None = None
) -> Answer:
    """Status 0 when the application ended without an answer; ``left`` makes the client leave."""
    pairs = [(b"host", b"shop.example.com")]
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "client": (PEER, 40000),
        "server": (PEER, 8000),
        "headers": pairs,
    }
    sent: list[dict[str, Any]] = []
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await (left or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    starts = [each for each in sent if each["type"] == "http.response.start"]
    if not starts:
        return Answer(0, {}, b"")
    assert len(starts) == 1, "an answer starts once"
    names = {name.decode().lower(): value.decode() for name, value in starts[0]["headers"]}
    body = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
    return Answer(starts[0]["status"], names, body)
