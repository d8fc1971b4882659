"""Questions are bounded: whatever the other side does, an answer or an error comes in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mainstay.ops.engines import ask
from mainstay.ops.engines.ask import converse, http_get, probe_http
from mainstay.ops.engines.engine import Address
from tests.stopwatch import Stopwatch

from .running import free_address


@asynccontextmanager
async def serving(*pieces: bytes, pause: float = 0.0, hold: bool = False) -> AsyncIterator[Address]:
    """A server that says its pieces to whoever comes, then hangs up or, with ``hold``, says nothing more."""
    released = asyncio.Event()
    talks: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            await reader.read(1024)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            if hold:
                await released.wait()
            writer.close()
            await writer.wait_closed()
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield Address(host, port)
    released.set()
    server.close()
    await asyncio.gather(*filter(None, talks))
    await server.wait_closed()


async def test_an_answer_in_pieces_is_read_to_its_mark() -> None:
    async with serving(b"VERS", b"ION 1\r", b"\n", pause=0.02, hold=True) as address:
        assert await converse(address, b"?", until=b"\r\n") == b"VERSION 1\r\n"


async def test_silence_ends_in_time() -> None:
    async with serving(hold=True) as address:
        watch = Stopwatch()
        with pytest.raises(TimeoutError):
            await converse(address, b"?", until=b"\r\n", limit=0.2)
        assert watch.elapsed() < 1.0


async def test_an_answer_that_trickles_ends_in_time() -> None:
    async with serving(*[b"x"] * 50, pause=0.05, hold=True) as address:
        with pytest.raises(TimeoutError):
            await converse(address, b"?", until=b"\r\n", limit=0.2)


async def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "MOST", 100_000)
    async with serving(b"x" * 1_000_000) as address:
        assert len(await converse(address, b"?", until=b"\r\n")) < 200_000


async def test_http_is_read_to_its_end() -> None:
    async with serving(b"HTTP/1.1 503 Unavailable\r\nA: b\r\n\r\nnot ", b"yet", pause=0.02) as address:
        assert await http_get(address, "/healthz") == (503, "not yet")
        assert (await probe_http(address, "/healthz")).detail == "/healthz answered 503: not yet"


async def test_what_is_no_http_is_said_so() -> None:
    async with serving(b"SSH-2.0-x\r\n") as address:
        probe = await probe_http(address, "/healthz")
    assert not probe.ready
    assert "did not answer in HTTP" in probe.detail


async def test_nobody_there_counts_as_unanswered() -> None:
    probe = await probe_http(free_address(), "/healthz")
    assert (probe.ready, probe.answered) == (False, False)
    assert "refused" in probe.detail.lower() or "Connect call failed" in probe.detail
