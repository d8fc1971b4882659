"""
The outermost layer around an ASGI application.

It answers probes itself, gives each request its id, its client's true address and its
deadline, refuses what the process cannot answer in time, and writes one line per request.
WebSockets have no deadline and need no place: they are there to stay.
Lifespan messages pass untouched. An application that is wrapped twice is only
served by the outer layer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import monotonic
from typing import Any, cast

from mainstay.base import timeouts, wire
from mainstay.base.context import REQUEST_ID, TALLY
from mainstay.base.deadline import DEADLINE, NEVER
from mainstay.base.tracecontext import TRACE
from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.http import criticalities, deadlines
from mainstay.http.admission import Admission, Aimd, Ticket
from mainstay.http.entrance import access, answers, identity, proxies
from mainstay.http.entrance.proxies import TrustedProxies
from mainstay.http.entrance.reply import Receive, Replies, Reply, Send
from mainstay.http.exchange import EXCHANGE, REFUSED, Exchange
from mainstay.http.options import Options

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SEEN = "mainstay.exchange"
REQUESTS_MAX = 128
AGENT_LIMIT = 200

_FORWARDED = proxies.FORWARDED_PREFIX.encode()
_FRAMING = (b"host", b"content-length", b"transfer-encoding")
"""Headers that say where a request ends or whose it is: one that comes twice makes it ambiguous."""

_SECURE = {"http": "https", "ws": "wss"}


class AsgiEntrance:
    """An ASGI application in the outermost layer."""

    def __init__(
        self,
        application: Application,
        trusted: TrustedProxies | None = None,
        requests_max: int = REQUESTS_MAX,
        process: Lifecycle = PROCESS,
        options: Options | None = None,
    ) -> None:
        options = options or Options()
        self._application = application
        self._trusted = trusted
        self._process = process
        self._seconds = options.deadline
        self._admission = Admission(
            Aimd(requests_max), requests_max, requests_max, options.admission, patience=timeouts.turn()
        )
        self._replies = Replies(process, self._admission)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or SEEN in scope or scope["path"] in answers.PATHS:
            await self._pass(scope, receive, send)
            return
        scope, exchange, well_formed = self._arrive(scope, scope["method"])
        reply = Reply(self._replies, exchange, receive, send)
        tokens = (
            REQUEST_ID.set(exchange.request_id),
            EXCHANGE.set(exchange),
            TALLY.set(exchange),
            DEADLINE.set(exchange.deadline),
        )
        self._process.enter()
        try:
            if not well_formed:
                await reply.answer(answers.malformed(exchange.accept))
            elif (verdict := self._ask(exchange)) is True or (
                verdict and await self._wait(verdict, exchange)
            ):
                reply.begin()
                await self._application(scope, reply.receive, reply.send)
                await reply.end()
            else:
                exchange.route, exchange.view = "", REFUSED
                await reply.answer(answers.overloaded(exchange.accept, self._admission.retry_after()))
        except asyncio.CancelledError:
            if not reply.was_cancelled():
                if not _is_being_cancelled():  # an error of the application's own
                    await reply.fail()
                raise
            await reply.end()
        except GeneratorExit:  # of a loop that closes its coroutines; who is closed cannot send
            raise
        except BaseException:  # raised again; `sys.exit` in a view is a failure, and the server goes on
            await reply.fail()
            raise
        finally:
            reply.leave()
            self._process.leave()
            access.finish(exchange)
            DEADLINE.reset(tokens[3])
            TALLY.reset(tokens[2])
            EXCHANGE.reset(tokens[1])
            if reply.has_failed:  # the server writes the error down, in this task, which is the request's own
                TRACE.set(exchange.trace)
            else:
                REQUEST_ID.reset(tokens[0])

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is no request to the application, or one that has been counted in."""
        kind = scope["type"]
        if kind not in ("http", "websocket") or SEEN in scope:
            await self._application(scope, receive, send)
        elif kind == "websocket":
            await self._converse(scope, receive, send)
        else:
            await _send_answer(send, await _internal(scope["path"]))

    def _ask(self, exchange: Exchange) -> bool | Ticket:
        until = exchange.deadline.at if exchange.deadline is not None else NEVER
        return self._admission.enter(exchange.path, criticalities.of_path, until, _Wake)

    async def _wait(self, ticket: Ticket, exchange: Exchange) -> bool:
        """Whether the ticket was granted in time. Who stops waiting, for whatever reason, leaves the queue."""
        wake = cast("_Wake", ticket.wake)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(ticket.until - monotonic(), wake)
        try:
            await wake.future
        except BaseException:  # raised again; who stops waiting gives up the place
            self._admission.abandon(ticket)
            raise
        finally:
            timer.cancel()
            exchange.waited = monotonic() - ticket.since
        return self._admission.settle(ticket)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope, exchange, _ = self._arrive(scope, "WEBSOCKET")
        id_token = REQUEST_ID.set(exchange.request_id)
        exchange.route, exchange.view = "", "<websocket>"

        async def note(message: Any) -> None:
            if message["type"] == "websocket.accept":
                exchange.status = 101
            elif not exchange.status:  # refused before it was accepted
                exchange.status = message.get("status", 403)
            await send(message)

        try:
            if self._process.draining:
                exchange.view, exchange.status = REFUSED, await _refuse_socket(scope, send)
            else:
                await self._application(scope, receive, note)
        except Exception:
            exchange.status = 500
            raise
        finally:
            access.finish(exchange)
            REQUEST_ID.reset(id_token)

    def _arrive(self, scope: Scope, method: str) -> tuple[Scope, Exchange, bool]:
        """The scope for the application, the record of the request, and whether its framing is sound."""
        read, repeated = _read(scope["headers"])
        given = read.get
        client = scope["client"][0] if scope.get("client") else ""
        believed = self._trusted is not None and self._trusted.trusts(client)
        scope = dict(scope)
        if given(b"host") == b"":
            # It says that there is none (RFC 9112, section 3.2); Django would look no further.
            del read[b"host"]
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"]
        if self._trusted is not None:
            if believed:
                client = self._trusted.client(client, given(b"x-forwarded-for", b"").decode("latin-1"))
                _apply_forwarding(scope, read, client)
            else:
                _remove_forwarding(scope, read)
        request_id = identity.choose(given(b"x-request-id", b"").decode("latin-1"), believed)
        agent = given(b"user-agent", b"")[:AGENT_LIMIT].decode("latin-1")
        exchange = scope[SEEN] = Exchange(method, scope["path"], request_id, client, agent)
        exchange.accept = given(b"accept", b"").decode("latin-1")
        trace, state = given(b"traceparent", b""), given(b"tracestate", b"")
        access.begin(exchange, trace.decode("latin-1"), state.decode("latin-1"))
        if scope["type"] == "http":
            offered = given(b"mainstay-deadline", b"").decode("latin-1")
            exchange.deadline = deadlines.begin(offered, believed, self._seconds)
        return scope, exchange, not repeated and _is_well_formed(scope, read)

    def end_streams(self) -> None:
        """End event streams, which would otherwise hold a draining process until its time is up."""
        self._replies.end_streams()


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _Wake:
    """Ends the wait of a coroutine."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future = asyncio.get_running_loop().create_future()

    def __call__(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


def _read(headers: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], bool]:
    """The headers, those that came several times joined, and whether one that frames the request did."""
    pairs = [*headers]
    read = dict(pairs)
    if len(read) == len(pairs):
        return read, False
    read.clear()
    repeated = False
    for name, value in pairs:
        if name in read:
            repeated = repeated or name in _FRAMING
            value = read[name] + b"," + value
        read[name] = value
    return read, repeated


def _is_well_formed(scope: Scope, read: dict[bytes, bytes]) -> bool:
    """``Host`` is asked for in HTTP/1.1 only (RFC 9112, section 3.2); before, Django takes the server's name for it."""
    if b"transfer-encoding" in read and b"content-length" in read:
        return False
    version = scope.get("http_version")
    return b"host" in read if version == "1.1" else version != "1.0" or b"transfer-encoding" not in read


def _apply_forwarding(scope: Scope, read: dict[bytes, bytes], client: str) -> None:
    scope["client"] = (client, 0)
    if read.get(b"x-forwarded-proto") == b"https":
        scope["scheme"] = _SECURE.get(scope["scheme"], scope["scheme"])
    host = read.get(b"x-forwarded-host")
    if host and host != read.get(b"host"):
        replaced = [pair for pair in scope["headers"] if pair[0] != b"host"]
        scope["headers"] = [(b"host", host), *replaced]
        read[b"host"] = host


def _remove_forwarding(scope: Scope, read: dict[bytes, bytes]) -> None:
    if any(map(_is_forwarding, read)):
        scope["headers"] = [pair for pair in scope["headers"] if not _is_forwarding(pair[0])]


def _is_forwarding(name: bytes) -> bool:
    return name.startswith(_FORWARDED) or name == b"forwarded"


async def _internal(path: str) -> answers.Answer:
    """Probes here; a scrape in a thread, since it takes long and its sources may ask a database."""
    if path != wire.METRICS_PATH:
        return answers.internal(path)
    return await asyncio.to_thread(answers.internal, path)


async def _send_answer(send: Send, answer: answers.Answer) -> None:
    headers = [(name.encode(), value.encode()) for name, value in answer.all_headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _refuse_socket(scope: Scope, send: Send) -> int:
    """503 where the server can say so; plain ASGI only knows a close, which becomes a 403. The status of it."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1012})
        return 403
    headers = [(b"retry-after", answers.RETRY_AFTER.encode()), (b"connection", b"close")]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
    return 503
