"""
What ``mainstay.toml`` may say: every key once, with its type, default and reason.

Error messages, the JSON Schema and the reference page are made from these texts.
Keys whose default is ``None`` are worked out in `resolve` from other keys or from
the Django project.
"""

# ruff: noqa: RUF009 - `key` makes a dataclass field, which is what belongs there

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.containers import Either, ListOf, MapOf
from mainstay.base.schema import Table, key
from mainstay.base.shapes import Choice, Duration, Flag, Integer, Scalar, Size, Text
from mainstay.ops.topology.values import AUTOMATIC, ClaimSize, Durability, EdgeEngine, Interface, LoadShape

MIB = 2**20
GIB = 2**30
DAY = 86400.0

NAME = Text(
    "a name of lower-case letters, digits, - and _ that starts with a letter (at most 40)",
    pattern=r"[a-z][a-z0-9_-]{0,39}",
)
MODULE = Text(
    "a dotted module name of at most 400 characters",
    pattern=r"(?=.{1,400}$)[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*",
)
APPLICATION = Text(
    'a module and an attribute, such as "shop.asgi:application"',
    pattern=r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*",
    hint="module and attribute are separated by a colon",
)
PATH = Text("a path of at most 400 characters without control characters", pattern=r"[^\x00-\x1f\x7f]{1,400}")
LINE = Text(
    "a command on one line without control characters",
    pattern=r"[^\x00-\x08\x0a-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0a-\x1f\x7f]*",
)
PREFIX = Text(
    'a path prefix that starts and ends with "/"',
    pattern=r"/([A-Za-z0-9._~!$&'()*+,;=:@-]+/)*",
    hint='such as "/" or "/api/events/"',
)
HOST = Text(
    "a host name or an address",
    pattern=r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])",
    hint="one exact name, without scheme and port",
)
LISTEN = Text(
    "an address to listen on", pattern=r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45})"
)
WORDS = Text(
    "one line of text without control characters",
    pattern=r"[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*",
)
TOPIC = Text('a topic, such as "orders.order_placed"', pattern=r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")
VARIABLE = Text("the name of an environment variable", pattern=r"[A-Za-z_][A-Za-z0-9_]*")
WEBHOOK = Text("an http or https address", pattern=r"https?://[!-~]+")
PORT = Integer(0, 65535)
REPLICAS = Integer(0, 64)

_AUTOMATIC = "0 = chosen at the first start and kept, so that systems run side by side"
_FOUND = "the first that has the features needed: on PATH, then as a wheel"
_PROGRAM = "The program to run: a path, seen from the folder of this file, or a name on PATH."
_MEMORY = "Most memory for its contents."


@dataclass(frozen=True, slots=True)
class SystemTable:
    name: str | None = key(
        NAME,
        "The name of the whole system. It names the state folder, so two systems need two names.",
        default=None,
        because="the name of the folder that holds the file",
        examples=["boxoffice"],
    )


@dataclass(frozen=True, slots=True)
class EdgeTable:
    host: str = key(
        LISTEN,
        "The address on which the edge listens.",
        default="127.0.0.1",
        because="nothing is reachable from other machines until you say so",
        examples=["0.0.0.0"],  # noqa: S104 - an example of the setting, nothing listens here
    )
    port: int = key(
        PORT,
        "The port on which the edge listens; 0 chooses a free one at the first start and keeps it.",
        default=8000,
        because="where Django developers look first, and no root is needed",
    )
    engine: EdgeEngine = key(
        Choice[EdgeEngine]("auto", "haproxy", "nginx"),
        "The program in front.",
        default="auto",
        because="haproxy if found, else nginx; both pass the same conformance suite",
    )
    program: str = key(PATH, _PROGRAM, default="", because=_FOUND)
    hosts: tuple[str, ...] | None = key(
        ListOf(HOST, least=1),
        "Names that a Host header may carry. A request for any other name is closed unanswered.",
        default=None,
        because="localhost, 127.0.0.1 and [::1], plus `host` when that is another single address",
        examples=[["tickets.example.com"]],
    )
    max_body: int = key(
        Size(1024, 64 * GIB),
        "Largest request body; larger ones get 413.",
        default=10 * MIB,
        because="room for an upload of a photo, too small to fill a disk",
        examples=["25 MiB"],
    )
    max_header: int = key(
        Size(1024, MIB),
        "Largest request line and headers together; larger ones get 431 or 400.",
        default=16 * 1024,
        because="twice what browsers and Django's cookies need",
    )
    max_connections: int = key(
        Integer(16, 1_000_000),
        "Most client connections at once.",
        default=4096,
        because="far above one source's cap, so that a single attacker cannot fill it",
    )
    connections_per_source: int = key(
        Integer(1, 1_000_000),
        "Most connections from one address at once.",
        default=256,
        because="an office behind one address fits, a flood does not",
    )


@dataclass(frozen=True, slots=True)
class ProcessTable:
    command: str = key(
        LINE,
        "The program and its arguments, split like a shell would; no shell runs, so no pipes or variables.",
        default="",
        because="the built-in one, for the kind worker",
        examples=["celery -A shop beat"],
    )
    replicas: int = key(REPLICAS, "How many copies run.", default=1, because="most such kinds run once")


@dataclass(frozen=True, slots=True)
class ServiceTable:
    root: str = key(
        PATH,
        "The folder with manage.py; relative ones start at the folder of this file.",
        default=".",
        because="the folder of the file",
        examples=["catalog"],
    )
    settings: str | None = key(
        MODULE,
        "The settings module.",
        default=None,
        because="the one that manage.py names",
        examples=["shop.settings"],
    )
    application: str | None = key(
        APPLICATION,
        "The ASGI or WSGI application to serve.",
        default=None,
        because="`application` in the asgi.py or wsgi.py beside the settings",
        examples=["shop.asgi:application"],
    )
    interface: Interface | None = key(
        Choice[Interface]("asgi", "wsgi"),
        "How requests reach the project.",
        default=None,
        because="asgi when the project has an asgi.py, else wsgi",
    )
    manage: str = key(
        PATH, "manage.py, relative to `root`.", default="manage.py", because="where Django puts it"
    )
    python: str = key(
        PATH,
        "The Python interpreter of this service.",
        default="",
        because="the one that runs mainstay",
        examples=[".venv/bin/python"],
    )
    replicas: int = key(
        Integer(1, 64),
        "How many web processes run.",
        default=2,
        because="one can be lost or replaced while the other serves",
    )
    routes: tuple[str, ...] | None = key(
        ListOf(PREFIX),
        "Path prefixes that the edge sends here; the longest match wins. Empty: only other services call it.",
        default=None,
        because='"/" for the only service, else none',
        examples=[["/", "/api/events/"]],
    )
    needs: tuple[str, ...] = key(
        ListOf(Text("the name of an engine")),
        "Engines that must be ready before this service starts: postgres, valkey, memcached, nats.",
        default=("postgres",),
        because="nearly every Django project keeps its rows in one; write needs = [] for none",
        examples=[["postgres", "valkey", "nats"]],
    )
    calls: tuple[str, ...] = key(
        ListOf(Text("the name of a service")),
        "Services that this one calls.",
        default=(),
        examples=[["orders"]],
    )
    consumes: tuple[str, ...] = key(
        ListOf(TOPIC),
        "Topics whose events this service handles.",
        default=(),
        examples=[["orders.order_placed"]],
    )
    processes: dict[str, int | ProcessTable] = key(
        MapOf(NAME, Either[int | ProcessTable](REPLICAS, Table(ProcessTable))),
        "Other kinds of process: a number of copies of the built-in worker; others with a command.",
        default={},
        examples=[{"worker": 1, "beat": {"command": "celery -A shop beat", "replicas": 1}}],
    )
    pool: int = key(
        Integer(1, 1000),
        "Most database connections of one process.",
        default=4,
        because="more connections than cores make PostgreSQL slower, and every process multiplies this",
    )
    threads: int = key(
        Integer(1, 256),
        "Requests that one WSGI process works on at once; ASGI does not use it.",
        default=4,
        because="as many as the pool has connections, so that no thread waits for one",
    )
    migrate: bool = key(
        Flag(),
        "Run migrations before the first process starts.",
        default=True,
        because="code and tables must agree",
    )
    prepare: tuple[str, ...] = key(
        ListOf(LINE),
        "manage.py commands to run after the migrations, each time before the first process starts; "
        "they must be safe to repeat.",
        default=(),
        examples=[["seed --if-empty"]],
    )
    env: dict[str, str] = key(
        MapOf(VARIABLE, Text()),
        "More environment variables. {postgres.url}, {valkey.url}, {memcached.url}, {nats.url}, {edge.url} "
        "and {service.NAME.url} become addresses; {{ and }} are plain braces.",
        default={},
        examples=[{"REDIS_URL": "{valkey.url}"}],
    )
    static_url: str = key(
        PREFIX,
        "The prefix of static files, the same as STATIC_URL in the settings.",
        default="/static/",
        because="the usual STATIC_URL",
    )


@dataclass(frozen=True, slots=True)
class PostgresTable:
    program: str = key(
        PATH, "The folder of PostgreSQL's programs, or its `postgres`.", default="", because=_FOUND
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
    program: str = key(PATH, _PROGRAM, default="", because=_FOUND)
    port: int = key(PORT, "Its port.", default=AUTOMATIC, because=_AUTOMATIC)
    max_memory: int = key(
        Size(MIB, 1024 * GIB),
        _MEMORY,
        default=128 * MIB,
        because="a cache that fits beside everything else on a laptop",
    )


@dataclass(frozen=True, slots=True)
class MemcachedTable:
    program: str = key(PATH, _PROGRAM, default="", because=_FOUND)
    port: int = key(PORT, "Its port.", default=AUTOMATIC, because=_AUTOMATIC)
    max_memory: int = key(Size(MIB, 1024 * GIB), _MEMORY, default=64 * MIB, because="memcached's own default")


@dataclass(frozen=True, slots=True)
class NatsTable:
    program: str = key(PATH, _PROGRAM, default="", because=_FOUND)
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
    program: str = key(PATH, _PROGRAM, default="", because=_FOUND)
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
    program: str = key(PATH, _PROGRAM, default="", because=_FOUND)
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


_LIMIT = Duration(0.01, DAY)


@dataclass(frozen=True, slots=True)
class TimeoutTable:
    edge: float = key(
        _LIMIT,
        "How long the edge waits for an answer.",
        default=15.0,
        because="more than `request`, so that the service answers first",
    )
    request: float = key(
        _LIMIT,
        "How long one request may take: the deadline that the edge sets and everything inside obeys.",
        default=10.0,
        because="few people wait longer",
        examples=["5s"],
    )
    statement: float = key(
        _LIMIT,
        "How long one SQL statement may take.",
        default=5.0,
        because="half of `request`: time is left to answer with an error",
    )
    lock: float = key(
        _LIMIT,
        "How long one SQL statement may wait for a lock.",
        default=2.0,
        because="less than `statement`, so that waiting and working can be told apart",
    )
    drain: float = key(
        _LIMIT,
        "How long a leaving process may finish what it has taken.",
        default=12.0,
        because="more than `request`: the longest request still ends",
    )
    stop: float = key(
        _LIMIT,
        "How long after the signal to stop a process is killed.",
        default=15.0,
        because="more than `drain`: a kill never cuts off a drain",
    )
    connect: float = key(
        _LIMIT,
        "How long connecting to a process may take.",
        default=1.0,
        because="all is on one machine or network",
    )
    ready: float = key(
        _LIMIT,
        "How long a process may take to become ready before its start counts as failed.",
        default=60.0,
        because="slow imports on a busy machine",
    )


_MOMENT = Duration(0.0, 90_000.0)
"""A day of strikes again and again, and an hour for the moment of each, so that what was saved can be replayed."""


@dataclass(frozen=True, slots=True)
class FaultTable:
    fault: str = key(
        Text(),
        "What is done; `mainstay prove --list` names the faults, their targets and their settings.",
        examples=["kill", "pause", "link.latency"],
    )
    target: str = key(
        Text(),
        "To whom: a process, a kind such as catalog.web, primary, standby, an engine, a service, or a link.",
        default="",
        examples=["catalog.web", "primary", "orders->payments"],
    )
    at: float = key(
        _MOMENT, "How long after the faults begin.", default=0.0, because="all at once unless you say so"
    )
    lasts: float | None = key(
        _MOMENT,
        "How long until it is undone.",
        default=None,
        because="as long as a fault of its kind lasts; see the reference of `mainstay prove`",
    )
    settings: dict[str, bool | int | float | str] = key(
        MapOf(Text("the name of a setting", pattern=r"[a-z][a-z0-9_]*"), Scalar()),
        "The fault's own settings.",
        default={},
        examples=[{"milliseconds": 300, "jitter": 50}],
    )


@dataclass(frozen=True, slots=True)
class ClaimTable:
    name: str = key(
        Text("a name of lower-case letters, digits and -", pattern=r"[a-z][a-z0-9-]{0,59}"),
        "What the claim is called; that of a claim which comes by itself replaces it.",
        examples=["payments-slow"],
    )
    says: str = key(
        WORDS,
        "One sentence for the report.",
        default="",
        because="made from the faults and the rules",
    )
    faults: tuple[FaultTable, ...] = key(
        ListOf(Table(FaultTable)),
        "What happens; none at all claims something about load alone.",
        default=(),
        examples=[[{"fault": "link.latency", "target": "orders->payments", "lasts": "5s"}]],
    )
    holds: tuple[str, ...] = key(
        ListOf(WORDS, least=1),
        "What must hold meanwhile and afterwards.",
        examples=[["errors.get = 0", "recovery <= 1.5 s", "p99 <= 2 x steady"]],
    )
    journeys: tuple[str, ...] = key(
        ListOf(WORDS), "Which journeys are the load.", default=(), because="all of them, by their weights"
    )
    rate: int | None = key(
        Integer(1, 100_000),
        "Steps of journeys begun per second.",
        default=None,
        because="the rate of [prove]",
    )
    shape: LoadShape = key(
        Choice[LoadShape]("steady", "step", "ramp", "spike"),
        "How the rate changes while the faults are on.",
        default="steady",
        because="one thing changes at a time",
    )
    peak: int = key(
        Integer(1, 100), "How many times the rate a step, ramp or spike reaches.", default=1, because="steady"
    )
    calm: float = key(
        Duration(1.0, 86_400.0),
        "How long the load is on before the first fault, and again after everything was ready.",
        default=4.0,
        because="enough to know what is normal at this rate",
    )
    within: float = key(
        Duration(0.1, 3600.0),
        "How long everything may take to be ready again after the last fault.",
        default=30.0,
        because="a database that is rewound and catches up takes seconds",
    )
    every: float | None = key(
        Duration(0.5, 3600.0),
        "Strike again and again: one of the faults so often, each in its turn, for as long as `during` says.",
        default=None,
        because="each fault strikes once, at its own moment",
        examples=["10s"],
    )
    during: float | None = key(
        Duration(1.0, 86_400.0),
        "How long `every` goes on.",
        default=None,
        because="each fault strikes once, at its own moment",
        examples=["20m"],
    )
    size: ClaimSize = key(
        Choice[ClaimSize]("quick", "normal", "full", "named"),
        "From which size of a proof on it is tried; a `named` one only when `--only` names it.",
        default="quick",
        because="who writes a claim wants to know",
    )


@dataclass(frozen=True, slots=True)
class ProveTable:
    journeys: str = key(
        PATH,
        "A Python file with classes of mainstay.ops.prove.Journey, or a Locust file.",
        default="",
        because="pages are found by the OpenAPI schema or by following links, and only read",
        examples=["proof.py"],
    )
    rate: int = key(
        Integer(1, 100_000),
        "Steps of journeys begun per second, all together, in a steady load.",
        default=20,
        because="enough to see a second of trouble, and a laptop bears it",
    )
    claim: tuple[ClaimTable, ...] = key(
        ListOf(Table(ClaimTable)), "Claims beside those that come by themselves.", default=()
    )
    without: tuple[str, ...] = key(
        ListOf(WORDS),
        "Names of claims that are left out, such as one that this system does not make.",
        default=(),
        examples=[["valkey-killed"]],
    )
    reads: tuple[str, ...] = key(
        ListOf(WORDS),
        "Aliases in DATABASES of PostgreSQL servers elsewhere that a twin may read; they refuse its writes.",
        default=(),
        because="what is broken on purpose has no business in another database",
        examples=[["warehouse"]],
    )


@dataclass(frozen=True, slots=True)
class Declaration:
    service: dict[str, ServiceTable] = key(
        MapOf(NAME, Table(ServiceTable), least=1),
        "The services: Django projects and the processes that run them. [service.web] alone is a whole file.",
        examples=[{"web": {}}],
    )
    system: SystemTable = key(Table(SystemTable), "The system as a whole.", default=SystemTable())
    edge: EdgeTable = key(Table(EdgeTable), "The proxy in front.", default=EdgeTable())
    engine: EngineTable = key(
        Table(EngineTable), "Programs that Mainstay runs but that are not yours.", default=EngineTable()
    )
    timeouts: TimeoutTable = key(
        Table(TimeoutTable),
        "Limits, each inside the next: edge > request > statement > lock, and stop > drain > request.",
        default=TimeoutTable(),
    )
    prove: ProveTable = key(
        Table(ProveTable), "What `mainstay prove` claims, and its load.", default=ProveTable()
    )
