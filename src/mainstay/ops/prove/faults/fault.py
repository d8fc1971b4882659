"""
What every fault is: something that is done to a system, seen to have happened, and undone.

A fault never acts on anything but the system it was given. `inject` begins it, `undo` ends
it; what outlives the proving process (a stopped process, a filled disk) is told to the
`Guard` first, which undoes it should the proving process die in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mainstay.ops.topology.values import Topology


@dataclass(frozen=True, slots=True)
class Strike:
    """One entry of a schedule: do ``fault`` to ``target`` at a moment, for a while."""

    fault: str
    """The name of a fault in the catalogue: ``kill``, ``pause``, ``link.latency``."""
    target: str = ""
    """
    Whom: a process (``catalog.web.1``), any of a kind (``catalog.web``, chosen by the seed), a
    role (``primary``, ``standby``), an engine (``valkey``), a service (``payments``), a link
    (``replication``, ``orders->payments``) or ``everything``.
    """
    at: float = 0.0
    """Seconds after the faults begin."""
    lasts: float = 0.0
    """Seconds until it is undone; 0 for what ends by itself, such as a kill; below 0 for as long as its kind lasts."""
    with_: Mapping[str, Any] = field(default_factory=dict)
    """The fault's own settings: ``{"milliseconds": 200, "jitter": 50}``."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Whether a fault bit, and how one knows."""

    bit: bool
    what: str
    """``pid 4711 of catalog.web.1 was gone after 2 ms``; or what should have been seen and was not."""
    idle: bool = False
    """It was in place and did not bite because the load never met it: no request came that way."""


class NotPossible(Exception):
    """
    This machine or this system lacks the means for a fault; the message says which.

    The verdict is *not run*, or, once an earlier strike was injected, that this one did not bite.
    """


class Guard(Protocol):
    """Undoes what the proving process no longer can, because it was killed."""

    def promise(self, undo: Mapping[str, Any]) -> int:
        """Remember how to undo something; returns a number for `release`. Durable when this returns."""
        ...

    def release(self, number: int) -> None:
        """It has been undone."""
        ...


class Links(Protocol):
    """The TCP fault proxies of a twin, one on each edge between processes."""

    @property
    def names(self) -> tuple[str, ...]:
        """``orders->postgres``, ``orders->payments``, ``postgres.2->postgres.1`` (replication) …"""
        ...

    async def set(self, name: str, toxics: list[Mapping[str, Any]]) -> None:
        """Replace the toxics of a link; an empty list heals it. They end with the connection that set them."""
        ...

    async def counters(self, name: str) -> Mapping[str, int]:
        """``connections``, ``bytes``, ``delayed``, ``dropped``, ``reset``: what a link did to its traffic so far."""
        ...


class Target(Protocol):
    """The running system, as faults see and touch it."""

    topology: Topology
    folder: Path
    """The system's state folder."""
    seed: int
    guard: Guard
    socket: Path
    """Where its supervisor takes requests; for the guard, when nobody else is left to `call` it."""
    links: Links | None
    """``None``: the system runs without fault proxies, so faults of links are not possible."""

    async def status(self) -> dict[str, Any]:
        """What ``mainstay status --json`` says."""
        ...

    async def call(self, verb: str, **arguments: Any) -> Any:
        """A verb of the supervisor's control socket: ``restart``, ``rollout`` …"""
        ...

    async def events(self) -> list[dict[str, Any]]:
        """The supervisor's events since this target was opened: ``{"time", "event", "subject", "why", …}``."""
        ...

    async def sql(self, statement: str, *, service: str = "", node: str = "") -> list[tuple[Any, ...]]:
        """Run SQL as superuser: in a service's database, on the primary or on the named node."""
        ...


class Fault(Protocol):
    """One strike under way. Made by the catalogue; `inject` once, then `undo` once, whatever happened."""

    async def inject(self) -> None:
        """
        Begin. Returns once it is under way.

        Raises:
            NotPossible: The means are missing; nothing was changed.
        """
        ...

    async def undo(self) -> None:
        """End it, and leave nothing behind; also right after a failed `inject`, and more than once."""
        ...

    async def evidence(self) -> Evidence:
        """Whether it bit; asked after `undo`."""
        ...
