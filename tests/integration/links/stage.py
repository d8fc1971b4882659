"""What a test of links needs: an echo server, the proxy's process in front of it, and a client that measures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.links.client import LinkControl, connect

LINK = "a->b"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """Sends back what it reads, and closes when its client does; remembers how each connection ended."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.open = 0
        self.ends: list[str] = []
        self.silent = False
        """Accept and never read."""
        self.only_lines = False
        """Answer whole lines, not whatever comes."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await until(lambda: not self._writers)
        # A transport closes its socket in the next round of the loop.
        await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self._writers.add(writer)
        try:
            while self.silent:
                await asyncio.sleep(0.02)
            while data := await (reader.readline() if self.only_lines else reader.read(65536)):
                writer.write(data)
                await writer.drain()
            self.ends.append("fin")
            writer.write(b"bye")
        except OSError:
            self.ends.append("rst")
        finally:
            writer.close()
            self._writers.discard(writer)


@dataclass
class Stage:
    folder: Path
    port: int
    echo: Echo
    control: LinkControl = field(init=False)
    process: asyncio.subprocess.Process = field(init=False)
    _clients: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.folder / "c.sock"

    @property
    def configuration(self) -> dict[str, Any]:
        door = {
            "name": LINK,
            "listen": f"127.0.0.1:{self.port}",
            "target": f"127.0.0.1:{self.echo.port}",
        }
        return {"control": str(self.socket), "seed": 7, "doors": [door]}

    async def start(self) -> None:
        file = self.folder / "links.json"
        file.write_text(json.dumps(self.configuration))
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mainstay.ops.links", str(file)
        )
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            with contextlib.suppress(OperationFailed):
                self.control = await connect(self.socket)
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the links did not come up")

    async def stop(self) -> None:
        for writer in self._clients:
            writer.transport.abort()
        await self.control.close()
        self.process.terminate()
        assert await asyncio.wait_for(self.process.wait(), 20.0) == 0

    async def open(self) -> Streams:
        streams = await asyncio.open_connection("127.0.0.1", self.port)
        self._clients.append(streams[1])
        return streams

    async def ask(self, streams: Streams | None = None, data: bytes = b"hello") -> float:
        """One round trip; returns its seconds. Over a connection of its own when none is given."""
        reader, writer = streams or await self.open()
        began = time.monotonic()
        writer.write(data)
        assert await asyncio.wait_for(reader.readexactly(len(data)), 20.0) == data
        took = time.monotonic() - began
        if streams is None:
            writer.close()
        return took

    async def set(self, *toxics: dict[str, Any], link: str = LINK) -> None:
        await self.control.set(link, list(toxics))

    async def count(self, name: str) -> int:
        return (await self.control.counters(LINK))[name]

    def memory(self) -> int:
        """Resident bytes of the proxy."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def stage(folder: Path, port: int) -> AsyncIterator[Stage]:
    """The whole arrangement, from start to a clean end."""
    echo = Echo()
    await echo.start()
    made = Stage(folder, port, echo)
    try:
        await made.start()
        yield made
        await made.stop()
    finally:
        await made.echo.stop()
        if made.process.returncode is None:
            made.process.kill()
            await made.process.wait()


async def until(what: Any, within: float = 20.0) -> None:
    """Wait until a function says true."""
    deadline = time.monotonic() + within
    while not what():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


async def gone(streams: Streams, within: float = 20.0) -> str:
    """How a connection ended: ``rst`` or ``fin``."""
    try:
        rest = await asyncio.wait_for(streams[0].read(-1), within)
    except ConnectionResetError:
        return "rst"
    finally:
        streams[1].close()
    return "fin" if not rest else f"fin after {rest!r}"


def break_off(streams: Streams) -> None:
    """Close with RST, as the kernel does for a process that was killed over unread data."""
    plain = streams[1].get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    streams[1].transport.abort()
