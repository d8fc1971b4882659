"""Waiting for what happens in another process, which can set no event here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(true: Callable[[], object], within: float, *, every: float = 0.005) -> bool:
    """Look until it is true, at most ``within`` seconds; says whether it was."""
    deadline = time.monotonic() + within
    while True:
        if true():
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(every)
