"""What ``[engine.NAME]`` may say: the programs that Mainstay runs but did not write, one table for each."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.schema import Table, key
from mainstay.base.shapes import Choice, Duration, Flag, Integer, Size
from mainstay.base.units import DAY, GIB, MIB
from mainstay.ops.topology.declaration.program import FOUND, PORT, PROGRAM
from mainstay.ops.topology.declaration.spelling import PATH, WEBHOOK
from mainstay.ops.topology.values import AUTOMATIC, Durability

_AUTOMATIC = "0 = chosen at the first start and kept, so that systems run side by side"
_MEMORY = "Most memory for its contents."


@dataclass(frozen=True, slots=True)
class PostgresTable:
    program: str = key(
        PATH, "The folder of PostgreSQL's programs, or its `postgres`.", default="", because=FOUND
    )
    port: int = key(
        PORT, "The port of the first node; standbys choose theirs.", default=AUTOMATIC, because=_AUTOMATIC
    )
    standbys: int = key(
        Integer(0, 8),
        "How many standbys follow the primary.",
        default=1,
        because="losing one node loses nothing",
    )
    synchronous: bool | None = key(
        Flag(),
        "A commit is acknowledged only when a standby has it too.",
        default=None,
        because="true with a standby, as acknowledged means kept; false without one",
    )
    durability: Durability = key(
        Choice[Durability]("available", "strict"),
        "When no standby is left: go on writing and say so (available), or refuse to (strict).",
        default="available",
        because="a lost standby should not stop sales; status, log and metric say degraded",
    )
    max_connections: int = key(
        Integer(10, 10_000),
        "Connections that the server accepts.",
        default=200,
        because="45 processes with a pool of 4 after the reserve, for a few megabytes of memory",
    )
    reserved_connections: int = key(
        Integer(3, 1000),
        "Connections kept free for the supervisor, replication, migrations and people.",
        default=20,
        because="a full server must still let an operator and its standbys in",
    )


@dataclass(frozen=True, slots=True)
class ValkeyTable:
    program: str = key(PATH, PROGRAM, default="", because=FOUND)
    port: int = key(PORT, "Its port.", default=AUTOMATIC, because=_AUTOMATIC)
    max_memory: int = key(
        Size(MIB, 1024 * GIB),
        _MEMORY,
        default=128 * MIB,
        because="a cache that fits beside everything else on a laptop",
    )


@dataclass(frozen=True, slots=True)
class MemcachedTable:
    program: str = key(PATH, PROGRAM, default="", because=FOUND)
    port: int = key(PORT, "Its port.", default=AUTOMATIC, because=_AUTOMATIC)
    max_memory: int = key(Size(MIB, 1024 * GIB), _MEMORY, default=64 * MIB, because="memcached's own default")


@dataclass(frozen=True, slots=True)
class NatsTable:
    program: str = key(PATH, PROGRAM, default="", because=FOUND)
    port: int = key(PORT, "Its port.", default=AUTOMATIC, because=_AUTOMATIC)
    max_memory: int = key(
        Size(MIB, 1024 * GIB),
        "Most memory for streams.",
        default=64 * MIB,
        because="streams are kept in files",
    )
    max_file: int = key(
        Size(MIB, 1024 * GIB),
        "Most disk space for streams.",
        default=GIB,
        because="about a million small events between two readings",
    )


@dataclass(frozen=True, slots=True)
class PrometheusTable:
    program: str = key(PATH, PROGRAM, default="", because=FOUND)
    port: int = key(PORT, "Its port.", default=AUTOMATIC, because=_AUTOMATIC)
    retention: float = key(
        Duration(3600.0, 3650 * DAY),
        "How long figures are kept.",
        default=15 * DAY,
        because="Prometheus's own default",
    )
    scrape_interval: float = key(
        Duration(1.0, 600.0),
        "How often every process is asked.",
        default=5.0,
        because="faults here last seconds",
    )


@dataclass(frozen=True, slots=True)
class AlertmanagerTable:
    program: str = key(PATH, PROGRAM, default="", because=FOUND)
    port: int = key(PORT, "Its port.", default=AUTOMATIC, because=_AUTOMATIC)
    webhook: str = key(
        WEBHOOK, "Where alerts are posted.", default="", because="alerts are kept on Alertmanager's own page"
    )


@dataclass(frozen=True, slots=True)
class EngineTable:
    postgres: PostgresTable | None = key(
        Table(PostgresTable), "PostgreSQL. Runs when a service needs it or this table is there.", default=None
    )
    valkey: ValkeyTable | None = key(
        Table(ValkeyTable),
        "Valkey, or Redis. Runs when a service needs it or this table is there.",
        default=None,
    )
    memcached: MemcachedTable | None = key(
        Table(MemcachedTable), "Memcached. Runs when a service needs it or this table is there.", default=None
    )
    nats: NatsTable | None = key(
        Table(NatsTable),
        "NATS with JetStream. Runs when a service needs it or this table is there.",
        default=None,
    )
    prometheus: PrometheusTable | None = key(
        Table(PrometheusTable),
        "Prometheus. Runs only when this table is there; missing is an error.",
        default=None,
    )
    alertmanager: AlertmanagerTable | None = key(
        Table(AlertmanagerTable),
        "Alertmanager. Runs only when this table is there; missing is an error.",
        default=None,
    )
