"""One address that always leads to the current primary; real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise.endpoint import PrimaryEndpoint


class Server:
    """Answers every line with its own name and the line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.talking: set[asyncio.StreamWriter] = set()
        self.met = 0

    async def open(self) -> Server:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.address = Address(*self._server.sockets[0].getsockname())
        return self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        self.talking.add(writer)
        try:
            while line := await reader.readline():
                writer.write(self.name.encode() + b" " + line)
                await writer.drain()
        except OSError:
            pass
        finally:
            self.talking.discard(writer)
            writer.close()

    async def close(self) -> None:
        self._server.close()
        for writer in list(self.talking):
            writer.close()
        await asyncio.sleep(0.01)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, word: str) -> str:
        self.writer.write(word.encode() + b"\n")
        return (await asyncio.wait_for(self.reader.readline(), 5)).decode().strip()

    async def is_cut(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(1), 5) == b""
        except ConnectionError:
            return True


@pytest.fixture
async def servers() -> AsyncIterator[tuple[Server, Server]]:
    pair = (await Server("first").open(), await Server("second").open())
    yield pair
    for server in pair:
        await server.close()


@pytest.fixture
async def endpoint(free_port: Callable[[], int]) -> AsyncIterator[PrimaryEndpoint]:
    endpoint = PrimaryEndpoint(Address("127.0.0.1", free_port()))
    await endpoint.open()
    yield endpoint
    await endpoint.close()


@pytest.fixture
async def connect(endpoint: PrimaryEndpoint) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    clients: list[Client] = []

    async def begin() -> Client:
        clients.append(Client(*await asyncio.open_connection(endpoint.address.host, endpoint.address.port)))
        return clients[-1]

    yield begin
    for client in clients:
        client.writer.close()


Connect = Callable[[], Awaitable[Client]]
Pair = tuple[Server, Server]


async def test_it_passes_on_both_ways(endpoint: PrimaryEndpoint, connect: Connect, servers: Pair) -> None:
    endpoint.lead_to(servers[0].address)
    client = await connect()
    assert [await client.say("a"), await client.say("b")] == ["first a", "first b"]


async def test_much_is_passed_on_whole(endpoint: PrimaryEndpoint, connect: Connect, servers: Pair) -> None:
    endpoint.lead_to(servers[0].address)
    client = await connect()
    lines = b"".join(b"x" * 1000 + b"\n" for _ in range(2000))

    async def send() -> None:
        client.writer.write(lines)
        await client.writer.drain()

    sending = asyncio.create_task(send())
    answer = await asyncio.wait_for(client.reader.readexactly(2000 * 1007), 20)
    assert answer.count(b"first ") == 2000
    await sending


async def test_a_switch_cuts_those_that_led_to_the_old_one(
    endpoint: PrimaryEndpoint, connect: Connect, servers: Pair
) -> None:
    """A client that went on talking to it could be told of commits that nobody keeps."""
    endpoint.lead_to(servers[0].address)
    old = await connect()
    assert await old.say("a") == "first a"
    endpoint.lead_to(servers[1].address)
    assert await old.is_cut()
    assert await (await connect()).say("b") == "second b"


async def test_leading_to_the_same_one_again_cuts_nobody(
    endpoint: PrimaryEndpoint, connect: Connect, servers: Pair
) -> None:
    endpoint.lead_to(servers[0].address)
    client = await connect()
    await client.say("a")
    endpoint.lead_to(servers[0].address)
    assert await client.say("b") == "first b"


async def test_while_there_is_no_primary_everybody_is_refused(
    endpoint: PrimaryEndpoint, connect: Connect, servers: Pair
) -> None:
    assert await (await connect()).is_cut()
    endpoint.lead_to(servers[0].address)
    client = await connect()
    await client.say("a")
    endpoint.lead_to(None)
    assert await client.is_cut()
    assert await (await connect()).is_cut()


async def test_a_primary_that_does_not_listen_cuts_the_client_at_once(
    endpoint: PrimaryEndpoint, connect: Connect, free_port: Callable[[], int]
) -> None:
    endpoint.lead_to(Address("127.0.0.1", free_port()))
    assert await (await connect()).is_cut()


async def test_a_client_that_leaves_is_forgotten_on_the_other_side_too(
    endpoint: PrimaryEndpoint, connect: Connect, servers: Pair
) -> None:
    endpoint.lead_to(servers[0].address)
    client = await connect()
    await client.say("a")
    client.writer.close()
    for _ in range(200):
        if not servers[0].talking and not endpoint._links:
            break
        await asyncio.sleep(0.01)
    assert not servers[0].talking
    assert not endpoint._links


async def test_a_server_that_ends_tells_the_client(
    endpoint: PrimaryEndpoint, connect: Connect, servers: Pair
) -> None:
    endpoint.lead_to(servers[0].address)
    client = await connect()
    await client.say("a")
    await servers[0].close()
    assert await client.is_cut()


async def test_closing_leaves_no_task(endpoint: PrimaryEndpoint, connect: Connect, servers: Pair) -> None:
    endpoint.lead_to(servers[0].address)
    clients = [await connect() for _ in range(20)]
    await asyncio.gather(*(client.say("a") for client in clients))
    await endpoint.close()
    assert not endpoint._links
    assert all([await client.is_cut() for client in clients])
