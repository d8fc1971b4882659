"""HAProxy's admin socket: what the running program knows, and telling it otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Address

LONGEST_PATH = 100
"""Bytes of a path that a socket address holds on every system; Linux allows 107, macOS 103."""

LIMIT = 2.0
"""Seconds one command may take."""

OUT = 0x01 | 0x08
"""Bits of ``srv_admin_state`` that are set by an administrator's ``maint`` and ``drain``."""

SERVERS = "4"
"""The object type of ``show stat`` that stands for servers."""


@dataclass(frozen=True, slots=True)
class Server:
    """A replica as the running HAProxy sees it."""

    service: str
    name: str
    address: Address
    out: bool
    """Taken out of rotation on purpose; a replica that only fails its checks is not."""

    @property
    def path(self) -> str:
        return f"{self.service}/{self.name}"


@dataclass(frozen=True, slots=True)
class Admin:
    """
    Commands over the admin socket, one connection each.

    The socket lies in ``folder``, whose path may be longer than a socket address
    holds; then it is reached through an open descriptor of the folder.
    """

    folder: Path
    name: str

    async def say(self, *commands: str) -> str:
        """
        Give commands in one line; what they answer comes back joined.

        Raises:
            OSError: Nobody listens: HAProxy does not run, or is not up yet.
        """
        with self._reachable() as path:
            async with asyncio.timeout(LIMIT):
                reader, writer = await asyncio.open_unix_connection(path)
                try:
                    writer.write(("; ".join(commands) + "\n").encode())
                    return (await reader.read(-1)).decode(errors="replace")
                finally:
                    writer.close()

    @contextlib.contextmanager
    def _reachable(self) -> Iterator[str]:
        path = self.folder / self.name
        if len(os.fsencode(path)) <= LONGEST_PATH:
            yield str(path)
            return
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}/{self.name}"
        finally:
            os.close(descriptor)

    async def tell(self, *commands: str, expect: str = "") -> None:
        """
        Give commands that answer nothing, or ``expect``, when they worked.

        Raises:
            OSError: As `say`.
            OperationFailed: HAProxy refused, in its own words.
        """
        answer = (await self.say(*commands)).strip()
        if answer != expect:
            raise OperationFailed("edge.refused", f"haproxy refused: {commands[0]}", details=(answer,))

    async def servers(self) -> tuple[Server, ...]:
        """
        Every replica that HAProxy knows, in rotation or not.

        https://docs.haproxy.org/2.8/management.html#9.3-show%20servers%20state
        """
        lines = (await self.say("show servers state")).splitlines()
        names = next((line for line in lines if line.startswith("#")), "").lstrip("# ").split()
        rows = (dict(zip(names, line.split(), strict=False)) for line in lines if line[:1].isdigit())
        return tuple(_server(row) for row in rows if "srv_name" in row)

    async def sessions(self) -> dict[str, int]:
        """Per replica, the requests and sockets open towards it."""
        answer = await self.say(f"show stat -1 {SERVERS} -1")
        rows = csv.DictReader(io.StringIO(answer.lstrip("# ")))
        return {row["svname"]: int(row["scur"] or 0) for row in rows if row["svname"]}


def _server(row: dict[str, str]) -> Server:
    address = Address(row["srv_addr"], int(row["srv_port"]))
    return Server(row["be_name"], row["srv_name"], address, bool(int(row["srv_admin_state"]) & OUT))
