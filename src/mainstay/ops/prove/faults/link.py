"""Faults of the network between two processes, done by the proxy that stands on their link."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from weakref import WeakKeyDictionary

from mainstay.base.units import plural
from mainstay.ops.prove.faults.fault import Evidence, Links, NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Setting, Settings

REPLICATION = "replication"
DIRECTION = Setting("direction", "both", "up is from the caller to the called", one_of=("up", "down", "both"))
PROBABILITY = Setting("probability", 1.0, "share of the connections it is done to", most=1.0)


def matching(links: Links, text: str, roles: Mapping[str, str]) -> tuple[str, ...]:
    """
    The names of the links that a target means.

    ``orders->payments`` also means the links of each kind of process and of each node on either
    side; ``*`` means any; ``primary`` and ``standby`` are those of ``roles``; ``replication`` is
    every link between two database nodes.
    """
    if text == REPLICATION:
        text = "postgres.*->postgres.*"
    caller, _, called = text.partition("->")
    return tuple(
        name
        for name in links.names
        for one, _, other in [name.partition("->")]
        if _is(one, caller, roles) and _is(other, called, roles)
    )


def _is(end: str, pattern: str, roles: Mapping[str, str]) -> bool:
    if pattern in ("primary", "standby"):
        return roles.get(end) == pattern
    return fnmatchcase(end, pattern) or fnmatchcase(end, f"{pattern}.*")


def between(links: Links, caller: str, called: str) -> tuple[str, ...]:
    """The links from one database node to another, whichever of the two opens them."""
    wanted = {f"{caller}->{called}", f"{called}->{caller}"}
    return tuple(name for name in links.names if name in wanted)


@dataclass(frozen=True, slots=True)
class Toxic:
    """One thing a link can do to its traffic, as `ops.links` calls it, and the counters that tell of it."""

    name: str
    type: str
    says: str
    counters: tuple[str, ...]
    settings: tuple[tuple[Setting, str, float], ...] = ()
    """A setting, its name there, and how many of its unit are one of the unit there."""

    def content(self, given: Settings) -> dict[str, Any]:
        own = {name: given[setting.name] / unit for setting, name, unit in self.settings}
        whole = {name: int(value) if value == int(value) else value for name, value in own.items()}
        return {
            "type": self.type,
            **whole,
            "direction": given["direction"],
            "probability": given["probability"],
        }


_IN_FORCE: WeakKeyDictionary[Links, dict[str, dict[object, Mapping[str, Any]]]] = WeakKeyDictionary()
"""By link, what each fault that is on does to it; a proxy only knows the whole list."""


async def force(links: Links, name: str, fault: object, toxic: Mapping[str, Any] | None) -> None:
    """Let a fault do this to a link from now on, or nothing any more; what others do to it stays."""
    toxics = _IN_FORCE.setdefault(links, {}).setdefault(name, {})
    if toxic is None:
        toxics.pop(fault, None)
    else:
        toxics[fault] = toxic
    await links.set(name, list(toxics.values()))


class LinkFault:
    """A toxic on every link that the target means, for a while, beside those of other faults."""

    def __init__(self, toxic: Toxic, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target, self.toxic = strike, target, toxic
        self.settings = settings
        self._poisoned: list[str] = []
        self._before: dict[str, Mapping[str, int]] = {}
        self._grown: dict[str, int] = {}

    async def inject(self) -> None:
        links = self.target.links
        if links is None:
            raise NotPossible("the system runs without fault proxies on its links")
        rows = (await self.target.status())["processes"]
        names = matching(links, self.strike.target, {row["name"]: row["role"] for row in rows})
        if not names:
            raise NotPossible(f"no link is {self.strike.target}; there are {', '.join(links.names)}")
        for name in names:
            self._before[name] = await links.counters(name)
            self._poisoned.append(name)
            await force(links, name, self, self.toxic.content(self.settings))

    async def undo(self) -> None:
        links = self.target.links
        while self._poisoned and links is not None:
            name = self._poisoned[-1]
            after = await links.counters(name)
            await force(links, name, self, None)
            self._poisoned.pop()
            for counter, value in after.items():
                grown = value - self._before[name].get(counter, 0)
                self._grown[counter] = self._grown.get(counter, 0) + grown

    async def evidence(self) -> Evidence:
        told = ", ".join(
            f"{self._grown.get(counter, 0)} {counter.replace('_', ' ')}" for counter in self.toxic.counters
        )
        where = f"on {plural(len(self._before), 'link')} of {self.strike.target}"
        if any(self._grown.get(counter, 0) > 0 for counter in self.toxic.counters):
            return Evidence(True, f"{told} {where}")
        passed = self._grown.get("connections", 0) + self._grown.get("bytes", 0)
        if passed <= 0:
            return Evidence(False, f"no traffic passed {where} while it was on", idle=True)
        return Evidence(False, f"{passed} bytes and connections passed {where}, and none was touched: {told}")


def milliseconds(says: str, default: float = 200.0, name: str = "milliseconds") -> Setting:
    return Setting(name, default, says, "ms", most=600_000)


def size(says: str, default: int, name: str = "bytes") -> Setting:
    return Setting(name, default, says, "bytes", least=1, most=2**40)


TOXICS = (
    Toxic(
        "latency",
        "latency",
        "everything is late",
        ("delayed",),
        (
            (milliseconds("by how much"), "latency", 1000),
            (milliseconds("by how much that varies", 0.0, "jitter"), "jitter", 1000),
        ),
    ),
    Toxic(
        "bandwidth",
        "bandwidth",
        "only so much passes",
        ("delayed",),
        ((size("how much a second", 10_000, "bytes_per_second"), "rate", 1),),
    ),
    Toxic("reset", "reset_peer", "connections are reset, those that exist and each new one", ("reset",)),
    Toxic("black-hole", "black_hole", "connections stay open, and what is sent is lost", ("dropped",)),
    Toxic("down", "down", "connections are refused, and those that exist are reset", ("reset", "refused")),
    Toxic(
        "slow-close",
        "slow_close",
        "the end of a connection arrives late",
        ("late_ends",),
        ((milliseconds("by how much"), "delay", 1000),),
    ),
    Toxic(
        "slice",
        "slicer",
        "what is sent arrives in small pieces",
        ("delayed",),
        (
            (size("of one piece", 16), "average_size", 1),
            (milliseconds("between two of them", 5.0), "delay", 1000),
        ),
    ),
    Toxic(
        "limit",
        "limit_data",
        "each connection ends after so much",
        ("limited",),
        ((size("how much", 1000), "bytes", 1),),
    ),
)

KINDS = tuple(
    FaultKind(
        f"link.{toxic.name}",
        f"on a link {toxic.says}",
        functools.partial(LinkFault, toxic),
        ("link",),
        (*(setting for setting, _, _ in toxic.settings), DIRECTION, PROBABILITY),
        needs="the fault proxies of a twin",
        lasts=4.0,
    )
    for toxic in TOXICS
)
