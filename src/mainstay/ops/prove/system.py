"""The system under proof: a twin of the user's, the user's own, or an address somebody gave."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove import inside
from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.evidence.logs import keep_logs
from mainstay.ops.prove.faults import disk
from mainstay.ops.prove.faults.fault import Guard, NotPossible, Target
from mainstay.ops.prove.history import History
from mainstay.ops.prove.loading.http import Http
from mainstay.ops.prove.plan import Options
from mainstay.ops.prove.proof import wall_clock_offset
from mainstay.ops.prove.twin import TwinSystem, unready
from mainstay.ops.supervise.twin import STATE, Twin
from mainstay.ops.topology.values import Topology

LOOK_EVERY = 0.1


class SystemGone(OperationFailed):
    """The system ended, which no fault of the catalogue makes it do: no claim can be told any more."""


class ProvedSystem(Protocol):
    """What a trial needs of the system it loads."""

    url: str

    @property
    def target(self) -> Target:
        """
        What faults act on.

        Raises:
            NotPossible: Nothing may be broken here.
        """
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Engines and their versions."""
        ...

    async def until_ready(self, within: float, when: str) -> None:
        """
        Wait until everything is ready.

        Raises:
            OperationFailed: It was not in time; says what is missing.
            SystemGone: It will never be.
        """
        ...

    def check_there(self) -> None:
        """
        Raises:
            SystemGone: It has ended by itself, so what was seen of it says nothing.
        """

    async def processes(self) -> list[dict[str, Any]]:
        """The rows of ``mainstay status --json``."""
        ...

    async def events(self) -> list[dict[str, Any]]:
        """What the supervisor noted so far."""
        ...

    async def inside(self, history: History) -> dict[str, float]:
        """Figures of a claim that only the inside knows."""
        ...


class Supervised:
    """A system with a supervisor that can be asked: a twin, or the user's own."""

    def __init__(self, twin: TwinSystem, url: str) -> None:
        self._twin = twin
        self.url = url
        self.versions: Mapping[str, str] = {}

    @classmethod
    async def of(cls, twin: TwinSystem) -> Supervised:
        system = cls(twin, str((await twin.status())["url"]))
        found = [event for event in await twin.events() if event["event"] == "engine.found"]
        system.versions = {str(event["program"]): str(event["version"]) for event in found}
        return system

    @property
    def target(self) -> Target:
        return self._twin

    async def until_ready(self, within: float, when: str) -> None:
        deadline = time.monotonic() + within
        status: dict[str, Any] = {}
        while time.monotonic() < deadline:
            with contextlib.suppress(OperationFailed):
                status = await self._twin.status()
                if status["ready"]:
                    return
            self.check_there()
            await asyncio.sleep(LOOK_EVERY)
        raise OperationFailed(
            "prove.not-ready",
            f"the system was not ready within {within:g} s {when}",
            details=unready(status),
        )

    def check_there(self) -> None:
        if not self._twin.there:
            ended = self._twin.why_ended()
            what = "the system's own supervisor ended while a claim was tried"
            raise SystemGone("prove.system-gone", what, details=(ended.what, *ended.details))

    async def processes(self) -> list[dict[str, Any]]:
        with contextlib.suppress(OperationFailed):
            return list((await self._twin.status())["processes"])
        return []

    async def events(self) -> list[dict[str, Any]]:
        return await self._twin.events()

    async def inside(self, history: History) -> dict[str, float]:
        services = {service.name for service in self._twin.topology.services}
        clock = wall_clock_offset()
        began, ended = (clock + moment for moment in (history.began, time.monotonic()))
        seen = await asyncio.to_thread(inside.seen, history, self._twin.folder / "logs")
        told = inside.supervised(await self.events(), services, began, ended)
        return {**told, **inside.repeated_writes(history, seen), **inside.arrived(history, seen)}


class Somewhere:
    """An address that is loaded and checked, and never broken."""

    versions: Mapping[str, str] = {}

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def target(self) -> Target:
        raise NotPossible(f"nothing is broken at {self.url}: it was named by --against")

    async def until_ready(self, within: float, when: str) -> None:
        """Whoever named it says that it is up; the first journey finds out."""

    def check_there(self) -> None:
        """Nobody can tell but its answers."""

    async def processes(self) -> list[dict[str, Any]]:
        return []

    async def events(self) -> list[dict[str, Any]]:
        return []

    async def inside(self, history: History) -> dict[str, float]:
        return {}


@contextlib.asynccontextmanager
async def opened(
    topology: Topology, options: Options, folder: Folder, guard: Guard, claims: Sequence[Claim]
) -> AsyncIterator[ProvedSystem]:
    """
    The system to prove, for as long as the block runs.

    A twin is started for it and stopped afterwards; its logs go into the evidence.

    Raises:
        OperationFailed: It did not come up, does not run, or must not be loaded.
    """
    if options.against:
        check_address(options.against, allowed=options.allow_remote)
        yield Somewhere(options.against.rstrip("/"))
        return
    if options.running:
        running = await TwinSystem.attach(topology, guard=guard, seed=options.seed)
        try:
            yield await Supervised.of(running)
        finally:
            await running.stop()
        return
    async with _twin(topology, options, folder, guard, claims) as twin:
        yield await Supervised.of(twin)


@contextlib.asynccontextmanager
async def _twin(
    topology: Topology, options: Options, folder: Folder, guard: Guard, claims: Sequence[Claim]
) -> AsyncIterator[TwinSystem]:
    place, logs = twin_folder(topology, folder), folder.path / "logs"
    small = _small_disk(place / STATE, guard, claims)
    try:
        twin = await _started(topology, options, place, logs, guard)
        try:
            yield twin
        finally:
            # In this thread, so that a second interruption does not come before the stop.
            keep_logs(twin.folder / "logs", logs)
            await twin.stop(keep=options.keep or small is not None)
    finally:
        if small is not None:
            await _closed(small)
            if not options.keep:
                await asyncio.to_thread(Twin(place).remove, topology.name)
        with contextlib.suppress(OSError):
            place.parent.rmdir()


async def _started(topology: Topology, options: Options, place: Path, logs: Path, guard: Guard) -> TwinSystem:
    """A twin that is up; of one that does not come up the logs are kept, and named where they are."""
    try:
        return await TwinSystem.start(
            topology,
            place,
            guard=guard,
            seed=options.seed,
            edge=options.edge,
            env=options.environment,
            content=options.twin,
            failed=lambda state: keep_logs(state / "logs", logs),
        )
    except OperationFailed as error:
        before, now = str(place / STATE / "logs"), str(logs)
        details = tuple(line.replace(before, now) for line in error.details)
        # The command would show the log of the system beside the twin.
        hint = re.sub(r"`mainstay logs ([\w.-]+)`", lambda name: f"{now}/{name[1]}.log", error.hint)
        raise replace(error, hint=hint.replace(before, now), details=details) from error


def twin_folder(topology: Topology, folder: Folder) -> Path:
    """Where a twin lives: two proofs at once have one each, wherever their evidence goes."""
    return topology.folder / ".mainstay" / "twins" / f"{folder.path.name}-{os.getpid()}"


async def _closed(small: disk.SmallDisk) -> None:
    try:
        await small.close()
    except NotPossible as error:
        raise OperationFailed(
            "prove.disk-busy", str(error), "it is unmounted when its last user ends"
        ) from error


def _small_disk(state: Path, guard: Guard, claims: Sequence[Claim]) -> disk.SmallDisk | None:
    """A disk that can be filled, where a claim wants one; without the means that claim is not run."""
    if not any(strike.fault == "disk-full" for claim in claims for strike in claim.strikes):
        return None
    try:
        return disk.prepare(state, guard)
    except NotPossible:
        return None


def check_address(url: str, *, allowed: bool) -> None:
    """
    Refuse to load what is not this machine, unless somebody said that it may be.

    Raises:
        OperationFailed: It is no address of an HTTP server, or not one of loopback.
    """
    try:
        host = Http(url).host
    except ValueError as error:
        raise OperationFailed(
            "prove.bad-address",
            f"--against {url!r}: {error}",
            hint="scheme, host and port, such as http://127.0.0.1:8000",
        ) from error
    if not allowed and not _is_loopback(host):
        raise OperationFailed(
            "prove.not-loopback",
            f"{host} is not this machine",
            hint="--allow-remote sends load elsewhere: only to systems that are yours",
        )


def _is_loopback(host: str) -> bool:
    """By its text alone: what a name stands for may change between two questions."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
