"""
The way back of one ASGI request: headers that every answer has, its size, its end.

Event streams are special: they end only when someone ends them. A draining process
tells the application that the client left and closes the stream properly, so that a
browser reconnects to another replica. The same way an application learns that its
deadline has passed: Django then cancels an async view by itself. A deadline ends where the
answer begins: for a stream it is the time to the first byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import monotonic
from typing import Any

from mainstay.health.lifecycle import Lifecycle
from mainstay.http import answers
from mainstay.http.admission import Admission
from mainstay.http.exchange import Exchange

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LONGEST = 86_400.0
"""Seconds; event loops refuse timers of years."""

DISCONNECT = {"type": "http.disconnect"}


class Replies:
    """The replies that one process is giving."""

    def __init__(self, process: Lifecycle, admission: Admission) -> None:
        self.process = process
        self.admission = admission
        self.streams: set[Reply] = set()

    def end_streams(self) -> None:
        for reply in tuple(self.streams):
            reply.cut()


class Reply:
    """
    Stands between the server and the application for one request.

    It holds the request's place among those worked on, from `begin` until the answer starts.
    """

    __slots__ = (
        "_begun",
        "_cancelled",
        "_exchange",
        "_has_body",
        "_is_cut",
        "_is_replaced",
        "_is_stream",
        "_listener",
        "_receive",
        "_replies",
        "_send",
        "_task",
        "_timer",
    )

    def __init__(self, replies: Replies, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._replies = replies
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._begun: float | None = None
        self._cancelled = False
        self._has_body = False
        self._is_cut = False
        self._is_replaced = False
        self._is_stream = False
        self._listener: asyncio.Task[Any] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Take the place that admission has granted, and watch the deadline."""
        self._begun = now = monotonic()
        deadline = self._exchange.deadline
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._task = asyncio.current_task()
            self._timer = loop.call_later(deadline.at - now, self._expire)

    async def finish(self, work: Awaitable[None]) -> None:
        """Let the application do its work, and answer 504 where its deadline ended it first."""
        try:
            await work
        except asyncio.CancelledError:
            if not self._cancelled or self._task is None or self._task.uncancel() > 0:
                raise
        deadline = self._exchange.deadline
        if self._begun is not None and deadline is not None and deadline.exceeded:
            await self.answer(answers.too_late())
        elif self._is_stream and self._is_cut:
            # The client of a stream that was cut shall see an end and not a broken connection.
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def answer(self, answer: answers.Answer) -> None:
        """Send a whole answer of the entrance's own."""
        headers = [(name.encode(), value.encode()) for name, value in answer.all_headers]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body})

    async def receive(self) -> Message:
        """The request's body as it comes; afterwards, the news that the client left or has to."""
        if self._has_body:
            return await self._wait_for_end()
        message = await self._receive()
        self._has_body = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            if self._is_replaced:
                return
            self._exchange.sent += len(message.get("body", b""))
            if message.get("more_body", False):
                self._lift()
            else:
                self._is_stream = False
        elif message["type"] == "http.response.start":
            if message["status"] == 500 and self._was_stopped():
                await self.answer(answers.too_late())
                self._is_replaced = True
                return
            message = self._start(message)
        await self._send(message)

    def cut(self) -> None:
        """Make the application believe that the client left."""
        if not self._is_cut:
            self._is_cut = True
            if self._listener is not None:
                self._listener.cancel()

    def leave(self) -> None:
        self._answered()
        self._replies.streams.discard(self)

    def _expire(self) -> None:
        """
        End what runs beyond its deadline.

        Who listens for the client's leaving is told that; Django then cancels the view and waits for its
        threads. Who does not listen is cancelled.
        """
        deadline = self._exchange.deadline
        if self._begun is None or deadline is None or self._task is None:
            return
        if (left := deadline.remaining()) > 0:
            self._timer = asyncio.get_running_loop().call_later(min(left, LONGEST), self._expire)
            return
        deadline.exceeded = True
        if self._listener is not None:
            self.cut()
        else:
            self._cancelled = self._task.cancel()

    def _was_stopped(self) -> bool:
        """Whether an error 500 only says that a checkpoint stopped the work."""
        deadline = self._exchange.deadline
        return deadline is not None and deadline.exceeded and self._begun is not None

    def _lift(self) -> None:
        if self._exchange.deadline is not None:
            self._exchange.deadline.lift()

    def _start(self, message: Message) -> Message:
        self._exchange.status = message["status"]
        self._answered()
        headers = self._headers(message.get("headers", ()))
        if any(name.lower() == b"content-type" and b"event-stream" in value for name, value in headers):
            self._is_stream = True
            self._replies.streams.add(self)
        return {**message, "headers": headers}

    def _answered(self) -> None:
        """Give the place back, once."""
        if self._begun is None:
            return
        exchange, begun, self._begun = self._exchange, self._begun, None
        if self._timer is not None:
            self._timer.cancel()
        status = exchange.status
        if status == 504 and exchange.deadline is not None and exchange.deadline.exceeded:
            self._replies.admission.deadlines_exceeded += 1
        seconds = monotonic() - begun if 0 < status < 500 or status == 504 else None
        self._replies.admission.leave(exchange.criticality, seconds, exchange.view)

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> Headers:
        headers = [(name, value) for name, value in given if name.lower() != b"x-request-id"]
        headers.append((b"x-request-id", self._exchange.request_id.encode()))
        if self._replies.process.draining:
            headers = [(name, value) for name, value in headers if name.lower() != b"connection"]
            headers.append((b"connection", b"close"))
        return headers

    async def _wait_for_end(self) -> Message:
        """
        The news that the client left, or that it shall look so.

        To be told means that the one task that waits here is woken by a cancellation, which ends here.
        A task of its own for the wait would cost as much as all the rest of the entrance.
        """
        if self._is_cut:
            return dict(DISCONNECT)
        self._listener = asyncio.current_task()
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if self._is_cut and self._listener is not None and self._listener.uncancel() == 0:
                return dict(DISCONNECT)
            raise
        finally:
            self._listener = None
