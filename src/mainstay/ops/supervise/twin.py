"""
A second system of the same file, beside the user's own: what is broken on purpose instead of it.

A twin is a folder. ``twin.json`` in it says how the twin differs from ``mainstay.toml``, in
the file's own words; ``state`` in it takes the place of ``.mainstay``; ``databases`` holds copies of files that the
settings name as databases. Ports are always
automatic and the edge listens on loopback alone, so both run side by side. What is written
there is read again by every rolling update, as the file is: a bad release may be put there
while the twin runs.
"""

# ruff: noqa: RUF009 - `key` makes a dataclass field, which is what belongs there

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mainstay.base import wire
from mainstay.base.containers import ListOf, MapOf
from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.base.schema import Table, key, keys, read_or_raise
from mainstay.base.shapes import Choice, Flag, Integer, Json, Shape, Spot
from mainstay.ops.supervise.ports import LOOPBACK
from mainstay.ops.supervise.state import StateFolder, cannot_write
from mainstay.ops.topology.declaration.engine import MemcachedTable, NatsTable, PostgresTable, ValkeyTable
from mainstay.ops.topology.declaration.service import ProcessTable, ServiceTable
from mainstay.ops.topology.declaration.spelling import NAME
from mainstay.ops.topology.declaration.timeouts import TimeoutTable
from mainstay.ops.topology.resolve import split
from mainstay.ops.topology.values import AUTOMATIC, Edge, EdgeEngine, Engines, Kind, Service, Topology

FILE = "twin.json"
STATE = "state"
AREA = "twin"

MONITORING = ("prometheus", "alertmanager")
"""Left out as a rule: they take memory and processor time, and a twin lives for minutes."""


class Partial(Shape[dict[str, Any]]):
    """Some keys of a table that is declared elsewhere; those not written stay as they are."""

    expected = "a table"

    def __init__(self, declaration: type, *names: str) -> None:
        self._keys = {name: known for name, known in keys(declaration).items() if name in names}

    def accepts(self, value: object) -> bool:
        return isinstance(value, Mapping)

    def convert(self, value: Any, spot: Spot) -> dict[str, Any]:
        read = {}
        for name, given in value.items():
            place = spot.key(str(name))
            if name in self._keys:
                read[name] = self._keys[name].shape.read(given, place)
            else:
                hint = nearest(str(name), self._keys) or f"known keys: {', '.join(self._keys)}"
                place.report("unknown-key", "a known key", repr(name), hint)
        return read

    def json(self) -> Json:
        properties = {name: known.json() for name, known in self._keys.items()}
        return {"type": "object", "additionalProperties": False, "properties": properties}


@dataclass(frozen=True, slots=True)
class EngineChanges:
    """Engines with other settings; their ports are automatic and their programs the file's."""

    postgres: dict[str, Any] = key(
        Partial(
            PostgresTable,
            *("standbys", "synchronous", "durability", "max_connections", "reserved_connections"),
        ),
        "PostgreSQL.",
        default={},
    )
    valkey: dict[str, Any] = key(Partial(ValkeyTable, "max_memory"), "Valkey.", default={})
    memcached: dict[str, Any] = key(Partial(MemcachedTable, "max_memory"), "Memcached.", default={})
    nats: dict[str, Any] = key(Partial(NatsTable, "max_memory", "max_file"), "NATS.", default={})


_SERVICE = Partial(
    ServiceTable,
    *("application", "settings", "interface", "replicas", "processes", "pool", "threads"),
    *("migrate", "prepare", "env"),
)
_TIMEOUTS = Partial(TimeoutTable, *keys(TimeoutTable))


@dataclass(frozen=True, slots=True)
class Content:
    """What ``twin.json`` may say."""

    links: bool = key(Flag(), "Whether a fault proxy stands on every edge between processes.", default=True)
    seed: int = key(Integer(0, 2**63 - 1), "Where the fault proxies' chance comes from.", default=0)
    keep: bool = key(Flag(), "Leave the state folder when the owner has died.", default=False)
    edge: EdgeEngine | None = key(
        Choice[EdgeEngine]("auto", "haproxy", "nginx"), "The program in front.", default=None
    )
    without: tuple[str, ...] = key(
        ListOf(Choice(*MONITORING, "postgres", "valkey", "memcached", "nats")),
        "Engines that are left out.",
        default=MONITORING,
    )
    services: dict[str, dict[str, Any]] = key(
        MapOf(NAME, _SERVICE), "Keys of [service.NAME] that differ; env is added to.", default={}
    )
    engines: EngineChanges = key(
        Table(EngineChanges), "Keys of [engine.NAME] that differ.", default=EngineChanges()
    )
    timeouts: dict[str, Any] = key(_TIMEOUTS, "Keys of [timeouts] that differ.", default={})


def read(content: object, where: str = FILE) -> Content:
    """
    Raises:
        InvalidInput: With every problem of it at once.
    """
    return read_or_raise(Content, content, where=where, area=AREA)


def apply(topology: Topology, content: Content, where: str = FILE) -> Topology:
    """
    The topology of the twin; pure.

    Raises:
        InvalidInput: The content names a service or an engine that the file does not have,
            or leaves out what a service needs.
    """
    spot = Spot(where, AREA)
    engines = _engines(topology.engines, content, spot.key("engines"))
    known = {service.name: service for service in topology.services}
    for name in content.services:
        if name not in known:
            hint = nearest(name, known) or f"services: {', '.join(known)}"
            spot.key("services").key(name).report("unknown-name", "a service of the file", repr(name), hint)
    services = tuple(
        _service(service, content.services.get(service.name, {}), spot.key("services").key(service.name))
        for service in topology.services
    )
    _check_needs(services, content, spot.key("without"))
    if spot.problems:
        raise InvalidInput(spot.problems)
    return replace(
        topology,
        edge=_edge(topology.edge, content.edge),
        services=services,
        engines=engines,
        timeouts=replace(topology.timeouts, **content.timeouts),
    )


def _edge(edge: Edge, engine: EdgeEngine | None) -> Edge:
    """
    On loopback, on any port, without the cap per source, and with nothing in front.

    All load comes from one address here, which on the Internet would be many, and over http: with the public
    address of the file cookies would be for https only, and the load could not log in. Nobody is
    trusted, since the load comes from an address that may be a proxy's in the file.
    """
    chosen = engine or edge.engine
    return replace(
        edge,
        host=LOOPBACK,
        port=AUTOMATIC,
        engine=chosen,
        program=edge.program if chosen == edge.engine else "",
        hosts=tuple(dict.fromkeys((*edge.hosts, LOOPBACK, "localhost"))),
        connections_per_source=edge.max_connections,
        public_url="",
        trusted_proxies=(),
    )


def _engines(engines: Engines, content: Content, spot: Spot) -> Engines:
    changed: dict[str, Any] = {}
    for each in fields(Engines):
        present = getattr(engines, each.name)
        changes: dict[str, Any] = getattr(content.engines, each.name, {})
        if present is None and changes:
            spot.key(each.name).report("unknown-name", "an engine that the file has", repr(each.name))
        elif present is not None and each.name not in content.without:
            changed[each.name] = replace(present, port=AUTOMATIC, **changes)
    return Engines(**changed)


def _service(service: Service, changes: Mapping[str, Any], spot: Spot) -> Service:
    plain = {name: value for name, value in changes.items() if name not in ("replicas", "processes", "env")}
    wanted = {**changes.get("processes", {})}
    if "replicas" in changes:
        wanted["web"] = changes["replicas"]
    for name in wanted:
        if name not in [kind.name for kind in service.kinds]:
            spot.key("processes").key(name).report(
                "unknown-name", "a kind of process that it has", repr(name)
            )
    return replace(
        service,
        kinds=tuple(_kind(kind, wanted.get(kind.name)) for kind in service.kinds),
        env={**service.env, **changes.get("env", {})},
        **plain,
    )


def _kind(kind: Kind, wanted: int | ProcessTable | None) -> Kind:
    if wanted is None:
        return kind
    if isinstance(wanted, int):
        return replace(kind, replicas=wanted)
    return Kind(kind.name, wanted.replicas, split(wanted.command) or kind.command)


def _check_needs(services: tuple[Service, ...], content: Content, spot: Spot) -> None:
    for service in services:
        for engine in content.without:
            if engine in service.needs:
                spot.report("needed", f"engines that {service.name} does not need", repr(engine))


@dataclass(frozen=True)
class Twin:
    """A twin's folder; whoever made it is the ``owner``, and nothing of it outlives that process."""

    folder: Path
    owner: int = 0
    """A process id; 0 for nobody."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.absolute())

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @property
    def databases(self) -> Path:
        """Where the processes of its services copy the databases that are files of the project's own."""
        return self.folder / wire.TWIN_DATABASES

    def state(self, system: str) -> StateFolder:
        return StateFolder(self.folder / STATE, system)

    def content(self) -> Content:
        """
        What ``twin.json`` says now; without the file, nothing.

        Raises:
            InvalidInput: It cannot be read, or says something wrong.
        """
        try:
            written = json.loads(self.file.read_text())
        except FileNotFoundError:
            written = {}
        except (OSError, ValueError) as error:
            raise InvalidInput(
                [Problem(f"{AREA}.unreadable", str(self.file), "", "JSON", f"{error}")]
            ) from error
        return read(written, str(self.file))

    @property
    def kept(self) -> bool:
        """Whether its data stays when the owner is gone; what cannot be read does not say so."""
        try:
            return self.content().keep
        except InvalidInput:
            return False

    def topology(self, declared: Topology) -> Topology:
        """
        The file's topology as this twin has it.

        Raises:
            InvalidInput: As `content` and `apply`.
        """
        return apply(declared, self.content(), str(self.file))

    def write(self, content: Mapping[str, Any]) -> None:
        """
        Replace ``twin.json`` whole, after reading it as the supervisor will.

        Raises:
            InvalidInput: It says something wrong; the file is as it was.
            OperationFailed: It cannot be written.
        """
        read(content, str(self.file))
        partial = self.file.with_suffix(".partial")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.write_text(json.dumps(content, indent=1))
            partial.replace(self.file)
        except OSError as error:
            raise cannot_write(self.file, error) from error

    def remove(self, system: str) -> None:
        """
        Delete what a twin consists of, and its folder when nothing else is in it.

        Raises:
            OperationFailed: Something would not go.
        """
        self.state(system).remove()
        shutil.rmtree(self.databases, ignore_errors=True)
        self.file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()
