"""
A tiny real replica: an ASGI application under uvicorn that does what the query string says.

Every request is written down before it is answered, in one file that all replicas of a
stage share, so a test can count the attempts that one request became even when the
replica died of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

NAME = os.environ.get("REPLICA_NAME", "")
FOLDER = Path(os.environ.get("REPLICA_FOLDER", "."))


class Corked:
    """
    A transport that sends what is written in one turn of the loop as one piece.

    uvicorn writes head and body apart. A replica that dies between the two leaves an
    answer cut short, which no edge can repeat because its head has been passed on.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, piece: bytes) -> None:
        if not self._held:
            asyncio.get_running_loop().call_soon(self._send)
        self._held.append(piece)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()


class Protocol(HttpToolsProtocol):
    """Hands the application its own connection, so that it can break it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Corked(transport))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.scope["transport"] = self.transport


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await echo_messages(scope, receive, send)
        return
    if scope["path"] == "/readyz":
        await answer(send, 200, b"ready")
        return
    body = await whole(receive)
    seen = note(scope, body)
    wanted = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    action = ACTIONS.get(wanted.get("do", ""), echo)
    await action(scope, send, seen, wanted)


async def whole(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def note(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    seen = {
        "replica": NAME,
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "length": len(body),
        "client": (scope["client"] or [""])[0],
    }
    with (FOLDER / "seen.jsonl").open("a") as log:
        log.write(json.dumps(seen) + "\n")
    return seen


async def answer(send: Any, status: int, body: bytes, kind: str = "application/json") -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Any, send: Any, seen: Any, wanted: Any) -> None:
    await answer(send, 200, json.dumps(seen).encode())


async def slow(scope: Any, send: Any, seen: Any, wanted: Any) -> None:
    await asyncio.sleep(float(wanted["seconds"]))
    await echo(scope, send, seen, wanted)


async def status(scope: Any, send: Any, seen: Any, wanted: Any) -> None:
    await answer(send, int(wanted["code"]), b'{"from": "application"}')


async def break_off(scope: Any, send: Any, seen: Any, wanted: Any) -> None:
    scope["transport"].abort()


async def break_once(scope: Any, send: Any, seen: Any, wanted: Any) -> None:
    """Break the connection the first time this id is seen by any replica, answer the second time."""
    try:
        (FOLDER / f"mark-{wanted['id']}").touch(exist_ok=False)
    except FileExistsError:
        await echo(scope, send, seen, wanted)
    else:
        scope["transport"].abort()


async def events(scope: Any, send: Any, seen: Any, wanted: Any) -> None:
    """One event at once, the second only when the test allows it."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
    while not (FOLDER / f"mark-{wanted['id']}").exists():
        await asyncio.sleep(0.02)
    await send({"type": "http.response.body", "body": b"data: second\n\n"})


async def page(scope: Any, send: Any, seen: Any, wanted: Any) -> None:
    await answer(send, 200, b"<p>words</p>\n" * 2000, "text/html; charset=utf-8")


ACTIONS = {
    "slow": slow,
    "status": status,
    "break": break_off,
    "break-once": break_once,
    "events": events,
    "page": page,
}


async def echo_messages(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": NAME})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


if __name__ == "__main__":
    uvicorn.run(
        application,
        fd=int(sys.argv[1]),
        http=Protocol,
        ws="websockets-sansio",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=True,
    )
