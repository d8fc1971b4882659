"""
What can be done to the traffic of a link, and what it comes to for one direction of one connection.

The catalogue and its names are Toxiproxy's (https://github.com/Shopify/toxiproxy#toxics);
``black_hole`` is its ``timeout``, ``down`` its disabled proxy, ``direction`` its ``stream``
and ``probability`` its ``toxicity``. Durations are seconds or text such as ``"200ms"``, sizes
are bytes or text such as ``"64 KiB"``, as everywhere in Mainstay.
"""

# ruff: noqa: RUF009 - `key` makes a dataclass field, which is what belongs there

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mainstay.base.errors import InvalidInput, OperationFailed, nearest
from mainstay.base.schema import key, read_or_raise
from mainstay.base.shapes import Choice, Duration, Flag, Refusal, Shape, Size, is_number

Direction = Literal["up", "down", "both"]
"""``up`` is from who connects to who is connected to."""

LONGEST = 3600.0
MOST = 2**40
PIECE_SECONDS = 0.01
"""A slow line is written to in pieces of this length of time, so that it is slow evenly."""


class Share(Shape[float]):
    """A number from 0 to 1."""

    expected = "a number from 0 to 1"

    def accepts(self, value: object) -> bool:
        return is_number(value, int, float)

    def convert(self, value: Any, spot: object) -> float:
        if not 0 <= value <= 1:
            raise Refusal("out-of-range")
        return float(value)

    def json(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": 1}


def _seconds(about: str, *, least: float = 0.0, default: float | None = None) -> float:
    shape = Duration(least, LONGEST)
    return key(shape, about) if default is None else key(shape, about, default=default)


def _bytes(about: str, *, least: int = 1, default: int | None = None) -> int:
    return (
        key(Size(least, MOST), about) if default is None else key(Size(least, MOST), about, default=default)
    )


@dataclass(frozen=True, slots=True)
class Toxic:
    """What all have in common."""

    direction: Direction = key(
        Choice[Direction]("up", "down", "both"), "Which way the traffic goes that suffers.", default="both"
    )
    probability: float = key(Share(), "How likely each connection suffers.", default=1.0)


@dataclass(frozen=True, slots=True)
class Latency(Toxic):
    latency: float = _seconds("How much later everything arrives; order is kept.")
    jitter: float = _seconds("By how much that varies, up and down.", default=0.0)


@dataclass(frozen=True, slots=True)
class Bandwidth(Toxic):
    rate: int = _bytes("Bytes a second.")


@dataclass(frozen=True, slots=True)
class Slicer(Toxic):
    average_size: int = _bytes("Bytes of one piece.")
    size_variation: int = _bytes("By how much that varies, up and down.", least=0, default=0)
    delay: float = _seconds("Pause after each piece.", default=0.0)


@dataclass(frozen=True, slots=True)
class SlowClose(Toxic):
    delay: float = _seconds("How much later the end of a stream arrives.")


@dataclass(frozen=True, slots=True)
class LimitData(Toxic):
    bytes: int = _bytes("A connection is closed in order after so many bytes, counted from now.", least=0)


@dataclass(frozen=True, slots=True)
class BlackHole(Toxic):
    """
    Connections are accepted and read, and nothing ever comes of it.

    What was swallowed is gone for good, so a connection that lost something is reset once the
    link is healed. With ``hold``, nothing is lost, only late: a partition that ends before TCP
    has given up.
    """

    hold: bool = key(Flag(), "Keep back instead of swallowing.", default=False)


@dataclass(frozen=True, slots=True)
class ResetPeer(Toxic):
    """Both sides are told that the connection is broken (RST): those that exist, and each new one."""

    timeout: float = _seconds("After so long.", default=0.0)
    bytes: int = _bytes("After so many bytes, counted from now.", least=0, default=0)
    existing: bool = key(Flag(), "Also those that exist when it begins.", default=True)


@dataclass(frozen=True, slots=True)
class Down(Toxic):
    """Nobody listens any more: new connections are refused, existing ones reset."""


CATALOGUE: Mapping[str, type[Toxic]] = {
    "latency": Latency,
    "bandwidth": Bandwidth,
    "slicer": Slicer,
    "slow_close": SlowClose,
    "limit_data": LimitData,
    "black_hole": BlackHole,
    "reset_peer": ResetPeer,
    "down": Down,
}


def parse(given: Sequence[Mapping[str, Any]]) -> tuple[Toxic, ...]:
    """
    Toxics as their values: ``[{"type": "latency", "latency": 0.2, "direction": "down"}]``.

    Raises:
        OperationFailed: One of them is none, with all that is wrong about it.
    """
    if not isinstance(given, list | tuple) or not all(isinstance(each, Mapping) for each in given):
        raise _wrong(f"expected a list of tables, found {given!r:.60}")
    return tuple(_parse(number, each) for number, each in enumerate(given))


def _parse(number: int, given: Mapping[str, Any]) -> Toxic:
    name = str(given.get("type"))
    if name not in CATALOGUE:
        hint = nearest(name, CATALOGUE) or f"there are {', '.join(CATALOGUE)}"
        raise _wrong(f"there is no toxic {name!r}", hint)
    values = {key: value for key, value in given.items() if key != "type"}
    try:
        return read_or_raise(CATALOGUE[name], values, where=f"toxic {number + 1} ({name})", area="links")
    except InvalidInput as error:
        details = (line for problem in error.problems for line in str(problem).splitlines())
        raise _wrong(f"{name} cannot be set like this", details=tuple(details)) from error


def _wrong(what: str, hint: str = "", details: tuple[str, ...] = ()) -> OperationFailed:
    return OperationFailed("links.wrong-toxic", what, hint, details=details)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one direction of one connection suffers from all its toxics together."""

    latency: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    """Bytes a second; 0 for as fast as it goes."""
    size: int = 0
    """Bytes of one piece; 0 for whatever comes."""
    variation: int = 0
    pause: float = 0.0
    close_delay: float = 0.0
    swallow: bool = False
    hold: bool = False
    limit: int | None = None
    """Bytes after which the connection is closed."""
    reset_after: int | None = None
    """Bytes after which it is reset."""

    def delay(self, chance: random.Random) -> float:
        """Seconds by which the next piece is late."""
        if not self.jitter:
            return self.latency
        return max(0.0, self.latency + chance.uniform(-self.jitter, self.jitter))

    def piece(self, chance: random.Random) -> int:
        """Bytes to pass on at once; 0 for all there is."""
        size = self.size and max(1, self.size + chance.randint(-self.variation, self.variation))
        even = max(1, int(self.rate * PIECE_SECONDS)) if self.rate else 0
        return min(size, even) if size and even else size or even

    def cost(self, size: int) -> float:
        """Seconds for which the line is busy with a piece of so many bytes."""
        return self.pause + (size / self.rate if self.rate else 0.0)


def effect(toxics: Iterable[Toxic], direction: Literal["up", "down"]) -> Effect | None:
    """The sum of the toxics for one direction; ``None`` when nothing is done to it."""
    mine = [toxic for toxic in toxics if toxic.direction in (direction, "both")]
    lates = [toxic for toxic in mine if isinstance(toxic, Latency)]
    slicers = [toxic for toxic in mine if isinstance(toxic, Slicer)]
    smallest = min(slicers, key=lambda toxic: toxic.average_size, default=None)
    holes = [toxic for toxic in mine if isinstance(toxic, BlackHole)]
    found = Effect(
        latency=sum(toxic.latency for toxic in lates),
        jitter=sum(toxic.jitter for toxic in lates),
        rate=min((toxic.rate for toxic in mine if isinstance(toxic, Bandwidth)), default=0),
        size=smallest.average_size if smallest else 0,
        variation=smallest.size_variation if smallest else 0,
        pause=max((toxic.delay for toxic in slicers), default=0.0),
        close_delay=sum(toxic.delay for toxic in mine if isinstance(toxic, SlowClose)),
        swallow=any(not toxic.hold for toxic in holes),
        hold=any(toxic.hold for toxic in holes),
        limit=min((toxic.bytes for toxic in mine if isinstance(toxic, LimitData)), default=None),
        reset_after=min(
            (toxic.bytes for toxic in mine if isinstance(toxic, ResetPeer) and toxic.bytes), default=None
        ),
    )
    return None if found == Effect() else found
