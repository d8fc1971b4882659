"""The other end of the control socket: what sets toxics and reads counters."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mainstay.base.errors import OperationFailed

ANSWER_LIMIT = 5.0
"""Seconds in which the proxy must answer."""


async def connect(path: Path) -> LinkControl:
    """
    A connection to a running proxy.

    Raises:
        OperationFailed: Nobody answers there.
    """
    control = LinkControl(path)
    await control.refresh()
    return control


class LinkControl:
    """
    Lifetime: until `close`, or until the process ends; whatever was set ends with it.

    When the proxy was restarted in between, the next request connects anew, and links are as
    healthy as the new process made them. Requests may be made from several tasks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: tuple[str, ...] = ()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._unread = 0
        self._lock = asyncio.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Every link, as `refresh` last saw them."""
        return self._names

    async def refresh(self) -> tuple[str, ...]:
        """Look again which links there are: replicas come and go."""
        self._names = tuple(sorted({door["name"] for door in await self.ask("list")}))
        return self._names

    async def set(self, name: str, toxics: Sequence[Mapping[str, Any]]) -> None:
        """
        Replace the toxics that this connection has set on a link; an empty list heals it.

        Raises:
            OperationFailed: There is no such link or toxic, or the proxy does not answer.
        """
        await self.ask("set", name=name, toxics=list(toxics))

    async def counters(self, name: str) -> Mapping[str, int]:
        """
        What a link did to its traffic so far.

        Raises:
            OperationFailed: There is no such link, or the proxy does not answer.
        """
        return dict(await self.ask("counters", name=name))

    async def close(self) -> None:
        """Hang up; every link is healed of what was set here."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """
        Put any request. One that is cancelled leaves the connection, and what was set on it, as they are.

        Raises:
            OperationFailed: It was refused, in the proxy's words, or nobody answered.
        """
        async with self._lock:
            try:
                # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the answer.
                async with asyncio.timeout(ANSWER_LIMIT):
                    answer = await self._converse({"verb": verb, **arguments})
            except (OSError, TimeoutError, ValueError) as error:
                await self.close()
                raise OperationFailed(
                    "links.no-answer", f"the links did not answer {verb!r}: {error!r}", hint="do they run?"
                ) from error
        if "error" in answer:
            told = answer["error"]
            raise OperationFailed(told["id"], told["what"], told["hint"], details=tuple(told["details"]))
        return answer["ok"]

    async def _converse(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_unix_connection(str(self._path))
            self._unread = 0
        reader, writer = self._streams
        writer.write(json.dumps(request).encode() + b"\n")
        self._unread += 1
        await writer.drain()
        line = b""
        # The answers before the last are of requests whose askers were cancelled.
        while self._unread:
            line = await reader.readline()
            if not line:
                raise ConnectionResetError("hung up")
            self._unread -= 1
        return dict(json.loads(line))
