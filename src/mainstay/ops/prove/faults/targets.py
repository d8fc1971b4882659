"""
Whom a strike is meant for: from the words of a target to processes that run now.

==================  =========================================================================
``catalog.web.1``   this process
``catalog.web``     one of this kind, chosen by the seed
``catalog.web.*``   all of this kind
``catalog``         all processes of this service
``postgres.2``      this node of an engine
``valkey``          one node of this engine, chosen by the seed where there are several
``edge``            the proxy in front
``primary``         the database node that is primary when the strike begins
``standby``         a database node that follows, chosen by the seed where there are several
``everything``      every process but the supervisor and the fault proxies
==================  =========================================================================
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mainstay.base.errors import Problem, nearest
from mainstay.ops.prove.faults.family import Family, Process, family
from mainstay.ops.prove.faults.fault import NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import Scope, problem
from mainstay.ops.topology.plan import plan
from mainstay.ops.topology.values import Topology

EVERYTHING = "everything"
PROXIES = "links"
"""The kind of the twin's own fault proxies: they are no part of the system that is proved."""

PATIENCE = 5.0
"""Seconds to wait for a process that is just being replaced; an earlier strike may have hit it."""


class Absent(Exception):
    """The system has such a process, but it did not run when it should have been hit: nothing was done."""


# --- the words, judged by the topology alone ------------------------------------------------------


def words(topology: Topology) -> tuple[str, ...]:
    """Every target of the scope ``process``."""
    processes = plan(topology).processes
    names = [each.name for each in processes]
    kinds = [f"{each.service}.{each.kind}" if each.service else each.kind for each in processes]
    roles = [each.role for each in processes if each.role]
    services = [service.name for service in topology.services]
    kinds_of_services = [kind for kind in kinds if "." in kind]
    every = [f"{kind}.*" for kind in kinds_of_services]
    return tuple(dict.fromkeys([*names, *kinds, *every, *services, *roles, EVERYTHING]))


def judge(
    text: str, scopes: Iterable[Scope], topology: Topology, *, optional: bool = False
) -> Problem | None:
    """What is wrong with a target, if anything is."""
    scopes = tuple(scopes)
    if not text and (optional or not scopes):
        return None
    if not scopes:
        return None if text == EVERYTHING else _unknown("no target", text, "leave it out")
    if "link" in scopes:
        return _judge_link(text, topology)
    known = {word for scope in scopes for word in _known(scope, topology)}
    if text in known:
        return None
    return _unknown(" or ".join(_EXPECTED[scope] for scope in scopes), text, _hint(text, known))


def _unknown(expected: str, found: str, hint: str = "") -> Problem:
    return problem("unknown-target", "target", expected, repr(found), hint)


_EXPECTED: dict[Scope, str] = {
    "process": "a process, a kind of process, a service, an engine, a role or everything",
    "service": "a service",
    "primary": "primary",
    "standby": "standby",
    "cache": "valkey or memcached",
    "edge": "edge",
    "machine": "no target: it is done to the whole machine",
    "link": "a link, such as orders->payments or *->postgres",
}


def _known(scope: Scope, topology: Topology) -> tuple[str, ...]:
    every = words(topology)
    match scope:
        case "process":
            return every
        case "service":
            return tuple(service.name for service in topology.services)
        case "link":
            return tuple(word for word in every if word != EVERYTHING)
        case "cache":
            return tuple(word for word in every if word.partition(".")[0] in ("valkey", "memcached"))
        case "machine":
            return ("machine",)
        case _:
            return tuple(word for word in every if word.partition(".")[0] == scope)


def _judge_link(text: str, topology: Topology) -> Problem | None:
    ends = {word.removesuffix(".*") for word in _known("link", topology)}
    if text == "replication" and "standby" in ends:
        return None
    sides = text.split("->")
    if len(sides) != 2 or not all(sides):
        return _unknown(_EXPECTED["link"], text)
    services = {service.name for service in topology.services}
    # Links begin at a service as a whole, at the edge or at a database node, and may end at a replica.
    callers = {end for end in ends if end in services or end.partition(".")[0] not in services}
    for side, known in zip(sides, (callers, ends), strict=True):
        if not any(fnmatchcase(end, side) for end in known):
            expected = "a service, an engine or a role, or *, at each end"
            return _unknown(expected, side, _hint(side, known))
    return None


def _hint(text: str, known: Iterable[str]) -> str:
    found = sorted(known)
    some = f"known: {', '.join(found[:12])}{' …' if len(found) > 12 else ''}"
    return nearest(text, found) or (some if found else "this system has none")


# --- and looked up in the running system ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Victim:
    """One process as the supervisor told of it, when it was chosen."""

    name: str
    service: str
    kind: str
    role: str
    address: str
    restarts: int
    process: Process
    folder: Path | None
    """The folder of an engine's node; ``None`` for a service's process."""

    def family(self) -> Family:
        return family(self.process, self.folder)


async def find(strike: Strike, target: Target) -> tuple[Victim, ...]:
    """
    The processes that a strike means, each with a pid; waits a little for one that is being replaced.

    Raises:
        NotPossible: The system has no such process.
        Absent: It has, and one of them did not come up in time.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = (await target.status())["processes"]
        chosen = _choose(strike, target.seed, [row for row in rows if row["state"] != "stopped"])
        if not chosen:
            raise NotPossible(f"there is no {strike.target} in this system")
        running = [victim for victim in map(_victim(target), chosen) if victim is not None]
        if len(running) == len(chosen) or (running and strike.target == EVERYTHING):
            return tuple(running)
        if time.monotonic() > deadline:
            missing = ", ".join(row["name"] for row in chosen if not row["pid"])
            raise Absent(f"{missing or strike.target} did not run, so nothing could be done to it")
        await asyncio.sleep(0.02)


async def find_one(strike: Strike, target: Target) -> Victim:
    """As `find`, for a fault that hits one process."""
    victims = await find(strike, target)
    return _random(strike, target.seed).choice(sorted(victims, key=lambda victim: victim.name))


def _choose(strike: Strike, seed: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    text = strike.target or EVERYTHING
    if text == EVERYTHING:
        return [row for row in rows if row["kind"] != PROXIES]
    found = [row for row in rows if row["name"] == text or (row["service"] and row["service"] == text)]
    found = found or [row for row in rows if text.endswith(".*") and _kind(row) == text.removesuffix(".*")]
    if found:
        return found
    alike = sorted(
        (row for row in rows if text in (_kind(row), row["role"])), key=lambda row: str(row["name"])
    )
    return [_random(strike, seed).choice(alike)] if alike else []


def _kind(row: dict[str, Any]) -> str:
    return f"{row['service']}.{row['kind']}" if row["service"] else str(row["kind"])


def _random(strike: Strike, seed: int) -> random.Random:
    # The moment is part of it, so that repeated strikes at one kind do not all hit the same process.
    return random.Random(f"{seed} {strike.fault} {strike.target} {strike.at}")  # noqa: S311 - a schedule


def _victim(target: Target) -> Callable[[dict[str, Any]], Victim | None]:
    def make(row: dict[str, Any]) -> Victim | None:
        if not row["pid"]:
            return None
        process = Process.of(int(row["pid"]))
        if not process.alive:
            return None
        folder = None if row["service"] else target.folder / "nodes" / row["name"]
        return Victim(
            row["name"],
            row["service"],
            row["kind"],
            row["role"],
            row["address"],
            row["restarts"],
            process,
            folder,
        )

    return make
