"""Where a link listens: a door that is closed stops looking for its target, whatever comes at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.links.door import Door, Place, address

NOWHERE = ("127.0.0.1", 9)


async def test_a_close_that_comes_together_with_a_refusal_ends_the_looking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the proxy would go on asking a target that nobody reaches through it any more."""
    loop = asyncio.get_running_loop()
    asked: list[asyncio.Future[None]] = []

    async def connect(*_: Any) -> None:
        asked.append(loop.create_future())
        await asked[-1]

    monkeypatch.setattr(loop, "sock_connect", connect)
    door = Door(Place("web->postgres.1", NOWHERE, NOWHERE), seed=0)
    door.refused()
    looking = door._looking
    assert looking is not None
    while not asked:
        await asyncio.sleep(0)

    asked[0].set_exception(ConnectionRefusedError())
    door.close()
    await asyncio.wait({looking}, timeout=0.5)
    ended = looking.done()
    looking.cancel()
    assert ended
    assert len(asked) == 1


def test_an_address_is_a_host_and_a_port() -> None:
    assert [address("127.0.0.1:5432"), address("[::1]:80")] == [("127.0.0.1", 5432), ("::1", 80)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5432",
        ":5432",
        "host:",
        "host:0",
        "host:65536",
        "host:-1",
        "host:²",
        "host:٣",
        "host:" + "1" * 5000,
    ],
)
def test_what_is_no_address_is_said_to_be_none(text: str) -> None:
    """Python's int takes fewer texts than those that are digits, and more than those of a port."""
    with pytest.raises(OperationFailed) as caught:
        address(text)
    assert caught.value.id == "links.wrong-address"
