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
from itertools import chain
from time import monotonic
from typing import Any

from mainstay.base.deadline import NEVER, Deadline
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.admission import Admission
from mainstay.http.deadlines import LONGEST
from mainstay.http.entrance import answers, statuses
from mainstay.http.entrance.statuses import LEAST, MOST
from mainstay.http.exchange import Exchange

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

DISCONNECT = {"type": "http.disconnect"}


class Replies:
    """
    The replies that one process is giving, and the one timer that watches their deadlines.

    A timer for each would cost as much as reading the request's head. This one is set for the
    earliest deadline, so that under steady load it is set anew a few times in each deadline's length.
    """

    def __init__(self, process: Lifecycle, admission: Admission) -> None:
        self.process = process
        self.admission = admission
        self.streams: set[Reply] = set()
        self._watched: dict[Reply, Deadline] = {}
        self._next = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def end_streams(self) -> None:
        for reply in tuple(self.streams):
            reply.cut()

    def watch(self, reply: Reply, deadline: Deadline) -> None:
        """Let the reply `expire` at its deadline, unless it is forgotten before."""
        self._watched[reply] = deadline
        if deadline.at < self._next or self._next < deadline.began:  # the latter: of a loop that has ended
            self._set(deadline.at)

    def forget(self, reply: Reply) -> None:
        self._watched.pop(reply, None)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = at
        left = min(max(at - monotonic(), 0.0), LONGEST)
        self._timer = asyncio.get_running_loop().call_later(left, self._sweep)

    def _sweep(self) -> None:
        self._next, self._timer = NEVER, None
        now = monotonic()
        for reply, deadline in tuple(self._watched.items()):
            if deadline.at <= now:
                self.forget(reply)
                reply.expire()
        if self._watched:
            self._set(min(deadline.at for deadline in self._watched.values()))


class Reply:
    """
    Stands between the server and the application for one request.

    It holds the request's place among those worked on, from `begin` until the answer starts.
    """

    # On the class, as most replies leave most of them as they are.
    has_failed = False
    """Whether the application raised."""
    _begun: float | None = None
    _cancelled = False
    _has_body = False
    _uploading = 0.0
    _is_cut = False
    _is_replaced = False
    _is_stream = False
    _listener: asyncio.Task[Any] | None = None
    _task: asyncio.Task[Any] | None = None

    def __init__(self, replies: Replies, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._replies = replies
        self._exchange = exchange
        self._receive = receive
        self._send = send

    def begin(self) -> None:
        """Take the place that admission has granted, and watch the deadline."""
        self._begun = monotonic()
        deadline = self._exchange.deadline
        if deadline is not None:
            self._task = asyncio.current_task()
            self._replies.watch(self, deadline)

    def was_cancelled(self) -> bool:
        """Whether a cancellation that has arrived came from the deadline; then it is taken back."""
        return self._cancelled and self._task is not None and self._task.uncancel() == 0

    async def end(self) -> None:
        """Say what the application could not say itself: that its deadline ended it, or that its stream ends."""
        if self._begun is not None and self.was_stopped():
            await self.answer(answers.too_late(self._exchange.accept))
        elif self._is_stream and self._is_cut:
            # The client of a stream that was cut shall see an end and not a broken connection.
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self) -> None:
        """Answer for an application that raised, unless it has begun to answer. The server writes the error down."""
        self.has_failed = True
        if not self._exchange.status:
            await self.answer(answers.broken(self._exchange.accept))

    async def answer(self, answer: answers.Answer) -> None:
        """Send a whole answer of the entrance's own."""
        headers = [(name.encode(), value.encode()) for name, value in answer.all_headers]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body})

    async def receive(self) -> Message:
        """The request's body as it comes; afterwards, the news that the client left or has to."""
        if self._has_body:
            return await self._wait_for_end()
        asked = monotonic()
        message = await self._receive()
        self._uploading += monotonic() - asked  # the client's time, not this process's
        self._has_body = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            if self._is_replaced:
                return
            self._exchange.sent += len(message.get("body", b""))
            if message.get("more_body"):
                self._lift()
            elif self._is_stream:
                self._is_stream = False
        elif kind == "http.response.start":
            status = message["status"]
            if status == 500 and self.was_stopped():
                await self.answer(answers.too_late(self._exchange.accept))
                self._is_replaced = True
                return
            if not LEAST <= status <= MOST:
                await self.answer(statuses.replace(self._exchange, status))
                self._is_replaced = True
                return
            self._exchange.status = status
            self._answered()
            message = {**message, "headers": self._headers(message.get("headers", ()))}
        await self._send(message)

    async def _mainstay_send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        """
        Send an answer that is whole, as two messages to `send` do, for less than half of what those cost.

        The fast handler finds it at the `send` that it is given, unless the project has wrapped that. It
        knows the headers: none of them is ``X-Request-ID``.
        """
        replies, exchange = self._replies, self._exchange
        is_odd = status == 500 or not LEAST <= status <= MOST
        if replies.process.draining or is_odd or self._is_replaced:
            await self.send({"type": "http.response.start", "status": status, "headers": headers})
            await self.send({"type": "http.response.body", "body": body, "more_body": False})
            return
        exchange.status, exchange.sent = status, len(body)
        self._answered()
        headers.append((b"x-request-id", exchange.request_id.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def cut(self) -> None:
        """Make the application believe that the client left."""
        if not self._is_cut:
            self._is_cut = True
            if self._listener is not None:
                self._listener.cancel()

    def leave(self) -> None:
        """Give back what the request still holds."""
        if self._begun is not None:
            self._answered()
        self._replies.streams.discard(self)

    def expire(self) -> None:
        """
        End what runs beyond its deadline.

        Who listens for the client's leaving is told that; Django then cancels the view and waits for its
        threads. Who does not listen is cancelled.
        """
        deadline = self._exchange.deadline
        if self._begun is None or deadline is None or self._task is None:
            return
        deadline.exceeded = True
        if self._listener is not None:
            self.cut()
        else:
            self._cancelled = self._task.cancel()

    def was_stopped(self) -> bool:
        """Whether work was stopped at its deadline. An error 500 then only says so."""
        deadline = self._exchange.deadline
        return deadline is not None and deadline.exceeded

    def _lift(self) -> None:
        if self._exchange.deadline is not None:
            self._exchange.deadline.lift()

    def _answered(self) -> None:
        """Give the place back, once."""
        if self._begun is None:
            return
        exchange, begun, self._begun = self._exchange, self._begun + self._uploading, None
        replies, deadline, status = self._replies, exchange.deadline, exchange.status
        replies.forget(self)
        if status == 504 and deadline is not None and deadline.exceeded:
            replies.admission.deadlines_exceeded += 1
        seconds = monotonic() - begun if 0 < status < 500 or status == 504 else None
        replies.admission.leave(exchange.criticality, seconds, exchange.view)
        if deadline is not None and not deadline.exceeded:
            deadline.lift()  # what goes on after the answer, nobody waits for

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> Headers:
        """The headers of every answer; on the way it is seen whether this one is an event stream."""
        draining = self._replies.process.draining
        headers = [*given]
        # One look at all of them: hardly an answer has anything to be found or to be taken out.
        everything = b"\n".join(chain.from_iterable(headers)).lower()
        if draining or b"x-request-id" in everything or b"event-stream" in everything:
            headers = self._sift(headers, draining=draining)
        headers.append((b"x-request-id", self._exchange.request_id.encode()))
        if draining:
            headers.append((b"connection", b"close"))
        return headers

    def _sift(self, given: Headers, *, draining: bool) -> Headers:
        headers: Headers = []
        for pair in given:
            name = pair[0].lower()
            if name == b"x-request-id" or (draining and name == b"connection"):
                continue
            if name == b"content-type" and b"event-stream" in pair[1]:
                self._is_stream = True
                self._exchange.open_stream()
                self._replies.streams.add(self)
            headers.append(pair)
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
