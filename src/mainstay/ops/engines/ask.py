"""Short questions to a running engine over a socket, bounded in time and size: what probes are made of."""

from __future__ import annotations

import asyncio
import contextlib

from mainstay.ops.engines.engine import Address, Probe

LIMIT = 0.8
"""Seconds one question may take; a probe promises an answer within a second."""

MOST = 1 << 20
"""Bytes of an answer that are read at most."""


async def converse(address: Address, question: bytes, *, until: bytes, limit: float = LIMIT) -> bytes:
    """
    Connect, send, read until the answer contains ``until`` or ends, and hang up.

    Raises:
        OSError: Nobody listens, or the connection broke; a late answer is a `TimeoutError`, which is one.
    """
    async with asyncio.timeout(limit):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            writer.write(question)
            return await _read(reader, until)
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader, until: bytes) -> bytes:
    answer = b""
    while (not until or until not in answer) and len(answer) < MOST:
        piece = await reader.read(65536)
        if not piece:
            break
        answer += piece
    return answer


async def http_get(address: Address, path: str, *, limit: float = LIMIT) -> tuple[int, str]:
    """
    Status and body of a plain HTTP GET.

    HTTP/1.0 on purpose: the answer ends where the connection ends, so nothing has to be
    decoded.

    Raises:
        OSError: As `converse`, or the answer is no HTTP.
    """
    question = f"GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
    answer = await converse(address, question, until=b"", limit=limit)
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ConnectionError(f"{address} did not answer in HTTP")
    return int(words[1]), body.decode(errors="replace")


async def probe_http(address: Address, path: str) -> Probe:
    """Ready when the path answers 200; the detail of a refusal is its first line."""
    try:
        status, body = await http_get(address, path)
    except OSError as error:
        return Probe(False, said(error), answered=False)
    return Probe(True) if status == 200 else Probe(False, f"{path} answered {status}: {body.strip()[:200]}")


def said(error: BaseException) -> str:
    """One line for an error that may have no words of its own, as a `TimeoutError` has none."""
    if isinstance(error, TimeoutError):
        return f"no answer within {LIMIT:g} s"
    with contextlib.suppress(IndexError):
        return str(error).strip().splitlines()[0]
    return type(error).__name__
