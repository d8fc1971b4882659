"""
The faults of the reference system, each as one function: load, break, look.

The system tests run them small and assert; `python -m tests.system.figures` runs them
longer and prints what it saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from tests.system.journeys import Buyers
from tests.system.running import Running
from tests.system.traffic import Answer, Record, Traffic, request

SETTLE = 1.0
"""Seconds of steady load before and after what happens."""


@dataclass
class Seen:
    """What one scenario gave."""

    reads: Record
    orders: Record
    buyers: Buyers
    figures: dict[str, float] = field(default_factory=dict)
    lateness: float = 0.0
    """Seconds by which the generator was late, 99th percentile."""

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value:.2f}" for name, value in self.figures.items())
        raw = f"keyed POSTs failed at first try: {len(self.buyers.raw_failures)}"
        return f"  {self.reads}\n  {self.orders}; {raw}\n  {figures}; generator late p99 {self.lateness * 1000:.0f} ms"


@contextlib.asynccontextmanager
async def load(system: Running, *, reads: float, orders: float) -> AsyncIterator[Seen]:
    """Open-loop GETs of three public pages and whole purchases, for as long as the block runs."""
    base = system.url
    buyers = Buyers(base)
    await buyers.prepare()
    pages = ("/", "/api/events/", f"/api/events/{buyers.seats[0][0]}/")

    async def read(number: int) -> Answer:
        return await request(base, "GET", pages[number % len(pages)])

    traffic = Traffic()
    seen = Seen(
        traffic.start("GET", reads, read, lambda answer: answer.status == 200),
        traffic.start("order", orders, buyers.buy, lambda answer: answer.status == 201),
        buyers,
    )
    await asyncio.sleep(SETTLE)
    try:
        yield seen
        await asyncio.sleep(SETTLE)
    finally:
        await traffic.stop()
    late = sorted(traffic.lateness)
    seen.lateness = late[int(len(late) * 0.99)] if late else 0.0


async def _until(true: Callable[[], object], limit: float) -> float:
    began = time.monotonic()
    while not await asyncio.to_thread(true):
        if time.monotonic() - began > limit:
            raise AssertionError(f"not within {limit:g} s")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def replica_killed(system: Running, name: str, *, reads: float = 60, orders: float = 3) -> Seen:
    """kill -9 of one replica; its replacement has to come into rotation."""
    async with load(system, reads=reads, orders=orders) as seen:
        began = time.monotonic()
        pid = await asyncio.to_thread(system.signal, name, signal.SIGKILL)

        def replaced() -> bool:
            row = system.process(name)
            return row["state"] == "ready" and row["pid"] != pid

        await _until(replaced, 20)
        seen.figures["replacement ready after s"] = _since(system, began, "process.ready", name)
    return seen


async def replica_paused(
    system: Running, name: str, *, reads: float = 60, orders: float = 3, pause: float = 3.0
) -> Seen:
    """SIGSTOP of one replica, SIGCONT after a while."""
    async with load(system, reads=reads, orders=orders) as seen:
        pid = await asyncio.to_thread(system.signal, name, signal.SIGSTOP)
        await asyncio.sleep(pause)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    return seen


async def rolled_out(
    system: Running, services: tuple[str, ...], *, reads: float = 60, orders: float = 3
) -> Seen:
    """Every service replaced, process by process."""
    async with load(system, reads=reads, orders=orders) as seen:
        for service in services:
            began = time.monotonic()
            await asyncio.to_thread(system.mainstay, "rollout", service)
            seen.figures[f"rollout {service} s"] = time.monotonic() - began
    return seen


async def primary_killed(system: Running, *, reads: float = 20, orders: float = 5) -> Seen:
    """kill -9 of the primary's postmaster under writes."""
    async with load(system, reads=reads, orders=orders) as seen:
        name = (await asyncio.to_thread(system.primary))["name"]
        moment = time.monotonic()
        await asyncio.to_thread(system.signal, name, signal.SIGKILL)
        moment = time.monotonic()
        await _until(lambda: system.primary()["name"] != name, 20)
        await _until(lambda: seen.buyers.moments and seen.buyers.moments[-1] > moment + 0.05, 20)
        seen.figures["first acknowledged write after s"] = (
            min(m for m in seen.buyers.moments if m > moment) - moment
        )
        await _until(lambda: system.status()["durability"] == "synchronous", 40)
        seen.figures["synchronous again after s"] = time.monotonic() - moment
    return seen


def _since(system: Running, began: float, event: str, subject: str) -> float:
    """Seconds from a moment of this process's clock to the latest event of that name."""
    entry = [each for each in system.events(event) if each["subject"] == subject][-1]
    happened = datetime.fromisoformat(entry["time"]).timestamp()
    return happened - (time.time() - (time.monotonic() - began))
