"""The end of the control socket that asks: what is cancelled meanwhile costs nobody else an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.links.client import LinkControl, connect


class Proxy:
    """Answers each request with its own verb, when it is let."""

    def __init__(self) -> None:
        self.connections = 0
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while line := await reader.readline():
                verb = json.loads(line)["verb"]
                self.asked.append(verb)
                await self.gate.wait()
                told: Any = [{"name": "web->postgres.1"}] if verb == "list" else {"verb": verb}
                writer.write(json.dumps({"ok": told}).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    proxy = Proxy()
    async with await asyncio.start_unix_server(proxy.answer, str(tmp_path / "links.sock")):
        yield proxy


@pytest.fixture
async def control(proxy: Proxy, tmp_path: Path) -> AsyncIterator[LinkControl]:
    control = await connect(tmp_path / "links.sock")
    yield control
    await control.close()


async def test_links_are_known_by_their_names(control: LinkControl) -> None:
    assert control.names == ("web->postgres.1",)


async def test_one_who_is_cancelled_leaves_the_connection_and_the_answers_in_order(
    proxy: Proxy, control: LinkControl
) -> None:
    """A connection that is closed heals its links, so a fault that is on would end."""
    proxy.gate.clear()
    asking = asyncio.create_task(control.counters("web->postgres.1"))
    while "counters" not in proxy.asked:
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    proxy.gate.set()
    assert await control.refresh() == ("web->postgres.1",)
    assert await control.counters("web->postgres.1") == {"verb": "counters"}
    assert proxy.connections == 1


async def test_a_cancellation_that_comes_together_with_the_answer_is_not_lost(
    control: LinkControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks again and again would never end."""
    answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def converse(request: Any) -> dict[str, Any]:
        return await answered

    monkeypatch.setattr(control, "_converse", converse)
    asking = asyncio.create_task(control.ask("list"))
    await asyncio.sleep(0.01)
    answered.set_result({"ok": []})
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperationFailed) as caught:
        await connect(tmp_path / "links.sock")
    assert caught.value.id == "links.no-answer"
