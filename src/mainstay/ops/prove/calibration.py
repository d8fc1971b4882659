"""
The prover looks at itself: a stall that is known must be seen in full.

A server of its own answers at once, except for half a second in which it answers nothing.
Each step that was due in it must show the rest of the stall as its latency; a generator
that waits for earlier answers, or counts from when it sent, hides it (coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import IO

from mainstay.ops.prove.claim import Claim, Load, Result
from mainstay.ops.prove.history import History, Phase
from mainstay.ops.prove.judging.judge import judge
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.load import Generator

NAME = "generator"
CALM = 0.5
STALL = 0.5
RATE = 100.0
"""Steps per second: some fifty fall into the stall."""

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

CLAIM = Claim(
    NAME,
    "The prover's own generator shows a stall to its full length in every step that was due in it: half a second "
    "of a server of its own, so that a latency of 500 ms is right here and none of your system.",
    (),
    Load(RATE),
    ("errors = 0", "figure.hidden <= 100 ms"),
    steady=CALM,
    after=CALM,
    tags=("quick", "normal", "full"),
    source="the prover itself",
)


class Ask(Journey):
    async def step(self, client: Client, number: int) -> None:
        await client.get("/")


class Stalling:
    """A server that can hold its answers back."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.address = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def stall(self, seconds: float) -> tuple[float, float]:
        began = time.monotonic()
        self._open.clear()
        await asyncio.sleep(seconds)
        ended = time.monotonic()
        self._open.set()
        return began, ended

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await self._open.wait()
            writer.write(ANSWER)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def calibrate(claim: Claim, seed: int, stream: IO[str] | None) -> Result:
    """Load a server that stalls, and judge what the generator recorded of it."""
    history = History(stream=stream)
    result = Result(claim, history)
    server = Stalling()
    async with server.listening() as url:
        generator = Generator([Ask()], claim.load, url, history, seed=seed)
        try:
            generator.start()
            began = time.monotonic()
            await asyncio.sleep(claim.steady)
            stalled, until = await server.stall(STALL)
            await asyncio.sleep(claim.after)
            await generator.stop()
        finally:
            await generator.close()
    history.add(Phase("steady", began, stalled))
    history.add(Phase("fault", stalled, until))
    history.add(Phase("after", until, time.monotonic()))
    summary = generator.summary()
    result.figures |= {**summary.figures, "hidden": hidden(history, stalled, until)}
    judge(result)
    result.trouble = "" if summary.late_p99 < STALL / 5 else summary.bottleneck
    return result


def hidden(history: History, stalled: float, until: float) -> float:
    """
    Seconds of a stall that the record hides, at worst: in a step that was due, or by a step that is missing.

    Steps are due every ``1 / RATE`` seconds, so a gap between their moments is hidden time too.
    """
    due = sorted(each.due for each in history.operations if stalled <= each.due <= until)
    short = [(until - each.due) - each.latency for each in history.operations if stalled <= each.due <= until]
    moments = [stalled, *due, until]
    gaps = [after - before for before, after in pairwise(moments)]
    return max(0.0, *short, max(gaps) - 1 / RATE)
