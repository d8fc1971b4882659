"""
An HTTP/1.1 answer as it comes in, piece by piece (RFC 9112); touches no socket.

One that ends before its announced length, or without an end, is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_HEAD = 1 << 16
"""Bytes of a status line and its headers at most."""

MOST_BODY = 1 << 25
"""Bytes of a body at most (32 MiB): a measuring client does not download archives."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, or why nothing did."""

    status: int
    """0 when no whole answer came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case; of a repeated one all values, joined by a comma (``set-cookie``: by a newline)."""
    body: bytes = b""
    error: str = ""
    """Why there is no answer; empty when there is one."""
    sent: bool = True
    """Whether any of the request may have reached anybody. False: it certainly had no effect."""

    @property
    def json(self) -> Any:
        """
        The body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Reading:
    """An answer as it comes in, piece by piece."""

    def __init__(self, *, bodiless: bool = False) -> None:
        self._bodiless = bodiless
        self._buffer = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._length: int | None = None
        self._chunks: _Chunks | None = None
        self.begun = False
        self.keeps_alive = False

    def feed(self, data: bytes) -> Answer | None:
        """
        The answer once it is whole.

        Raises:
            ValueError: This is no HTTP, or too much of it.
        """
        self.begun = True
        self._buffer += data
        if not self._status and not self._read_head():
            return None
        if self._chunks is not None:
            whole = self._chunks.feed(self._buffer)
            return self._answer(bytes(self._chunks.body)) if whole else None
        if len(self._buffer) > MOST_BODY:
            raise ValueError(f"an answer of more than {MOST_BODY} bytes")
        if self._length is not None and len(self._buffer) >= self._length:
            self.keeps_alive = self.keeps_alive and len(self._buffer) == self._length
            return self._answer(bytes(self._buffer[: self._length]))
        return None

    def at_the_end(self) -> Answer | None:
        """The answer whose body is everything until the connection ends (RFC 9112, 6.3), if it is one."""
        if not self._status or self._length is not None or self._chunks is not None:
            return None
        self.keeps_alive = False
        return self._answer(bytes(self._buffer))

    def _answer(self, body: bytes) -> Answer:
        return Answer(self._status, self._headers, body)

    def _read_head(self) -> bool:
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MOST_HEAD or not self._buffer.startswith(
                    b"HTTP/"[: len(self._buffer)]
                ):
                    raise ValueError(f"no answer in HTTP: {bytes(self._buffer[:60])!r}")
                return False
            head = self._buffer[:end].decode("latin-1")
            del self._buffer[: end + 4]
            status, version, headers = _parse_head(head)
            if status >= 200 or status == 101:
                break
        self._status, self._headers = status, headers
        self._frame(version)
        return True

    def _frame(self, version: str) -> None:
        connection = self._headers.get("connection", "").lower()
        self.keeps_alive = version == "HTTP/1.1" and "close" not in connection
        if self._bodiless or self._status in (204, 304):
            self._length = 0
        elif "chunked" in self._headers.get("transfer-encoding", "").lower():
            self._chunks = _Chunks()
        elif length := self._headers.get("content-length"):
            if not (length.isascii() and length.isdigit()):
                raise ValueError(f"a Content-Length of {length!r}")
            self._length = int(length)


def _parse_head(head: str) -> tuple[int, str, dict[str, str]]:
    first, *lines = head.split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise ValueError(f"no answer in HTTP: {first[:60]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if not separator:
            raise ValueError(f"a header without a colon: {line[:60]!r}")
        name, value = name.strip().lower(), value.strip()
        joint = "\n" if name == "set-cookie" else ", "
        headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    return int(rest[:3]), version, headers


class _Chunks:
    """A body in chunks (RFC 9112, 7.1); trailers are read and dropped."""

    def __init__(self) -> None:
        self.body = bytearray()
        self._left = -1
        """Bytes of the current chunk with its line end; -1: its size is not known yet; -2: trailers."""

    def feed(self, buffer: bytearray) -> bool:
        """Take what is whole out of the buffer; true at the end of the body."""
        while True:
            if self._left >= 0:
                if len(buffer) < self._left:
                    return False
                self.body += buffer[: self._left - 2]
                del buffer[: self._left]
                self._left = -1
                if len(self.body) > MOST_BODY:
                    raise ValueError(f"an answer of more than {MOST_BODY} bytes")
            end = buffer.find(b"\r\n")
            if end < 0:
                if len(buffer) > MOST_HEAD:
                    raise ValueError("a chunk without a size")
                return False
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if self._left == -1:
                size = int(line.partition(b";")[0], 16)
                if size < 0:
                    raise ValueError(f"a chunk of {size} bytes")
                self._left = size + 2 if size else -2
            elif not line:
                return True
