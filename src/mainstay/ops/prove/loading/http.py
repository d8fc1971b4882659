"""
HTTP/1.1 as a caller sees it, for measuring: exact, cheap, and without help of its own.

Every request uses a connection of its own unless asked otherwise, so that no failure is
one of the client's pool. Nothing is repeated, no redirect is followed, no cookie is kept.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

from mainstay.ops.prove.loading.framing import Answer, Reading

LIMIT = 10.0
"""Seconds after which a caller gives up."""

IDLE = 4.0
"""Seconds for which an unused connection is kept; below the 5 s after which common servers hang up."""

_PLAIN_TARGET = re.compile(r"[!-~]+")
_KEPT_IN_TARGET = "!#$%&'()*+,/:;=?@[]~"
_METHOD = re.compile(r"[A-Z]+")


class Http:
    """
    Requests to one server.

    With ``keep_alive`` its connections are used again, as a browser or a pooled client
    would; a connection that the server closed while it was idle is seen and replaced, and
    a safe request that finds its used connection closing is sent once more on a fresh one
    (RFC 9110, 9.2.2). Call `close` at the end.
    """

    def __init__(self, base: str, *, keep_alive: bool = False, limit: float = LIMIT) -> None:
        """
        Raises:
            ValueError: ``base`` is not scheme, host and port of an HTTP server, and nothing else.
        """
        parts = urlsplit(base)
        more = parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in ("http", "https") or not parts.hostname or more or parts.port == 0:
            raise ValueError(f"{base!r} is no address of an HTTP server, such as http://127.0.0.1:8000")
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.limit = limit
        self.keep_alive = keep_alive
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._authority = parts.netloc.rpartition("@")[2]
        self._addresses: list[str] = []
        """Of the host; the one that answered last comes first."""
        self._idle: deque[_Connection] = deque()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> Answer:
        """Send one request and wait for its whole answer; never raises, except when it is cancelled."""
        limit = self.limit if limit is None else limit
        try:
            message = self._message(method, path, body, headers or {})
        except ValueError as error:
            return Answer(0, error=str(error), sent=False)
        attempt = _Attempt(message, safe=method in ("GET", "HEAD", "OPTIONS"), bodiless=method == "HEAD")
        try:
            async with asyncio.timeout(limit):
                return await self._perform(attempt)
        except TimeoutError:
            return Answer(0, error=f"no answer within {limit:g} s", sent=attempt.sent)
        except (OSError, ValueError) as error:
            return Answer(0, error=f"{type(error).__name__}: {error}", sent=attempt.sent)
        finally:
            attempt.hang_up()

    def close(self) -> None:
        """Drop the connections that are kept."""
        while self._idle:
            self._idle.pop().abort()

    async def _perform(self, attempt: _Attempt) -> Answer:
        if used := self._used():
            try:
                return await self._exchange(used, attempt)
            except ConnectionError:
                if not attempt.safe or used.received:
                    raise
        return await self._exchange(await self._connect(), attempt)

    async def _exchange(self, connection: _Connection, attempt: _Attempt) -> Answer:
        attempt.connection = connection
        answer = await connection.exchange(attempt.message, bodiless=attempt.bodiless)
        if self.keep_alive and connection.reusable:
            attempt.connection = None
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        return answer

    def _used(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.open and now - connection.idle_since < IDLE:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        if not self._addresses:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            self._addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        name = self.host if self._ssl else None
        for address in tuple(self._addresses):
            try:
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop), address, self.port, ssl=self._ssl, server_hostname=name
                )
            except ConnectionRefusedError:
                if address == self._addresses[-1]:
                    raise
            else:
                self._addresses.sort(key=lambda each: each != address)
                return connection
        raise ConnectionRefusedError("no address")

    def _message(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        if not _METHOD.fullmatch(method):
            raise ValueError(f"{method!r} is no HTTP method")
        if not path.startswith("/"):
            raise ValueError(f"the path {path!r} does not begin with a slash")
        target = path if _PLAIN_TARGET.fullmatch(path) else quote(path, safe=_KEPT_IN_TARGET)
        lines = {"Host": self._authority, "Accept": "application/json, */*;q=0.5"}
        if not self.keep_alive:
            lines["Connection"] = "close"
        if body or method in ("POST", "PUT", "PATCH"):
            lines["Content-Length"] = str(len(body))
        lines.update(headers)
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        if head.count("\n") != len(lines) or head.count("\r") != len(lines):
            raise ValueError("a header contains a line break")
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


async def request(
    base: str,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    limit: float = LIMIT,
) -> Answer:
    """One request over a connection of its own, with a JSON body where one is given; never raises."""
    content = b"" if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    return await Http(base, limit=limit).request(
        method, path, body=content, headers={**kind, **(headers or {})}
    )


@dataclass(slots=True)
class _Attempt:
    """One request under way: what is sent, and on which connection."""

    message: bytes
    safe: bool
    bodiless: bool
    connection: _Connection | None = None

    @property
    def sent(self) -> bool:
        return self.connection is not None

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.abort()


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[Answer] | None = None
        self._reading = Reading()
        self._transport: asyncio.Transport | None = None
        self.open = False
        self.reusable = False
        self.idle_since = 0.0

    @property
    def received(self) -> bool:
        """Whether anything of the answer to the last request came."""
        return self._reading.begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    async def exchange(self, message: bytes, *, bodiless: bool) -> Answer:
        """
        Send a request and wait for its answer.

        Raises:
            ConnectionError: The connection ended first.
            ValueError: What came is no HTTP, or cut short.
        """
        if self._transport is None or not self.open:
            raise ConnectionResetError("the server closed the connection")
        self.reusable = False
        self._reading = Reading(bodiless=bodiless)
        self._waiter = self._loop.create_future()
        self._transport.write(message)
        return await self._waiter

    def abort(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.abort()
            return
        try:
            answer = self._reading.feed(data)
        except ValueError as error:
            self._waiter.set_exception(error)
            return
        if answer is not None:
            self.reusable = self.open and self._reading.keeps_alive
            self._waiter.set_result(answer)

    def eof_received(self) -> None:
        self.open = False
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._ended(exc)

    def _ended(self, error: Exception | None) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if error is None and (answer := self._reading.at_the_end()) is not None:
            self._waiter.set_result(answer)
        elif self._reading.begun and error is None:
            self._waiter.set_exception(ValueError("an answer cut short"))
        else:
            self._waiter.set_exception(error or ConnectionResetError("the server closed without an answer"))
