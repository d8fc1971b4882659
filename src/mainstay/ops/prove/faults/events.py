"""What the supervisor noted since a moment: the second witness of many faults."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from mainstay.ops.prove.faults.fault import Target

EVERY = 0.02


class Since:
    """Events from `begin` on."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._before = 0

    async def begin(self) -> None:
        self._before = len(await self._target.events())

    async def seen(self, *names: str, subject: str = "") -> list[dict[str, Any]]:
        """Those with one of these names; with a subject only those about it."""
        fresh = (await self._target.events())[self._before :]
        return [each for each in fresh if each["event"] in names and subject in ("", each["subject"])]

    async def first(self, *names: str, subject: str = "", within: float) -> dict[str, Any] | None:
        """The first of them, waited for; ``None`` when there was none in time."""
        deadline = time.monotonic() + within
        while True:
            if found := await self.seen(*names, subject=subject):
                return found[0]
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(EVERY)
