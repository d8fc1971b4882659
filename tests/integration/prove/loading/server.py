"""
A small HTTP server in one thread, for load: it answers at once, and can be told to stand still.

``GET /stall?1.0`` stops everything for that many seconds, as a frozen process does. Prints its
port once it listens.
"""

from __future__ import annotations

import asyncio
import time

BODY = b'{"ok": true}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"


class Conversation(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        if b"\r\n\r\n" not in self.received:
            return
        path = self.received.split(b" ", 2)[1].decode()
        if path.startswith("/stall"):
            time.sleep(float(path.partition("?")[2]))
        self.transport.write(HEAD + BODY)
        if b"Connection: close" in self.received:
            self.transport.close()
        self.received = b""


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
