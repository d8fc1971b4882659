"""
The outermost layer around a WSGI application; the twin of `mainstay.http.entrance.asgi`.

Here a request holds a thread: no more are worked on than the process has threads, whatever
admission learns, others wait a moment, more are refused. Probes do not pass it, so a
busy process still says that it lives.

An event stream ends only when someone ends it. A process that drains ends it at its next piece, so
that a browser reconnects to another replica. Nobody can end it before: its thread is in the
application's own code, which no other thread can interrupt. A stream that says nothing for longer
than the drain lasts is therefore cut with the drain.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from threading import Lock
from time import monotonic
from typing import Any, cast

from mainstay.base.context import REQUEST_ID, TALLY
from mainstay.base.criticality import CRITICALITY, Criticality
from mainstay.base.deadline import DEADLINE, NEVER
from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.http import criticalities, deadlines
from mainstay.http.admission import Admission, Ticket
from mainstay.http.entrance import access, answers, bodies, identity, statuses
from mainstay.http.entrance.proxies import TrustedProxies
from mainstay.http.entrance.statuses import LEAST, MOST
from mainstay.http.exchange import EXCHANGE, REFUSED, Exchange
from mainstay.http.options import Options

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

SEEN = "mainstay.exchange"
AGENT_LIMIT = 200

_logger = logging.getLogger("mainstay.http")
_name_of = itemgetter(0)
_ORDINARY = Criticality.CRITICAL


class WsgiEntrance:
    """A WSGI application in the outermost layer."""

    def __init__(
        self,
        application: Application,
        trusted: TrustedProxies | None = None,
        admission: Admission | None = None,
        process: Lifecycle = PROCESS,
        hidden: Iterable[str] = (),
        options: Options | None = None,
    ) -> None:
        self._application = application
        self._trusted = trusted
        self.admission = admission
        self._seconds = (options or Options()).deadline
        self._process = process
        self._hidden = tuple(hidden)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if SEEN in environ:
            return self._application(environ, start_response)
        path = environ.get("PATH_INFO", "")
        if path in answers.PATHS:
            return _send_answer(start_response, answers.internal(path))
        exchange = self._arrive(environ)
        exit_ = _Exit(self._process, exchange, start_response)
        try:
            return self._work(environ, exit_)
        except BaseException as error:  # `sys.exit` in a view is a failure, and the server goes on
            if exit_.left:  # the answer was on its way, and what followed it failed
                raise
            _tell("the application raised", error)
            return exit_.through(exit_.fail())

    def _work(self, environ: Environ, exit_: _Exit) -> Iterable[bytes]:
        """The application's answer, or one of the entrance's own instead."""
        accept = exit_.exchange.accept
        if not _is_well_formed(environ):
            return exit_.through(_send_answer(exit_.start, answers.malformed(accept)))
        if self.admission is not None and not exit_.enter(self.admission):
            exit_.exchange.route, exit_.exchange.view = "", REFUSED
            refusal = answers.overloaded(accept, self.admission.retry_after())
            return exit_.through(_send_answer(exit_.start, refusal))
        if not bodies.settle(environ):
            return exit_.through(_send_answer(exit_.start, answers.malformed(accept)))
        exit_.body = environ["wsgi.input"]
        body = self._application(environ, exit_.start)
        if exit_.replacement is not None:  # what it said is not what is sent
            _close(body)
            return exit_.through([exit_.replacement])
        return exit_.through(body)

    def _arrive(self, environ: Environ) -> Exchange:
        for name in self._hidden:
            environ.pop(name, None)
        peer = environ.get("REMOTE_ADDR", "")
        believed = self._trusted is not None and self._trusted.trusts(peer)
        request_id = identity.choose(environ.get("HTTP_X_REQUEST_ID", ""), believed)
        if self._trusted is not None:
            _apply_forwarding(environ, self._trusted, believed)
        if not environ.get("HTTP_HOST"):
            # Granian writes an empty one where there is none, at which Django looks no further.
            environ.pop("HTTP_HOST", None)
        exchange = Exchange(
            environ["REQUEST_METHOD"],
            environ.get("PATH_INFO", ""),
            request_id,
            environ.get("REMOTE_ADDR", ""),
            environ.get("HTTP_USER_AGENT", "")[:AGENT_LIMIT],
        )
        exchange.accept = environ.get("HTTP_ACCEPT", "")
        access.begin(exchange, environ.get("HTTP_TRACEPARENT", ""), environ.get("HTTP_TRACESTATE", ""))
        offered = environ.get("HTTP_MAINSTAY_DEADLINE", "")
        exchange.deadline = deadlines.begin(offered, believed, self._seconds)
        environ[SEEN] = exchange
        return exchange


class _Wake:
    """Ends the wait of a thread."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def __call__(self) -> None:
        self._lock.release()

    def wait(self, seconds: float) -> None:
        self._lock.acquire(timeout=max(seconds, 0.0))


class _Exit:
    """A request's place in the process, and its way out; leaving happens once, however the answer ended."""

    __slots__ = (
        "_admission",
        "_begun",
        "_start_response",
        "body",
        "exchange",
        "headers",
        "left",
        "process",
        "replacement",
        "streams",
    )

    def __init__(self, process: Lifecycle, exchange: Exchange, start_response: StartResponse) -> None:
        self.exchange = exchange
        self.process = process
        self._start_response = start_response
        self._admission: Admission | None = None
        self._begun = 0.0
        self.left = False
        """Whether the place is given back and the request written down."""
        self.replacement: bytes | None = None
        self.body: Any = None
        self.headers: list[tuple[str, str]] = []
        self.streams = False
        REQUEST_ID.set(exchange.request_id)
        EXCHANGE.set(exchange)
        TALLY.set(exchange)
        DEADLINE.set(exchange.deadline)
        CRITICALITY.set(_ORDINARY)
        self.process.enter()

    def enter(self, admission: Admission) -> bool:
        """Whether the request may be worked on; waits for its turn within its deadline."""
        exchange = self.exchange
        until = exchange.deadline.at if exchange.deadline is not None else NEVER
        verdict = admission.enter(exchange.path, criticalities.of_path, until, _Wake)
        granted = verdict if isinstance(verdict, bool) else _wait(admission, verdict, exchange)
        if granted:
            self._admission, self._begun = admission, monotonic()
        return granted

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """``start_response`` for the application: the status is noted, and each answer has its request's id."""
        exchange, draining = self.exchange, self.process.draining
        number = _read_status(status)
        other = self.replacement = None  # PEP 3333: it may say something else until the answer is on its way
        if number == 500 and self.was_stopped():
            other = answers.too_late(exchange.accept)
        elif not LEAST <= number <= MOST:
            other = statuses.replace(exchange, status.partition(" ")[0])
        if other is not None:
            number, status, headers = other.status, other.status_line, other.all_headers
            self.replacement = other.body
        exchange.status = number
        if draining or "x-request-id" in "\n".join(map(_name_of, headers)).lower():
            dropped = ("x-request-id", "connection") if draining else ("x-request-id",)
            headers = [pair for pair in headers if pair[0].lower() not in dropped]
        headers = [*headers, ("X-Request-ID", exchange.request_id)]
        if draining:
            headers.append(("Connection", "close"))
        self.headers = headers
        start = self._start_response
        return start(status, headers, exc_info) if exc_info else start(status, headers)

    def fail(self) -> list[bytes]:
        """Answer for an application that raised; nothing was sent, also where it has begun to answer (PEP 3333)."""
        answer = answers.broken(self.exchange.accept)
        self.start(answer.status_line, answer.all_headers, sys.exc_info())
        return [answer.body if self.replacement is None else self.replacement]

    def was_stopped(self) -> bool:
        """Whether an error 500 only says that a checkpoint stopped the work."""
        deadline = self.exchange.deadline
        return deadline is not None and deadline.exceeded

    def through(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """
        The body for the server: in one piece when it is whole already, else as it comes.

        A whole answer is closed before it is sent, so that its database connection is
        back in the pool while a slow client still reads.
        """
        if isinstance(body, list) or getattr(body, "streaming", None) is False:
            return self._whole(body)
        if self.exchange.deadline is not None:
            self.exchange.deadline.lift()
        self.streams = True
        if self.is_event_stream():
            self.exchange.open_stream()
        try:
            return _Stream(body, self)
        except BaseException:  # raised again: what is no stream after all is closed as one
            _close(body)
            raise

    def must_end(self) -> bool:
        """Whether this is an event stream of a process that drains."""
        return self.process.draining and self.is_event_stream()

    def is_event_stream(self) -> bool:
        return any(name.lower() == "content-type" and "event-stream" in value for name, value in self.headers)

    def leave(self) -> None:
        if self.left:
            return
        self.left = True
        try:
            self._give_back()
        finally:
            self.process.leave()
            try:
                access.finish(self.exchange)
            finally:
                DEADLINE.set(None)
                TALLY.set(None)
                EXCHANGE.set(None)
                REQUEST_ID.set("")

    def _give_back(self) -> None:
        if (admission := self._admission) is None:
            return
        exchange, self._admission = self.exchange, None
        if exchange.status == 504 and self.was_stopped():
            admission.deadlines_exceeded += 1
        # A stream ends when its reader has it all, which says nothing about this process.
        is_proper = 0 < exchange.status < 500 or exchange.status == 504
        uploading = getattr(self.body, "waited", 0.0)  # the client's time, not this process's
        seconds = monotonic() - self._begun - uploading if is_proper and not self.streams else None
        admission.leave(exchange.criticality, seconds, exchange.view)

    def _whole(self, body: Iterable[bytes]) -> list[bytes]:
        try:
            pieces = list(body)
        except BaseException:  # raised again: what could not be read is closed all the same
            _close(body)
            raise
        try:
            _close(body)
        except BaseException as error:  # the answer is whole; other servers have sent it by now
            _tell("an answer could not be closed", error)
        self.exchange.sent = sum(map(len, pieces))
        self.leave()
        return pieces


class _Stream:
    """A body that is sent as it comes; an event stream ends with its process. Closed once, by whoever is first."""

    def __init__(self, body: Iterable[bytes], exit_: _Exit) -> None:
        self._body = body
        self._pieces = iter(body)
        self._exit = exit_
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._exit.must_end():
            self.close()
            raise StopIteration
        try:
            piece = next(self._pieces)
        except StopIteration:
            raise
        except BaseException as error:  # raised again; granian says nothing, and ends it as if whole
            _tell("an answer broke off while it was sent", error)
            raise
        self._exit.exchange.sent += len(piece)
        return piece

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            _close(self._body)
        finally:
            self._exit.leave()


def _tell(what: str, error: BaseException) -> None:
    """Say in the log that the application failed: its server does not."""
    try:
        _logger.error(what, exc_info=error)
    except Exception:  # the log may be what is broken
        traceback.print_exception(error)


def _close(body: Iterable[bytes]) -> None:
    if (shorter := getattr(body, "_mainstay_close", None)) is not None:  # a response of the fast handler
        shorter(body)
        return
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _wait(admission: Admission, ticket: Ticket, exchange: Exchange) -> bool:
    """Whether the ticket was granted in time."""
    try:
        cast("_Wake", ticket.wake).wait(ticket.until - monotonic())
    except BaseException:  # raised again; who stops waiting gives up the place
        admission.abandon(ticket)
        raise
    finally:
        exchange.waited = monotonic() - ticket.since
    return admission.settle(ticket)


def _read_status(line: str) -> int:
    """The number in front of the reason; 0 where there is none."""
    try:
        return int(line.partition(" ")[0])
    except ValueError:
        return 0


def _is_well_formed(environ: Environ) -> bool:
    """``Host`` is asked for in HTTP/1.1 only (RFC 9112, section 3.2); before, Django takes the server's name for it."""
    if "HTTP_TRANSFER_ENCODING" in environ and environ.get("CONTENT_LENGTH"):
        return False
    host = environ.get("HTTP_HOST")
    return "," not in host if host else environ.get("SERVER_PROTOCOL") != "HTTP/1.1"


def _apply_forwarding(environ: Environ, trusted: TrustedProxies, believed: bool) -> None:
    if not believed:
        for name in [key for key in environ if key.startswith(("HTTP_X_FORWARDED", "HTTP_FORWARDED"))]:
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
