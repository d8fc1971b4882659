"""
Open-loop traffic: operations start on schedule whether or not earlier ones have ended.

So a stall is counted in full, as every caller would see it, and not hidden by a client
that waits (coordinated omission). Latency is measured from the scheduled moment. Each
operation uses a connection of its own, so that no failure is one of the client's pool.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LIMIT = 10.0
"""Seconds after which a caller gives up."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    """0 when no answer came at all."""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def request(
    base: str,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    limit: float = LIMIT,
) -> Answer:
    """One request over a fresh connection; never raises."""
    try:
        async with asyncio.timeout(limit):
            return await _exchange(urlsplit(base), method, path, body, headers or {})
    except TimeoutError:
        return Answer(0, error=f"no answer within {limit:g} s")
    except (OSError, ValueError, IndexError, asyncio.IncompleteReadError) as error:
        return Answer(0, error=f"{type(error).__name__}: {error}")


async def _exchange(base: Any, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
    reader, writer = await asyncio.open_connection(base.hostname, base.port)
    try:
        content = b"" if body is None else json.dumps(body).encode()
        lines = {
            "Host": f"{base.hostname}:{base.port}",
            "Connection": "close",
            "Accept": "application/json",
            **headers,
        }
        if body is not None:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        return _parse(await reader.read())
    finally:
        writer.transport.abort()


def _parse(raw: bytes) -> Answer:
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError(f"an answer cut short: {raw[:60]!r}")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = _dechunk(body)
    elif len(body) < int(headers.get("content-length", 0)):
        raise ValueError("an answer shorter than its Content-Length")
    return Answer(int(lines[0].split(" ", 2)[1]), body, headers)


def _dechunk(raw: bytes) -> bytes:
    parts = []
    while True:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return b"".join(parts)
        if len(raw) < length + 2:
            raise ValueError("a chunk cut short")
        parts.append(raw[:length])
        raw = raw[length + 2 :]


@dataclass
class Record:
    """What happened to every operation of one kind."""

    name: str
    latencies: list[float] = field(default_factory=list)
    """Seconds from the scheduled moment to the answer, of all operations."""
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[float, str]] = field(default_factory=list)
    """(moment, what) of each failure, moments of `time.monotonic`."""

    @property
    def total(self) -> int:
        return len(self.latencies)

    @property
    def worst(self) -> float:
        return max(self.latencies, default=0.0)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    def __str__(self) -> str:
        return (
            f"{self.name}: {len(self.failures)} failed of {self.total}, p50 {self.percentile(0.5) * 1000:.0f} ms, "
            f"p99 {self.percentile(0.99) * 1000:.0f} ms, worst {self.worst * 1000:.0f} ms"
        )


Operation = Callable[[int], Awaitable[Answer]]


@dataclass
class Traffic:
    """Several kinds of operation, each at its own rate, until `stop`."""

    records: dict[str, Record] = field(default_factory=dict)
    lateness: list[float] = field(default_factory=list)
    """Seconds by which the generator itself started operations late."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def start(
        self, name: str, per_second: float, operation: Operation, good: Callable[[Answer], bool]
    ) -> Record:
        record = self.records[name] = Record(name)
        self._tasks.append(asyncio.create_task(self._generate(record, per_second, operation, good)))
        return record

    async def stop(self) -> None:
        """No new operations; wait for those under way."""
        self._stopped.set()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*self._running)

    async def _generate(
        self, record: Record, per_second: float, operation: Operation, good: Callable[[Answer], bool]
    ) -> None:
        began = time.monotonic()
        number = 0
        while not self._stopped.is_set():
            due = began + number / per_second
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            self.lateness.append(time.monotonic() - due)
            task = asyncio.create_task(self._perform(record, due, number, operation, good))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            number += 1

    async def _perform(
        self, record: Record, due: float, number: int, operation: Operation, good: Callable[[Answer], bool]
    ) -> None:
        answer = await operation(number)
        now = time.monotonic()
        record.latencies.append(now - due)
        record.outcomes[str(answer.status or answer.error)] += 1
        if not good(answer):
            record.failures.append((now, f"{answer.status} {answer.error or answer.body[:200]!r}"))
