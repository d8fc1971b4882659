"""
The outermost layer around a WSGI application; the twin of `mainstay.http.asgi`.

Here a request holds a thread, so there is a gate: as many requests as the process has
threads are worked on, others wait a moment, more are refused. Probes do not pass the gate, so a
busy process still says that it lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Lock, Semaphore
from typing import Any

from mainstay.base.context import REQUEST_ID
from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.http import access, answers, bodies, identity
from mainstay.http.exchange import EXCHANGE, Exchange
from mainstay.http.proxies import TrustedProxies

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

SEEN = "mainstay.exchange"
AGENT_LIMIT = 200
PATIENCE = 5.0
"""Seconds a request waits for a thread before it is refused."""


class Gate:
    """Lets ``width`` requests work at once and ``queue`` more wait for them."""

    def __init__(self, width: int, queue: int, patience: float = PATIENCE) -> None:
        self._slots = Semaphore(width)
        self._queue = queue
        self._patience = patience
        self._waiting = 0
        self._lock = Lock()

    def acquire(self) -> bool:
        """Whether the caller may work now; if so it must `release` afterwards."""
        if self._slots.acquire(blocking=False):
            return True
        with self._lock:
            if self._waiting >= self._queue:
                return False
            self._waiting += 1
        try:
            return self._slots.acquire(timeout=self._patience)
        finally:
            with self._lock:
                self._waiting -= 1

    def release(self) -> None:
        self._slots.release()


class WsgiEntrance:
    """A WSGI application in the outermost layer."""

    def __init__(
        self,
        application: Application,
        trusted: TrustedProxies | None = None,
        gate: Gate | None = None,
        process: Lifecycle = PROCESS,
        hidden: Iterable[str] = (),
    ) -> None:
        self._application = application
        self._trusted = trusted
        self._gate = gate
        self._process = process
        self._hidden = tuple(hidden)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if SEEN in environ:
            return self._application(environ, start_response)
        path = environ.get("PATH_INFO", "")
        if path in answers.PATHS:
            return _send_answer(start_response, answers.internal(path))
        exchange = self._arrive(environ)
        exit_ = _Exit(self, exchange)
        try:
            return self._work(environ, start_response, exit_)
        except BaseException:
            exchange.status = exchange.status or 500
            exit_.leave()
            raise

    def _work(self, environ: Environ, start_response: StartResponse, exit_: _Exit) -> Iterable[bytes]:
        start = _starter(start_response, exit_.exchange, self._process)
        if not _is_well_formed(environ):
            return exit_.through(_send_answer(start, answers.malformed()))
        if self._gate is not None and not self._gate.acquire():
            return exit_.through(_send_answer(start, answers.overloaded()))
        exit_.gate = self._gate
        if not bodies.settle(environ):
            return exit_.through(_send_answer(start, answers.malformed()))
        return exit_.through(self._application(environ, start))

    def _arrive(self, environ: Environ) -> Exchange:
        for name in self._hidden:
            environ.pop(name, None)
        peer = environ.get("REMOTE_ADDR", "")
        believed = self._trusted is not None and self._trusted.trusts(peer)
        request_id = identity.choose(environ.get("HTTP_X_REQUEST_ID", ""), believed)
        if self._trusted is not None:
            _apply_forwarding(environ, self._trusted, believed)
        exchange = Exchange(
            environ["REQUEST_METHOD"],
            environ.get("PATH_INFO", ""),
            request_id,
            environ.get("REMOTE_ADDR", ""),
            environ.get("HTTP_USER_AGENT", "")[:AGENT_LIMIT],
        )
        environ[SEEN] = exchange
        return exchange

    @property
    def process(self) -> Lifecycle:
        return self._process


class _Exit:
    """Marks a request's way out; leaving happens once, however the answer ended."""

    __slots__ = ("_left", "_process", "exchange", "gate")

    def __init__(self, entrance: WsgiEntrance, exchange: Exchange) -> None:
        self.exchange = exchange
        self.gate: Gate | None = None
        self._left = False
        self._process = entrance.process
        REQUEST_ID.set(exchange.request_id)
        EXCHANGE.set(exchange)
        self._process.enter()

    def through(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """
        The body for the server: in one piece when it is whole already, else as it comes.

        A whole answer is closed before it is sent, so that its database connection is
        back in the pool while a slow client still reads.
        """
        if isinstance(body, list) or getattr(body, "streaming", None) is False:
            return self._whole(body)
        return _Stream(body, self)

    def leave(self) -> None:
        if self._left:
            return
        self._left = True
        if self.gate is not None:
            self.gate.release()
        self._process.leave()
        access.finish(self.exchange)
        EXCHANGE.set(None)
        REQUEST_ID.set("")

    def _whole(self, body: Iterable[bytes]) -> list[bytes]:
        try:
            pieces = list(body)
        finally:
            _close(body)
        self.exchange.sent = sum(map(len, pieces))
        self.leave()
        return pieces


class _Stream:
    """A body that is sent as it comes."""

    def __init__(self, body: Iterable[bytes], exit_: _Exit) -> None:
        self._body = body
        self._pieces = iter(body)
        self._exit = exit_

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        self._exit.exchange.sent += len(piece)
        return piece

    def close(self) -> None:
        try:
            _close(self._body)
        finally:
            self._exit.leave()


def _close(body: Iterable[bytes]) -> None:
    if (shorter := getattr(body, "_mainstay_close", None)) is not None:  # a response of the fast handler
        shorter(body)
        return
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _starter(start_response: StartResponse, exchange: Exchange, process: Lifecycle) -> StartResponse:
    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        exchange.status = int(status[:3])
        dropped = ("x-request-id", "connection") if process.draining else ("x-request-id",)
        headers = [pair for pair in headers if pair[0].lower() not in dropped]
        headers.append(("X-Request-ID", exchange.request_id))
        if process.draining:
            headers.append(("Connection", "close"))
        return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

    return start


def _is_well_formed(environ: Environ) -> bool:
    if "HTTP_TRANSFER_ENCODING" in environ and environ.get("CONTENT_LENGTH"):
        return False
    host = environ.get("HTTP_HOST")
    return "," not in host if host else environ.get("SERVER_PROTOCOL") != "HTTP/1.1"


def _apply_forwarding(environ: Environ, trusted: TrustedProxies, believed: bool) -> None:
    if not believed:
        for name in [key for key in environ if key.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED"))]:
            del environ[name]
        return
    environ["REMOTE_ADDR"] = trusted.client(environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR", ""))
    if environ.get("HTTP_X_FORWARDED_PROTO") == "https":
        environ["wsgi.url_scheme"] = "https"
    if host := environ.get("HTTP_X_FORWARDED_HOST"):
        environ["HTTP_HOST"] = host


def _send_answer(start_response: StartResponse, answer: answers.Answer) -> list[bytes]:
    start_response(answer.status_line, answer.all_headers)
    return [answer.body]
