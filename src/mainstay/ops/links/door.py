"""
Where a link listens, and where it leads.

A door does what its target would: while nobody listens there, nobody listens here, so
that who connects is refused as it would be without a proxy, and not first let in and
then cut off, which an edge may not repeat elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.links.connection import Address, Connection, new_socket
from mainstay.ops.links.lane import Counters
from mainstay.ops.links.toxics import Down, Toxic

BACKLOG = 1024
ACCEPT_AT_ONCE = 64

LOOK_EVERY = 0.02
"""Seconds between two looks at a target where nobody listened."""

LOOK_LIMIT = 1.0
AT_MOST_EVERY = 0.005
"""Seconds between two looks at a target that keeps ending connections, as some servers do by design."""

TIRED = 0.1
"""Seconds without accepting when the machine gives no more descriptors."""


@dataclass(frozen=True, slots=True)
class Place:
    """A door as a value: what the configuration and the control socket say of it."""

    name: str
    """``orders->postgres.1``; those of a replica and of the one that replaces it have the same one."""
    listen: Address
    target: Address

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "listen": written(self.listen), "target": written(self.target)}


def place(content: Mapping[str, Any]) -> Place:
    """
    Raises:
        OperationFailed: It is none.
    """
    try:
        return Place(str(content["name"]), address(content["listen"]), address(content["target"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise OperationFailed("links.wrong-door", f"{content!r} is no door: {error!r}") from error


def address(text: str) -> Address:
    """
    ``127.0.0.1:5432`` as a pair.

    Raises:
        OperationFailed: It is no address.
    """
    host, _, port = text.rpartition(":")
    is_number = port.isascii() and port.isdigit() and len(port) <= 5
    if not host or not is_number or not 0 < int(port) < 65536:
        raise OperationFailed("links.wrong-address", f"{text!r} is no address", hint="such as 127.0.0.1:5432")
    return host.strip("[]"), int(port)


def written(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass
class Door:
    """Lifetime: from `open` until `close`."""

    place: Place
    seed: int
    target: Address = field(init=False)
    counters: Counters = field(default_factory=Counters)
    toxics: tuple[Toxic, ...] = ()

    def __post_init__(self) -> None:
        self.target = self.place.target
        self._connections: set[Connection] = set()
        self._numbers = itertools.count(1)
        self._listener: socket.socket | None = None
        self._listening = False
        self._absent = False
        """Nobody listened at the target when it was last asked."""
        self._looking: asyncio.Task[None] | None = None
        self._looked = 0.0

    def open(self) -> None:
        """
        Raises:
            OperationFailed: The address cannot be had.
        """
        listener = new_socket(self.place.listen)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(self.place.listen)
        except OSError as error:
            listener.close()
            raise OperationFailed(
                "links.cannot-listen", f"{self.place.name} on {written(self.place.listen)}: {error.strerror}"
            ) from error
        self._listener = listener
        self._decide()

    def close(self) -> None:
        """Listen no more, and break what is open."""
        if self._looking is not None:
            self._looking.cancel()
        self._stop_listening()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            connection.cut()

    def suffer(self, toxics: Iterable[Toxic]) -> None:
        """Do this to all traffic, of present and of future connections, instead of what was done before."""
        self.toxics = tuple(toxics)
        if self._is_down:
            for connection in list(self._connections):
                connection.reset()
        for connection in list(self._connections):
            connection.suffer(self.toxics)
        self._decide()

    def lead_to(self, target: Address, *, cut: bool = False) -> None:
        """Connect new ones there; those that lead elsewhere stay, unless they are to be ``cut``."""
        self.target = target
        self._absent = False
        self._decide()
        if cut:
            for connection in list(self._connections):
                connection.cut()

    # --- what connections tell -----------------------------------------------------------------

    def refused(self) -> None:
        self.counters.refused += 1
        self._start_looking()

    def left(self) -> None:
        """It may be that only this connection ended, or that its server did."""
        now = asyncio.get_running_loop().time()
        if now - self._looked > AT_MOST_EVERY:
            self._looked = now
            self._start_looking()

    def over(self, connection: Connection) -> None:
        self._connections.discard(connection)

    # --- whether it listens --------------------------------------------------------------------

    @property
    def _is_down(self) -> bool:
        return any(isinstance(toxic, Down) for toxic in self.toxics)

    def _decide(self) -> None:
        """Listen exactly when the target does and nothing forbids it."""
        if self._listener is None:
            return
        if self._absent or self._is_down:
            self._stop_listening()
        elif not self._listening:
            self._listening = True
            self._listener.listen(BACKLOG)
            self._accept_when_ready()

    def _stop_listening(self) -> None:
        """Whoever is not accepted yet is refused; the address stays taken (listen(2) works again after this)."""
        if self._listening and self._listener is not None:
            self._listening = False
            asyncio.get_running_loop().remove_reader(self._listener)
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)

    def _start_looking(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        """Ask the target until somebody listens there."""
        try:
            while True:
                self._absent = not await _listens(self.target)
                self._decide()
                if not self._absent:
                    return
                await asyncio.sleep(LOOK_EVERY)
        finally:
            self._looking = None

    # --- accepting -----------------------------------------------------------------------------

    def _accept_when_ready(self) -> None:
        if self._listening and self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            if self._listener is None or not self._listening:
                return
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._listener)
                loop.call_later(TIRED, self._accept_when_ready)
                return
            self._let_in(accepted)

    def _let_in(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        self.counters.connections += 1
        connection = Connection(self, accepted, f"{self.seed}/{self.place.name}/{next(self._numbers)}")
        self._connections.add(connection)
        connection.open(self.toxics)


async def _listens(target: Address) -> bool:
    """Whether somebody takes connections there; one who does not answer does."""
    with new_socket(target) as plain:
        try:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the answer.
            async with asyncio.timeout(LOOK_LIMIT):
                await asyncio.get_running_loop().sock_connect(plain, target)
        except ConnectionRefusedError:
            return False
        except (OSError, TimeoutError):
            return True
    return True
