"""
One direction of one connection: what comes in at one end goes out at the other, now or later.

Without toxics a piece is handed from socket to socket in the call in which it was read.
With toxics it waits in a queue of bounded size; a full one stops the reading, so a slow
receiver slows its sender down as it would without a proxy.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from mainstay.ops.links.toxics import Effect

LIMIT = 1024 * 1024
"""Bytes that one direction of a delayed connection holds before it stops reading."""


class End(Enum):
    """How a stream ends, in its place behind the data."""

    FIN = "closed"
    RST = "broken"


@dataclass(slots=True)
class Counters:
    """What was done so far; only ever grows."""

    connections: int = 0
    bytes: int = 0
    """Passed on, both ways."""
    delayed: int = 0
    """Pieces that had to wait."""
    dropped: int = 0
    """Bytes that were swallowed."""
    reset: int = 0
    """Connections that were broken on purpose."""
    refused: int = 0
    """Connections that found nobody at the other end."""
    limited: int = 0
    """Connections that were ended or broken because so much had passed."""
    late_ends: int = 0
    """Ends of a stream that were held back."""


class Lane:
    """
    Lifetime: that of its connection. ``sink`` is set once the other end is connected; what
    comes before waits.
    """

    __slots__ = (
        "_blocked", "_breaks", "_chance", "_counters", "_free", "_left", "_on_end", "_on_limit", "_queue",
        "_timer", "_waiting", "direct", "effect", "ended", "lost", "sink", "source",
    )  # fmt: skip

    def __init__(
        self,
        counters: Counters,
        chance: random.Random,
        on_end: Callable[[End], None],
        on_limit: Callable[[bool], None],
    ) -> None:
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        self.effect: Effect | None = None
        self.direct = False
        """Whether nothing stands between a piece and the sink."""
        self.ended = False
        """The source will send no more."""
        self.lost = False
        """Something was swallowed: what still comes would not fit what went before."""
        self._counters = counters
        self._chance = chance
        self._on_end = on_end
        self._on_limit = on_limit
        self._queue: deque[tuple[float, bytes | memoryview | End]] = deque()
        self._waiting = 0
        self._free = 0.0
        self._left: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = self._breaks = False

    # --- in ----------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        if self.direct:
            self._counters.bytes += len(data)
            self.sink.write(data)  # type: ignore[union-attr]
        else:
            self._queue_up(data, len(data))

    def end(self, how: End) -> None:
        """The source closed or broke."""
        if not self.ended:
            self.ended = True
            self._queue_up(how, 0)

    def _queue_up(self, item: bytes | End, size: int) -> None:
        effect, due = self.effect, 0.0
        if effect is not None:
            if effect.swallow:
                self._swallow(size)
                return
            late = effect.delay(self._chance)
            if item is End.FIN and effect.close_delay:
                late += effect.close_delay
                self._counters.late_ends += 1
            due = asyncio.get_running_loop().time() + late
        # In order whatever chance says: a piece that is due waits behind one that is not.
        self._queue.append((due, item))
        self._waiting += size
        if self._waiting > LIMIT:
            self._pause()
        if self._timer is None:
            self._pump()

    def _swallow(self, size: int) -> None:
        self.lost = True
        self._counters.dropped += size

    # --- out ---------------------------------------------------------------------------

    def _pump(self) -> None:
        """Pass on what is due, and come back when the next is."""
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._queue and self._is_open():
            due, item = self._queue[0]
            at = max(due, self._free)
            if at > loop.time():
                self._counters.delayed += 1
                self._timer = loop.call_at(at, self._pump)
                break
            if isinstance(item, End):
                self._queue.popleft()
                self._on_end(item)
            else:
                self._pass_on(at, due, item)
        self._settle()

    def _is_open(self) -> bool:
        return (
            self.sink is not None and not self._blocked and not (self.effect is not None and self.effect.hold)
        )

    def _pass_on(self, at: float, due: float, data: bytes | memoryview) -> None:
        effect, size = self.effect, len(data)
        if effect is not None:
            size = min(effect.piece(self._chance) or size, size)
            self._free = (at or asyncio.get_running_loop().time()) + effect.cost(size)
        if self._left is not None:
            size = min(size, self._left)
            self._left -= size
        if size < len(data):
            self._queue[0] = (due, memoryview(data)[size:])
        else:
            self._queue.popleft()
        self._waiting -= size
        self._counters.bytes += size
        self.sink.write(memoryview(data)[:size])  # type: ignore[union-attr]
        if self._left == 0:
            self._counters.limited += 1
            self._on_limit(self._breaks)

    # --- what changes ------------------------------------------------------------------

    def lead_to(self, sink: asyncio.Transport | None) -> None:
        """The other end is connected, or no longer."""
        self.sink = sink
        self._pump()

    def suffer(self, effect: Effect | None) -> None:
        """From now on this is done to it; what waits for nothing any more goes on at once."""
        self.effect = effect
        self.direct = False
        limits = [each for each in (effect.limit, effect.reset_after) if each is not None] if effect else []
        self._left = min(limits, default=None)
        self._breaks = (
            effect is not None and effect.reset_after is not None and effect.reset_after == self._left
        )
        if effect is None:
            self._free = 0.0
            self._queue = deque((0.0, item) for _, item in self._queue)
        elif effect.swallow and self._queue:
            self._swallow(self._waiting)
            self._queue.clear()
            self._waiting = 0
        self._stop_timer()
        self._pump()

    def block(self) -> None:
        """The sink takes no more for now."""
        self._blocked = True
        self._pause()

    def unblock(self) -> None:
        self._blocked = False
        if self._timer is None:
            self._pump()

    def stop(self) -> None:
        """The connection is over: nothing is passed on any more."""
        self._stop_timer()
        self._queue.clear()
        self.sink, self.direct, self.ended = None, False, True

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _settle(self) -> None:
        self.direct = self.sink is not None and self.effect is None and not self._queue
        if self.source is not None and not self.ended and not self._blocked and self._waiting <= LIMIT // 2:
            self.source.resume_reading()

    def _pause(self) -> None:
        # At its end asyncio has stopped reading for good; to resume would report the end again.
        if self.source is not None and not self.ended:
            self.source.pause_reading()
