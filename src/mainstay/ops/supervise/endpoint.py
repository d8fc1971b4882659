"""
One address that always leads to the current primary.

Projects that read only ``DATABASE_URL`` know one host. This relay listens there and
passes bytes on to whichever node is the primary; when that changes, connections to
the old one are cut, so that no client goes on talking to a server that must not
answer. Mainstay's own settings do not use it: they know every node.
"""

from __future__ import annotations

import asyncio
import contextlib

from mainstay.ops.engines.engine import Address

CHUNK = 64 * 1024


class PrimaryEndpoint:
    """Listens from `open` to `close`; `lead_to` may be called at any time between."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._target: Address | None = None
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.address.host, self.address.port)

    def lead_to(self, target: Address | None) -> None:
        """Send new connections there and cut those that lead elsewhere; ``None`` refuses all."""
        if target != self._target:
            self._target = target
            for link in self._links:
                link.cancel()

    async def close(self) -> None:
        self.lead_to(None)
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a stream callback always runs in a task
        self._links.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._target is None:
            return
        up_reader, up_writer = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, up_writer))
                both.create_task(_copy(up_reader, writer))
        except* OSError:
            pass
        finally:
            up_writer.transport.abort()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        sink.write_eof()
