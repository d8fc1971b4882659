"""What ``[service.NAME]`` may say: a Django project, the processes that run it, and what these rest on."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.containers import Either, ListOf, MapOf
from mainstay.base.schema import Table, key
from mainstay.base.shapes import Choice, Flag, Integer, Text
from mainstay.ops.topology.declaration.spelling import (
    APPLICATION,
    LINE,
    MODULE,
    NAME,
    PATH,
    PREFIX,
    TOPIC,
    VARIABLE,
)
from mainstay.ops.topology.values import Interface

REPLICAS = Integer(0, 64)


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
