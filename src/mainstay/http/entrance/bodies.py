"""
Request bodies that are whole or not there at all.

Granian gives a WSGI application an empty body when the client left in the middle or the
chunks were broken, so that a cut POST looks like an empty one. Django besides ignores
a chunked body, because nothing tells it the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from time import monotonic
from typing import Any


class Truncated(OSError):
    """The client ended the body before its announced length; Django makes it `UnreadablePostError`."""


class WholeBody:
    """
    A ``wsgi.input`` that raises `Truncated` instead of ending early.

    ``waited`` are the seconds that its reads took: the client's time, not this process's.
    """

    def __init__(self, stream: Any, length: int) -> None:
        self.waited = 0.0
        self._stream = stream
        self._left = length

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        return self._count(self._timed(self._stream.read, wanted) if wanted else b"", wanted)

    def readline(self, size: int = -1) -> bytes:
        line = self._timed(self._stream.readline, *(() if size < 0 else (size,)))
        return self._count(line, 1 if self._left else 0)

    def readlines(self, hint: int = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            yield self.readline()

    def _timed(self, read: Callable[..., bytes], *size: int) -> bytes:
        begun = monotonic()
        try:
            return read(*size)
        finally:
            self.waited += monotonic() - begun

    def _count(self, data: bytes, least: int) -> bytes:
        self._left -= len(data)
        if len(data) < least:
            raise Truncated("the client left before the end of its request")
        return data


class ReadBody(BytesIO):
    """A ``wsgi.input`` that has been read already, which took ``waited`` seconds."""

    waited = 0.0


def settle(environ: dict[str, Any]) -> bool:
    """
    Make the body of a request trustworthy; ``False`` when it is broken.

    A chunked body is read here and given a length. An empty one is refused: granian
    hands over the same for broken chunks. It is read as a whole, as only so a body that was cut
    differs from one that ended; its size is bounded by the edge, which is in front of every replica.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:
        begun = monotonic()
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = read = ReadBody(body)
        read.waited = monotonic() - begun
        environ["CONTENT_LENGTH"] = str(len(body))
        return bool(body)
    length = environ.get("CONTENT_LENGTH")
    if length and length.isascii() and length.isdigit() and length != "0":
        environ["wsgi.input"] = WholeBody(environ["wsgi.input"], int(length))
    return True
