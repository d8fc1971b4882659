"""
What a system is made of, as frozen values: the result of reading ``mainstay.toml``.

Every default has been filled in and every cross-reference checked by the time one
of these exists; nothing here is ever changed afterwards. Durations are seconds,
sizes are bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mainstay.base.schema import Default

Interface = Literal["asgi", "wsgi"]
EdgeEngine = Literal["auto", "haproxy", "nginx"]
Durability = Literal["available", "strict"]
LoadShape = Literal["steady", "step", "ramp", "spike"]
ClaimSize = Literal["quick", "normal", "full", "named"]

AUTOMATIC = 0
"""A port that is chosen when the system first starts and kept in its state folder."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of process of a service: ``web``, ``worker``, ``relay``, ``beat`` …"""

    name: str
    replicas: int
    command: tuple[str, ...] = ()
    """The program to run instead of the built-in one; empty for ``web`` and the built-in kinds."""


@dataclass(frozen=True, slots=True)
class Service:
    """One deployable: a Django project and the processes that run it."""

    name: str
    root: Path
    settings: str
    application: str
    """``package.module:attribute`` of the ASGI or WSGI application."""
    interface: Interface
    manage: Path
    kinds: tuple[Kind, ...]
    routes: tuple[str, ...]
    """Path prefixes that the edge sends here; empty for a service that is called by others only."""
    needs: tuple[str, ...]
    """Engine names: ``postgres``, ``valkey``, ``memcached``, ``nats``."""
    calls: tuple[str, ...]
    consumes: tuple[str, ...]
    pool: int
    """Most database connections of one process."""
    threads: int
    """Requests one WSGI process works on at once."""
    migrate: bool
    prepare: tuple[str, ...]
    """``manage.py`` commands to run after migrations, before the first process starts."""
    env: Mapping[str, str]
    """Extra variables; ``{valkey.url}`` and the like are filled in with real addresses."""
    python: str
    """The interpreter; empty for the one Mainstay runs on."""
    static_url: str
    """Prefix under which static files are served, such as ``/static/``."""

    @property
    def database(self) -> str:
        """The name of this service's own database and database user."""
        return self.name.replace("-", "_")

    def kind(self, name: str) -> Kind:
        return next(kind for kind in self.kinds if kind.name == name)


@dataclass(frozen=True, slots=True)
class Edge:
    """The proxy in front."""

    host: str
    port: int
    engine: EdgeEngine
    program: str
    """An explicit path to the program; empty to look for one."""
    hosts: tuple[str, ...]
    """Names that a Host header may carry; anything else is closed unanswered."""
    max_body: int
    max_header: int
    max_connections: int
    connections_per_source: int
    public_url: str = ""
    """The origin under which people reach the system; empty for the edge's own http address."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of what stands in front, and is believed about scheme and client."""


@dataclass(frozen=True, slots=True)
class Postgres:
    program: str
    port: int
    standbys: int
    synchronous: bool
    durability: Durability
    max_connections: int
    reserved_connections: int
    """Connections kept free for the supervisor, replication, migrations and people."""


@dataclass(frozen=True, slots=True)
class Valkey:
    program: str
    port: int
    max_memory: int


@dataclass(frozen=True, slots=True)
class Memcached:
    program: str
    port: int
    max_memory: int


@dataclass(frozen=True, slots=True)
class Nats:
    program: str
    port: int
    max_memory: int
    max_file: int


@dataclass(frozen=True, slots=True)
class Prometheus:
    program: str
    port: int
    retention: float
    scrape_interval: float


@dataclass(frozen=True, slots=True)
class Alertmanager:
    program: str
    port: int
    webhook: str
    """Where alerts are posted; empty to keep them in Alertmanager's own page."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of a system; ``None`` for those nobody asked for or needs."""

    postgres: Postgres | None = None
    valkey: Valkey | None = None
    memcached: Memcached | None = None
    nats: Nats | None = None
    prometheus: Prometheus | None = None
    alertmanager: Alertmanager | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """
    Nested limits in seconds; `ops.topology` refuses a file in which they do not nest.

    edge > request > statement > lock, and stop > drain > request.
    """

    edge: float = 15.0
    request: float = 10.0
    statement: float = 5.0
    lock: float = 2.0
    drain: float = 12.0
    stop: float = 15.0
    connect: float = 1.0
    ready: float = 60.0
    """How long a process may take to become ready before its start counts as failed."""


@dataclass(frozen=True, slots=True)
class DeclaredFault:
    """One entry of a claim's ``faults``; `ops.prove` knows what the words mean."""

    fault: str
    target: str = ""
    at: float = 0.0
    lasts: float | None = None
    settings: Mapping[str, bool | int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeclaredClaim:
    """One ``[[prove.claim]]``."""

    name: str
    says: str
    faults: tuple[DeclaredFault, ...]
    holds: tuple[str, ...]
    journeys: tuple[str, ...] = ()
    rate: int | None = None
    shape: LoadShape = "steady"
    peak: int = 1
    calm: float = 4.0
    within: float = 30.0
    every: float | None = None
    during: float | None = None
    size: ClaimSize = "quick"
    position: int = 0
    """Which of the file's claims it is, from 0."""
    places: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """
    Of its lists, by key: which item of the file each of theirs is, from 0. Of a file without mistakes nothing is
    said, as all of them are there.
    """

    @property
    def turns(self) -> int:
        """How many times it strikes: at 0, and every so many seconds as long as they lie within ``during``."""
        if self.every is None or self.during is None:
            return len(self.faults)
        # Rounded first: 0.3 s is three times 0.1 s, though not in binary fractions.
        return math.ceil(round(self.during / self.every, 6))


@dataclass(frozen=True, slots=True)
class Prove:
    """What is claimed of a system beside the claims that come by themselves."""

    journeys: Path | None = None
    rate: int = 20
    claims: tuple[DeclaredClaim, ...] = ()
    without: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole system."""

    name: str
    file: Path
    edge: Edge
    services: tuple[Service, ...]
    engines: Engines
    timeouts: Timeouts = field(default_factory=Timeouts)
    prove: Prove = field(default_factory=Prove)
    defaults: tuple[Default, ...] = ()
    """What nobody wrote, each with its reason; for `mainstay plan`."""

    @property
    def folder(self) -> Path:
        """The folder of the file; relative paths in it start here."""
        return self.file.parent

    def service(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)
