"""Work that nobody waits for."""

from __future__ import annotations

import asyncio

from mainstay.ops.supervise.background import Background
from mainstay.ops.supervise.journal import Journal


async def _settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_an_error_is_noted_and_stops_nothing_else(journal: Journal) -> None:
    background = Background("shop", journal)
    done: list[str] = []

    async def fail() -> None:
        raise ValueError("no such number")

    async def work() -> None:
        done.append("done")

    background.start(fail())
    background.start(work())
    await _settled()
    assert done == ["done"]
    assert [(each.what, each.subject, each.why) for each in journal.latest] == [
        ("supervisor.error", "shop", "ValueError: no such number")
    ]


async def test_what_is_cut_off_is_no_error(journal: Journal) -> None:
    background = Background("shop", journal)
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            ended.set()

    background.start(work())
    await _settled()
    background.cancel()
    await _settled()
    assert ended.is_set()
    assert not journal.latest
