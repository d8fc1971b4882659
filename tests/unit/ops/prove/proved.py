"""A system under proof that is one small server in this process, and does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.faults.fault import NotPossible, Target
from mainstay.ops.prove.history import History
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.system import SystemGone

ANSWER = "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class FakeSystem:
    """Answers with ``status``; not ready at the moments in ``missing``."""

    url: str = "http://127.0.0.1:9"
    missing: Mapping[str, str] = field(default_factory=dict)
    """When it is asked whether it is ready: what is not."""
    status: int = 200
    unbreakable: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    waited: list[str] = field(default_factory=list)
    """When somebody waited until it was ready."""
    noted: list[dict[str, Any]] = field(default_factory=list)
    seed: int = -1
    """What a twin would draw from; set by whoever opens it."""

    def check_there(self) -> None:
        if "at the end" in self.missing:
            raise SystemGone("prove.system-gone", "it ended")

    @property
    def target(self) -> Target:
        if self.unbreakable:
            raise NotPossible(self.unbreakable)
        return None  # type: ignore[return-value]

    async def until_ready(self, within: float, when: str) -> None:
        self.waited.append(when)
        if self.missing.get(when) == "gone":
            raise SystemGone("prove.system-gone", "it ended")
        if when in self.missing:
            raise OperationFailed("prove.not-ready", f"not ready {when}", details=(self.missing[when],))

    async def processes(self) -> list[dict[str, Any]]:
        return self.rows

    async def events(self) -> list[dict[str, Any]]:
        return list(self.noted)

    async def inside(self, history: History) -> dict[str, float]:
        return dict(self.figures)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[FakeSystem]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER.format(status=self.status).encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class Ask(Journey):
    """Reads one page, and notes in which order it was used."""

    def __init__(self, rules: tuple[str, ...] = ()) -> None:
        self.rules = rules
        self.used: list[str] = []

    async def set_up(self, client: Client) -> None:
        self.used.append("set up")

    async def step(self, client: Client, number: int) -> None:
        if "step" not in self.used:
            self.used.append("step")
        await client.get("/")

    async def final(self, client: Client) -> None:
        self.used.append("final")

    def close(self) -> None:
        self.used.append("closed")


@dataclass
class Story:
    """Progress that is remembered."""

    told: list[str] = field(default_factory=list)
    figures: list[Mapping[str, float]] = field(default_factory=list)
    folder: Path | None = None

    def begin(self, total: int, seconds: float) -> None:
        self.told.append(f"begin {total}")

    def note(self, text: str) -> None:
        self.told.append(f"note {text}")

    def claim(self, claim: Any, number: int) -> None:
        self.told.append(f"claim {number} {claim.name}")

    def phase(self, name: str, seconds: float) -> None:
        self.told.append(name)

    def live(self, figures: Mapping[str, float]) -> None:
        self.figures.append(figures)

    def strike(self, strike: Any, text: str) -> None:
        self.told.append(f"{strike.fault} {text}")

    def done(self, result: Any) -> None:
        self.told.append(f"done {result.claim.name} {result.verdict}")

    def end(self, proof: Any, folder: Path) -> None:
        self.told.append("end")
        self.folder = folder
