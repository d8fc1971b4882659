"""The measuring client over real sockets: what it says when a server misbehaves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mainstay.ops.prove.loading.http import Http, request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Listens on loopback and behaves as told; counts connections."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self.received: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.behaviour(reader, writer)
        finally:
            writer.transport.abort()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Behaviour], Awaitable[tuple[Server, str]]]]:
    listeners: list[asyncio.Server] = []

    async def start(behaviour: Behaviour) -> tuple[Server, str]:
        server = Server(behaviour)
        listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
        listeners.append(listener)
        return server, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


Start = Callable[[Behaviour], Awaitable[tuple[Server, str]]]


def answering(raw: bytes) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return behave


async def keeping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(OK)


async def test_a_request_has_a_connection_of_its_own(serve: Start) -> None:
    server, base = await serve(answering(OK))
    http = Http(base)
    answers = [await http.request("GET", "/") for _ in range(3)]
    assert [(each.status, each.body, each.sent) for each in answers] == [(200, b"ok", True)] * 3
    assert server.connections == 3


async def test_what_is_sent(serve: Start) -> None:
    seen = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"}"))
        writer.write(OK)
        await writer.drain()

    _, base = await serve(behave)
    await request(base, "POST", "/a b?c=ü", {"x": 1}, {"X-Own": "y"})
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a%20b?c=%C3%BC HTTP/1.1"
    assert set(lines[1:]) >= {
        f"Host: {base.removeprefix('http://')}".encode(),
        b"Connection: close",
        b"Content-Type: application/json",
        b"Content-Length: 8",
        b"X-Own: y",
    }
    assert body == b'{"x": 1}'


async def test_nobody_there_is_certain(free_port: Callable[[], int]) -> None:
    answer = await Http(f"http://127.0.0.1:{free_port()}").request("POST", "/")
    assert (answer.status, answer.sent) == (0, False)
    assert "ConnectionRefusedError" in answer.error


async def test_another_address_of_a_name_is_tried(serve: Start) -> None:
    """``localhost`` is often ::1 first, where a server of 127.0.0.1 does not listen."""
    _, base = await serve(answering(OK))
    http = Http(base)
    http._addresses = ["127.0.0.2", "127.0.0.1"]
    assert (await http.request("GET", "/")).status == 200
    assert http._addresses[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "cut short"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "cut short"),
        (b"SSH-2.0-x\r\n", "no answer in HTTP"),
    ],
)
async def test_a_broken_answer_is_none_and_may_have_had_its_effect(
    serve: Start, raw: bytes, error: str
) -> None:
    _, base = await serve(answering(raw))
    answer = await Http(base).request("GET", "/")
    assert (answer.status, answer.sent) == (0, True)
    assert error in answer.error


async def test_a_reset_is_an_answer_too(serve: Start) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    _, base = await serve(behave)
    answer = await Http(base).request("POST", "/")
    assert (answer.status, answer.sent) == (0, True)
    assert "ConnectionResetError" in answer.error


async def test_waiting_ends(serve: Start) -> None:
    gate = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()

    _, base = await serve(behave)
    answer = await Http(base, limit=0.1).request("GET", "/")
    assert (answer.status, answer.error, answer.sent) == (0, "no answer within 0.1 s", True)
    gate.set()


async def test_kept_connections_are_used_again(serve: Start) -> None:
    server, base = await serve(keeping)
    http = Http(base, keep_alive=True)
    for _ in range(5):
        assert (await http.request("GET", "/")).status == 200
    assert server.connections == 1
    http.close()


async def test_a_kept_connection_that_the_server_closed_is_no_failure(serve: Start) -> None:
    """A pool that hands out dead connections would blame the system for itself."""
    server, base = await serve(answering(OK))
    http = Http(base, keep_alive=True)
    for _ in range(3):
        assert (await http.request("GET", "/")).status == 200
        await asyncio.sleep(0.02)
    assert server.connections == 3


async def once_then_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)
    await reader.readuntil(b"\r\n\r\n")


async def test_a_safe_request_that_meets_a_closing_connection_is_sent_once_more(serve: Start) -> None:
    server, base = await serve(once_then_hang_up)
    http = Http(base, keep_alive=True)
    assert [(await http.request("GET", "/")).status for _ in range(2)] == [200, 200]
    assert server.connections == 2
    http.close()


async def test_a_write_that_meets_a_closing_connection_is_not(serve: Start) -> None:
    """It may have had its effect."""
    server, base = await serve(once_then_hang_up)
    http = Http(base, keep_alive=True)
    assert (await http.request("POST", "/")).status == 200
    answer = await http.request("POST", "/")
    assert (answer.status, answer.sent) == (0, True)
    assert server.connections == 1


async def test_a_cancelled_request_leaves_no_connection(serve: Start) -> None:
    ended = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()

    _, base = await serve(behave)
    task = asyncio.create_task(Http(base).request("GET", "/"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(2):
        await ended.wait()
