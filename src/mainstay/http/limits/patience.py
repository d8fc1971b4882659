"""Waiting for a bounded time, in a loop that may be late itself."""

from __future__ import annotations

import asyncio
from typing import Any

TURNS = 12
"""Turns of a loop from a readable socket to what waits for the answer, and some more."""


async def is_done_within(seconds: float, work: asyncio.Future[Any]) -> bool:
    """
    Like `asyncio.wait_for`, but an answer that is here already counts, however late the loop came to read it.

    A loop that was busy for longer than the time limit would otherwise take its own delay for that of
    whoever it asked. Nothing is cancelled.
    """
    await asyncio.wait((work,), timeout=seconds)
    for _ in range(TURNS):
        if work.done():
            return True
        await asyncio.sleep(0)
    return work.done()
