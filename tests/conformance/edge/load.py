"""
Clients that keep asking while something happens to the system.

Each keeps its connection as long as the edge lets it and never repeats a request by
itself, so every request that the edge drops is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mainstay.ops.engines.engine import Address

GET, KEYED, POST = "GET", "POST with a key", "POST"
_ids = itertools.count(1)


@dataclass
class Report:
    """What the clients saw."""

    sent: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    answered_by: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, seconds: float, failure: str) -> None:
        self.sent[kind] += 1
        self.worst[kind] = max(self.worst.get(kind, 0.0), seconds)
        if failure:
            self.failed[kind] += 1
            self.reasons[f"{kind}: {failure}"] += 1


@dataclass
class Client:
    """One kept connection."""

    address: Address
    kind: str
    report: Report
    pause: float = 0.0
    target: str = "/"
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            failure = await self._ask()
            self.report.note(self.kind, time.monotonic() - began, failure)
            await asyncio.sleep(self.pause)
        self._hang_up()

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(10):
                return await self._exchange()
        except (OSError, asyncio.IncompleteReadError) as error:
            self._hang_up()
            return type(error).__name__

    async def _exchange(self) -> str:
        if self._streams is None or self._streams[0].at_eof():
            self._hang_up()
            self._streams = await asyncio.open_connection(self.address.host, self.address.port)
        reader, writer = self._streams
        writer.write(self._request())
        status, headers = await _head(reader)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "") == "close":
            self._hang_up()
        if status != 200:
            return f"status {status}"
        self.report.answered_by[body.partition(b'"replica": "')[2].partition(b'"')[0].decode()] += 1
        return ""

    def _request(self) -> bytes:
        number = next(_ids)
        method = self.kind[:4].strip()
        lines = [f"{method} {self.target} HTTP/1.1", "Host: localhost", f"X-Request-ID: load-{number:08}"]
        if self.kind == KEYED:
            lines.append(f"Idempotency-Key: key-{number}")
        if self.kind != GET:
            lines += ["Content-Type: application/json", "Content-Length: 20"]
        body = b"" if self.kind == GET else b'{"quantity": 123456}'
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value.strip().lower() for name, value in pairs}


@contextlib.asynccontextmanager
async def load(
    address: Address, *kinds: str, clients: int = 4, pause: float = 0.002, target: str = "/"
) -> AsyncIterator[Report]:
    """Keep ``clients`` of each kind busy for the length of the block; the report is whole after it."""
    report, stop = Report(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for kind in kinds * clients:
            group.create_task(Client(address, kind, report, pause, target).run(stop))
        try:
            yield report
        finally:
            stop.set()
