"""One proxied connection: two sockets and the two lanes between them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from mainstay.ops.links.lane import Counters, End, Lane
from mainstay.ops.links.toxics import ResetPeer, Toxic, effect

HIGH_WATER = 256 * 1024
"""Bytes that wait for a slow receiver before its sender is no longer read."""

NO_LINGER = struct.pack("ii", 1, 0)
"""To close at once and send RST (socket(7), SO_LINGER)."""

Address = tuple[str, int]


class Origin(Protocol):
    """What a connection asks of the door it came through."""

    target: Address
    counters: Counters

    def refused(self) -> None:
        """Nobody listens at the target."""

    def left(self) -> None:
        """The target ended a connection by itself."""

    def over(self, connection: Connection) -> None:
        """Both sockets are closed."""


class Connection:
    """Lifetime: from `open` until its origin is told that it is over, which happens once."""

    def __init__(self, origin: Origin, accepted: socket.socket, seed: str) -> None:
        self._origin = origin
        self._seed = seed
        chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._up = Lane(origin.counters, chance, lambda how: self._pass_end(self._target, how), self._limit)
        self._down = Lane(origin.counters, chance, lambda how: self._pass_end(self._client, how), self._limit)
        self._client = Side(self._up, self._down, self._lost)
        self._target = Side(self._down, self._up, self._lost)
        self._accepted = accepted
        self._sockets = [accepted]
        self._toxics: tuple[Toxic, ...] = ()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = 0
        """How many of the two streams have come to their end at the other side."""
        self._over = False

    def open(self, toxics: Sequence[Toxic]) -> None:
        self._suffer(toxics, fresh=True)
        if not self._over:
            self._task = asyncio.get_running_loop().create_task(self._join())

    def suffer(self, toxics: Sequence[Toxic]) -> None:
        """These are the link's toxics from now on."""
        self._suffer(toxics, fresh=False)

    def reset(self) -> None:
        """Tell both sides that the connection is broken, on purpose."""
        if not self._over:
            self._origin.counters.reset += 1
            self.cut()

    def cut(self) -> None:
        """End it now; both sides see a broken connection."""
        self._end(breaking=True)

    # --- two sockets become one connection ----------------------------------------------------

    async def _join(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            if not _swallows(self._up):
                target = new_socket(self._origin.target)
                self._sockets.append(target)
                await loop.sock_connect(target, self._origin.target)
                await self._hand_over(target, self._target)
            else:
                # Nobody is told of a connection of which nothing would ever arrive.
                self._up.lost = True
            await self._hand_over(self._accepted, self._client)
        except OSError as error:
            if isinstance(error, ConnectionRefusedError):
                self._origin.refused()
            self._end(breaking=True)
        finally:
            if self._over:
                self._hang_up(breaking=True)

    async def _hand_over(self, plain: socket.socket, side: Side) -> None:
        self._sockets.remove(plain)
        # asyncio does so only for sockets made in its own way; small pieces would wait 40 ms for an ACK.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: side, plain)

    # --- what is done to it -------------------------------------------------------------------

    def _suffer(self, toxics: Sequence[Toxic], *, fresh: bool) -> None:
        chosen = tuple(toxic for number, toxic in enumerate(toxics) if self._is_meant(number, toxic, fresh))
        if self._over or (chosen == self._toxics):
            return
        self._toxics = chosen
        self._up.suffer(effect(chosen, "up"))
        self._down.suffer(effect(chosen, "down"))
        if any(lane.lost and not _swallows(lane) for lane in (self._up, self._down)):
            self.reset()
        self._schedule_reset([toxic for toxic in chosen if isinstance(toxic, ResetPeer) and not toxic.bytes])

    def _is_meant(self, number: int, toxic: Toxic, fresh: bool) -> bool:
        if isinstance(toxic, ResetPeer) and not (fresh or toxic.existing or toxic in self._toxics):
            return False
        if toxic.probability >= 1:
            return True
        luck = random.Random(f"{self._seed}/{number}")  # noqa: S311 - to be repeated, not to be secret
        return luck.random() < toxic.probability

    def _schedule_reset(self, resets: Sequence[ResetPeer]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        after = min((toxic.timeout for toxic in resets), default=None)
        if after == 0:
            self.reset()
        elif after is not None and not self._over:
            self._timer = asyncio.get_running_loop().call_later(after, self.reset)

    def _limit(self, breaks: bool) -> None:
        if breaks:
            self.reset()
        else:
            self._end(breaking=False)

    # --- how it ends --------------------------------------------------------------------------

    def _lost(self, side: Side, how: End) -> None:
        """One side closed its stream or broke; the other learns of it behind all that was sent before."""
        if self._over:
            return
        if side is self._target and not self._up.ended:
            self._origin.left()
        other = self._client if side is self._target else self._target
        side.outgoing.end(how)
        if how is End.RST and other.transport is None:
            self._end(breaking=True)

    def _pass_end(self, side: Side, how: End) -> None:
        if how is End.RST or side.transport is None:
            self._end(breaking=True)
            return
        self._closed += 1
        try:
            side.transport.write_eof()
        except OSError:  # it has broken, and nobody has read that yet
            self._end(breaking=True)
        if self._closed == 2:
            self._end(breaking=False)

    def _end(self, *, breaking: bool) -> None:
        if self._over:
            return
        self._over = True
        self._up.stop()
        self._down.stop()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is None or self._task.done():
            self._hang_up(breaking=breaking)
        else:
            self._task.cancel()
        self._origin.over(self)

    def _hang_up(self, *, breaking: bool) -> None:
        for plain in self._sockets:
            _no_linger(plain)
            plain.close()
        self._sockets.clear()
        for side in (self._client, self._target):
            side.hang_up(breaking=breaking)


class Side(asyncio.Protocol):
    """One socket: what comes in goes to ``outgoing``, what ``incoming`` brings goes out."""

    def __init__(self, outgoing: Lane, incoming: Lane, lost: Callable[[Side, End], None]) -> None:
        self.outgoing = outgoing
        self.incoming = incoming
        self.transport: asyncio.Transport | None = None
        self._lost = lost
        self._gone: bool | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._gone is not None:
            self.hang_up(breaking=self._gone)
            return
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        self.outgoing.source = self.transport
        self.incoming.lead_to(self.transport)

    def data_received(self, data: bytes) -> None:
        self.outgoing.feed(data)

    def eof_received(self) -> bool:
        self._lost(self, End.FIN)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.incoming.lead_to(None)
        self._lost(self, End.RST if error else End.FIN)

    def pause_writing(self) -> None:
        self.incoming.block()

    def resume_writing(self) -> None:
        self.incoming.unblock()

    def hang_up(self, *, breaking: bool) -> None:
        self._gone = breaking
        if self.transport is None:
            return
        if breaking:
            _no_linger(self.transport.get_extra_info("socket"))
            self.transport.abort()
        else:
            self.transport.close()


def new_socket(address: Address) -> socket.socket:
    """One that can reach, or listen at, this address, and never blocks."""
    plain = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    plain.setblocking(False)
    return plain


def _no_linger(plain: socket.socket) -> None:
    with contextlib.suppress(OSError):
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)


def _swallows(lane: Lane) -> bool:
    return lane.effect is not None and lane.effect.swallow
