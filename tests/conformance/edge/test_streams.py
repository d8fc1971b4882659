"""WebSockets, event streams, kept connections and compression pass through."""

from __future__ import annotations

import asyncio
import gzip

import pytest
import websockets

from tests.conformance.edge import talk
from tests.conformance.edge.stage import Stage


async def test_a_websocket_is_upgraded_and_echoes(calm: Stage) -> None:
    async with websockets.connect(f"ws://localhost:{calm.address.port}/ws/", proxy=None) as socket:
        assert str(await socket.recv()).startswith("catalog")
        for text in ("one", "two" * 5000):
            await socket.send(text)
            assert await socket.recv() == text


async def test_silent_streams_outlive_the_time_limit_of_requests(calm: Stage) -> None:
    """A seat map may be silent for minutes; the limit on answers is six seconds here."""
    reader, writer = await asyncio.open_connection(calm.address.host, calm.address.port)
    head = b"GET /?do=events&id=silent HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
    writer.write(head)
    await reader.readuntil(b"data: first")
    async with websockets.connect(
        f"ws://localhost:{calm.address.port}/ws/", proxy=None, ping_interval=None
    ) as socket:
        await socket.recv()
        await asyncio.sleep(7)
        await socket.send("still here")
        assert await asyncio.wait_for(socket.recv(), 1) == "still here"
    calm.allow("silent")
    await asyncio.wait_for(reader.readuntil(b"data: second"), 1)
    writer.close()
    await writer.wait_closed()


async def test_a_websocket_outlives_a_change_of_other_replicas(stage: Stage) -> None:
    staying, leaving = stage.replicas
    await stage.rotate(staying)
    async with websockets.connect(f"ws://localhost:{stage.address.port}/", proxy=None) as socket:
        assert await socket.recv() == staying.backend.name
        await stage.rotate(staying, leaving)
        await stage.rotate(staying)
        await socket.send("still here")
        assert await socket.recv() == "still here"


def test_another_protocol_is_not_upgraded_to(calm: Stage) -> None:
    """``Upgrade: h2c`` would open a tunnel past every rule of the edge."""
    answer = talk.request(calm.address, "/", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert answer.status == 200
    assert "upgrade" not in dict(answer.json()["headers"])


def test_events_arrive_one_by_one(calm: Stage) -> None:
    with talk.connect(calm.address) as connection:
        connection.sendall(
            b"GET /?do=events&id=sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            b"Accept-Encoding: gzip\r\n\r\n"
        )
        received = b""
        while b"data: first" not in received:
            received += connection.recv(4096)
        assert b"data: second" not in received
        calm.allow("sse")
        while b"data: second" not in received:
            received += connection.recv(4096)


def test_a_client_connection_is_kept_where_a_reload_cannot_break_it(calm: Stage) -> None:
    program = calm.edge.program
    kept = program.engine == "haproxy" or "keepalive_min_timeout" in program.features
    with talk.connect(calm.address) as connection:
        for _ in range(3 if kept else 1):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert talk.receive(connection).status == 200
        assert kept or talk.closes(connection)


def test_text_is_compressed_for_those_who_ask(calm: Stage) -> None:
    plain = talk.request(calm.address, "/?do=page")
    small = talk.request(calm.address, "/?do=page", "Accept-Encoding: gzip")
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert len(small.body) < len(plain.body) / 10
    assert gzip.decompress(small.body) == plain.body


@pytest.mark.parametrize("target", ["/?do=status&code=200"])
def test_a_replica_is_asked_over_kept_connections(calm: Stage, target: str) -> None:
    """A new connection for each request would cost more than many an answer."""
    for _ in range(4):
        assert talk.request(calm.address, target).status == 200
