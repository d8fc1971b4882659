"""
Request bodies that are whole or not there at all.

Granian gives a WSGI application an empty body when the client left in the middle or the
chunks were broken, so that a cut POST looks like an empty one. Django besides ignores
a chunked body, because nothing tells it the length.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any


class Truncated(OSError):
    """The client ended the body before its announced length; Django makes it `UnreadablePostError`."""


class WholeBody:
    """A ``wsgi.input`` that raises `Truncated` instead of ending early."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        return self._count(self._stream.read(wanted) if wanted else b"", wanted)

    def readline(self, size: int = -1) -> bytes:
        line = self._stream.readline() if size < 0 else self._stream.readline(size)
        return self._count(line, 1 if self._left else 0)

    def readlines(self, hint: int = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            yield self.readline()

    def _count(self, data: bytes, least: int) -> bytes:
        self._left -= len(data)
        if len(data) < least:
            raise Truncated("the client left before the end of its request")
        return data


def settle(environ: dict[str, Any]) -> bool:
    """
    Make the body of a request trustworthy; ``False`` when it is broken.

    A chunked body is read here and given a length. An empty one is refused: granian
    hands over the same for broken chunks.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return bool(body)
    length = environ.get("CONTENT_LENGTH")
    if length and length.isdigit() and length != "0":
        environ["wsgi.input"] = WholeBody(environ["wsgi.input"], int(length))
    return True
