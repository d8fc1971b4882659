"""
Spans to an OpenTelemetry collector: OTLP over HTTP, in its JSON form.

Written against the OTLP specification 1.x (``/v1/traces``, ``ExportTraceServiceRequest``) with
the standard library, because the official exporter is no part of what Mainstay installs. A
thread sends what a bounded queue holds; a collector that is down, slow or failing costs spans,
which are counted, and nothing else: no memory beyond the queue, no wait in a request.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import mainstay
from mainstay.base import environment, wire
from mainstay.base.threads import start_thread
from mainstay.observability.figures import Count, Figure
from mainstay.observability.spans import Span, by_scope, pairs

QUEUE_LIMIT = 2048
"""Spans that wait; OpenTelemetry's own default (``OTEL_BSP_MAX_QUEUE_SIZE``)."""

BATCH_LIMIT = 512
PAUSE = 1.0
"""Seconds for which spans are gathered before they are sent."""

TIMEOUT = 10.0
TRIES = 3
BACKOFF = 1.0
RETRY_AFTER_LIMIT = 30.0
RETRIED = frozenset({429, 502, 503, 504})
"""Answers after which the specification wants the same batch again; any other error drops it."""

PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go, and how long one attempt may take."""

    url: SplitResult
    headers: Mapping[str, str]
    timeout: float = TIMEOUT

    @classmethod
    def from_environment(cls) -> Collector | None:
        """
        What OpenTelemetry's own variables say, or None if they name no endpoint.

        Raises:
            InvalidInput: The endpoint is no http address, or the time limit no number.
        """
        whole = environment.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        base = environment.text(wire.OTLP_ENDPOINT)
        if environment.text("OTEL_SDK_DISABLED").lower() == "true" or not (whole or base):
            return None
        name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if whole else wire.OTLP_ENDPOINT
        url = _address(name, whole or base.rstrip("/") + PATH)
        timeout = environment.number("OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT)
        return cls(url, _headers(environment.text("OTEL_EXPORTER_OTLP_HEADERS")), timeout or TIMEOUT)

    def post(self, body: bytes) -> tuple[int, float]:
        """
        The answer's status, and the seconds after which it wants to be asked again.

        Raises:
            OSError: Nobody answered in time.
            http.client.HTTPException: What answered does not speak HTTP.
        """
        host, port = self.url.hostname or "", self.url.port
        if self.url.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=self.timeout, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        try:
            headers = {"Content-Type": "application/json", **self.headers}
            connection.request("POST", self.url.path or PATH, body, headers)
            answer = connection.getresponse()
            answer.read(65536)
            return answer.status, _seconds(answer.getheader("Retry-After", ""))
        finally:
            connection.close()


class Exporter:
    """
    A bounded queue and the thread that empties it, which starts with the first span.

    `put` never waits. When the queue is full the new span is dropped and counted.
    """

    def __init__(
        self,
        collector: Collector,
        resource: Mapping[str, Any] | None = None,
        queue_limit: int = QUEUE_LIMIT,
        pause: float = PAUSE,
        backoff: float = BACKOFF,
    ) -> None:
        self.sent = Count()
        self.dropped = Count()
        self._collector = collector
        self._resource = resource_attributes() if resource is None else resource
        self._limit = queue_limit
        self._pause = pause
        self._backoff = backoff
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Also in a child of a fork, whose parent's thread sends the parent's spans."""
        self._waiting: deque[Span] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._ending = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def put(self, span: Span) -> None:
        with self._lock:
            if len(self._waiting) >= self._limit:
                self.dropped.add()
                return
            self._waiting.append(span)
            self._idle.clear()
            if self._thread is None:
                self._thread = start_thread(self._run, "mainstay-traces")
        self._filled.set()

    def flush(self, seconds: float = 2.0) -> bool:
        """Send what waits, for at most ``seconds``; whether everything left."""
        self._ending.set()
        self._filled.set()
        emptied = self._idle.wait(seconds)
        self._ending.clear()
        return emptied

    def _run(self) -> None:
        while True:
            self._filled.wait()
            self._ending.wait(self._pause)
            self._filled.clear()
            while batch := self._take():
                self._send(batch)
            with self._lock:
                if not self._waiting:
                    self._idle.set()

    def _take(self) -> list[Span]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(BATCH_LIMIT, len(self._waiting)))]

    def _send(self, batch: list[Span]) -> None:
        try:
            body = self.encode(batch)
            taken = self._deliver(body)
        except Exception:  # a span that cannot be written down must not end the thread
            taken = False
        (self.sent if taken else self.dropped).add(len(batch))

    def _deliver(self, body: bytes) -> bool:
        for attempt in range(TRIES):
            wait = self._backoff * 2**attempt
            try:
                status, wanted = self._collector.post(body)
            except (OSError, http.client.HTTPException):
                status, wanted = 503, 0.0
            if 200 <= status < 300:
                return True
            if status not in RETRIED or attempt == TRIES - 1 or self._ending.is_set():
                return False
            self._ending.wait(max(wait, min(wanted, RETRY_AFTER_LIMIT)))
        return False

    def encode(self, batch: list[Span]) -> bytes:
        """One request of the protocol. A text that is no Unicode loses the characters that are not."""
        resource = {"attributes": pairs(self._resource)}
        whole = {"resourceSpans": [{"resource": resource, "scopeSpans": by_scope(batch)}]}
        return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def figures(exporter: Exporter | None) -> Iterator[Figure]:
    """What `/metrics` tells of the export; zeros where nothing is exported."""
    sent, dropped, waiting = (
        (exporter.sent.value, exporter.dropped.value, exporter.waiting) if exporter else (0, 0, 0)
    )
    yield Figure("mainstay_trace_spans_sent_total", "Spans that the collector took.", sent, "counter")
    yield Figure(
        "mainstay_trace_spans_dropped_total",
        "Spans lost: the queue was full, or the collector did not take them.",
        dropped,
        "counter",
    )
    yield Figure("mainstay_trace_spans_waiting", "Spans that wait for the collector.", waiting)


def resource_attributes() -> dict[str, Any]:
    """Who sends, by OpenTelemetry's names; ``OTEL_RESOURCE_ATTRIBUTES`` adds to it."""
    said = (pair.partition("=") for pair in environment.listed("OTEL_RESOURCE_ATTRIBUTES"))
    return {
        **{name.strip(): unquote(value.strip()) for name, sign, value in said if sign},
        "service.name": environment.text("OTEL_SERVICE_NAME")
        or environment.text(wire.SERVICE, "unknown_service:python"),
        "service.namespace": environment.text(wire.SYSTEM) or None,
        "service.instance.id": environment.text(wire.REPLICA) or None,
        "service.version": environment.text(wire.RELEASE) or None,
        "process.pid": os.getpid(),
        "telemetry.sdk.name": "mainstay",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": mainstay.__version__,
    }


def now() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()


def _address(name: str, value: str) -> SplitResult:
    hint = "OTLP over gRPC is not spoken; a collector's HTTP port is usually 4318"
    try:
        url = urlsplit(value)
        sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        raise environment.invalid(name, "http://host:port or https://host:port", value, hint) from None
    if not sound:
        raise environment.invalid(name, "http://host:port or https://host:port", value, hint)
    return url


def _headers(text: str) -> dict[str, str]:
    """``name=value,name=value`` with percent-encoded values, as OpenTelemetry has it."""
    said = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, sign, value in said if sign and name.strip()}


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
