"""
Answers that leave in one piece.

uvicorn writes the head and the body of an answer separately. A replica that dies
between the two leaves an answer cut short, which no edge can repeat on another replica,
because its head has been passed on already. Writes of one turn of the event loop are
therefore joined; this also saves a system call for each answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HELD_MAX = 64 * 1024
"""Bytes that are held back for the turn's end."""


class CorkedTransport:
    """A transport whose writes wait for the end of the turn; all else goes straight through."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, piece: bytes) -> None:
        if not self._held:
            asyncio.get_running_loop().call_soon(self._send)
        self._held.append(bytes(piece))
        self._size += len(piece)
        if self._size > HELD_MAX:  # only what reaches the transport can make uvicorn pause the application
            self._send()

    def writelines(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.write(piece)

    def write_eof(self) -> None:
        self._send()
        self._transport.write_eof()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))


class CorkedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a corked transport."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(CorkedTransport(transport))  # type: ignore[arg-type] # it has all its methods

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer of an idle connection, which uvicorn lets hold it when the other side has reset it."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
