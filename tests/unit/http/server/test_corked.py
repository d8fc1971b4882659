from __future__ import annotations

import asyncio
from typing import Any

from mainstay.http.server.corked import CorkedTransport


class Wire:
    """A transport that remembers what was written to it, and in how many pieces."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> Any:
        return name


async def test_head_and_body_of_an_answer_leave_together() -> None:
    wire = Wire()
    corked = CorkedTransport(wire)
    corked.write(b"head")
    corked.writelines([b"bo", b"dy"])
    assert wire.pieces == []
    await asyncio.sleep(0)
    corked.write(b"next")
    await asyncio.sleep(0)
    assert wire.pieces == [b"headbody", b"next"]


async def test_closing_sends_what_is_held_first() -> None:
    wire = Wire()
    corked = CorkedTransport(wire)
    corked.write(b"last words")
    corked.close()
    assert (wire.pieces, wire.closed) == ([b"last words"], True)
    await asyncio.sleep(0)
    assert wire.pieces == [b"last words"]


async def test_all_else_goes_straight_through() -> None:
    assert CorkedTransport(Wire()).get_extra_info("peername") == "peername"
