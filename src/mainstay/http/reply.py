"""
The way back of one ASGI request: headers that every answer has, its size, its end.

Event streams are special: they end only when someone ends them. A draining process
tells the application that the client left and closes the stream properly, so that a
browser reconnects to another replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.exchange import Exchange

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

DISCONNECT = {"type": "http.disconnect"}


class Replies:
    """The replies that one process is giving."""

    def __init__(self, process: Lifecycle) -> None:
        self.process = process
        self.unanswered = 0
        self.streams: set[Reply] = set()

    def end_streams(self) -> None:
        for reply in tuple(self.streams):
            reply.cut()


class Reply:
    """Stands between the server and the application for one request."""

    __slots__ = ("_cut", "_exchange", "_has_body", "_is_stream", "_pending", "_receive", "_replies", "_send")

    def __init__(self, replies: Replies, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._replies = replies
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._pending = True
        self._has_body = False
        self._is_stream = False
        self._cut: asyncio.Future[None] | None = None
        replies.unanswered += 1

    async def receive(self) -> Message:
        """The request's body as it comes; afterwards, the news that the client left or has to."""
        if self._has_body:
            return await self._wait_for_end()
        message = await self._receive()
        self._has_body = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self._exchange.sent += len(message.get("body", b""))
            self._is_stream = self._is_stream and message.get("more_body", False)
        elif message["type"] == "http.response.start":
            message = self._start(message)
        await self._send(message)

    def cut(self) -> None:
        """Make the application believe that the client left."""
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(None)

    async def end(self) -> None:
        """Finish a stream that was cut, so that the client sees an end and not a broken connection."""
        if self._is_stream and self._cut is not None and self._cut.done():
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def leave(self) -> None:
        self._answered()
        self._replies.streams.discard(self)

    def _start(self, message: Message) -> Message:
        self._answered()
        self._exchange.status = message["status"]
        headers = self._headers(message.get("headers", ()))
        if any(name.lower() == b"content-type" and b"event-stream" in value for name, value in headers):
            self._is_stream = True
            self._replies.streams.add(self)
        return {**message, "headers": headers}

    def _answered(self) -> None:
        if self._pending:
            self._pending = False
            self._replies.unanswered -= 1

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> Headers:
        headers = [(name, value) for name, value in given if name.lower() != b"x-request-id"]
        headers.append((b"x-request-id", self._exchange.request_id.encode()))
        if self._replies.process.draining:
            headers = [(name, value) for name, value in headers if name.lower() != b"connection"]
            headers.append((b"connection", b"close"))
        return headers

    async def _wait_for_end(self) -> Message:
        loop = asyncio.get_running_loop()
        self._cut = self._cut or loop.create_future()
        client = loop.create_task(_receive_once(self._receive))
        try:
            await asyncio.wait((client, self._cut), return_when=asyncio.FIRST_COMPLETED)
            return client.result() if client.done() else dict(DISCONNECT)
        finally:
            client.cancel()


async def _receive_once(receive: Receive) -> Message:
    return await receive()
