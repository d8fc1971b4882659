"""
The environment of a service's process: how the inside learns of the outside.

Pure: addresses and secrets in, variables out. The names are those of `base.wire`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from mainstay.base import wire
from mainstay.ops.engines.engine import Address
from mainstay.ops.topology.placeholders import fill, service_placeholder
from mainstay.ops.topology.values import Service, Topology

PASSED_ON = (wire.SENTRY_DSN, wire.OTLP_ENDPOINT)
"""Variables of the caller that every service process receives as they are."""

VALKEY_DATABASES = 16

FOR_EVERY_PROCESS = {
    "PYTHONUNBUFFERED": "1",
    # glibc gives threads heaps of their own, up to eight for each core, and each keeps the most it ever had: six
    # passwords hashed with scrypt left 100 MB in a replica of 80 MB. Two heaps are what Heroku advises; forty such
    # hashes in six threads, which do not hold the GIL, took 0.997 of the processor time, median of nine.
    "MALLOC_ARENA_MAX": "2",
}
"""What a service's own ``env`` may say otherwise."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where everything is, for one running system."""

    topology: Topology
    secrets: Mapping[str, str]
    postgres: tuple[Address, ...] = ()
    """Every PostgreSQL node, in the order of their names."""
    primary_endpoint: Address | None = None
    urls: Mapping[str, str] = field(default_factory=dict)
    """Base URL of ``valkey``, ``memcached`` and ``nats``, credentials included, for those that run."""
    edge: Address | None = None
    inside: Mapping[str, Address] = field(default_factory=dict)
    """Per service the address at which the edge balances calls from other services."""
    links: Mapping[str, Address] = field(default_factory=dict)
    """By name (``orders->postgres.1``) where a link listens, in a system that has links."""
    static: Mapping[str, Path] = field(default_factory=dict)
    release: str = ""
    passed_on: Mapping[str, str] = field(default_factory=dict)
    twin: Path | None = None
    """The folder of the twin that this system is; ``None``: it is the user's own."""

    @property
    def public_url(self) -> str:
        """How people reach the system, without a slash at the end."""
        edge = self.topology.edge
        if edge.public_url:
            return edge.public_url
        host = "127.0.0.1" if edge.host in ("0.0.0.0", "::") else edge.host  # noqa: S104 - a comparison
        port = self.edge.port if self.edge else edge.port
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def seen_by(self, consumer: str) -> Surroundings:
        """The same as this consumer is told it: a link of its own in place of each address that has one."""
        if not self.links:
            return self

        def through(name: str, address: Address) -> Address:
            return self.links.get(f"{consumer}->{name}", address)

        nodes = enumerate(self.postgres, 1)
        endpoint = self.primary_endpoint
        return replace(
            self,
            postgres=tuple(through(f"postgres.{number}", address) for number, address in nodes),
            primary_endpoint=through("postgres", endpoint) if endpoint else None,
            urls={
                name: _moved(url, self.links.get(f"{consumer}->{name}")) for name, url in self.urls.items()
            },
            inside={name: through(name, address) for name, address in self.inside.items()},
        )


def _moved(url: str, address: Address | None) -> str:
    """A URL with another host and port, and the same credentials."""
    parts = urlsplit(url)
    who, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{who}{at}{address}")) if address else url


def interpreter(service: Service) -> str:
    return service.python or sys.executable


def for_process(
    around: Surroundings, service: Service, kind: str, name: str, bind: Address | None = None
) -> dict[str, str]:
    """Everything a process of this service is told; ``bind`` is where it listens, a worker for probes alone."""
    directly, around = around, around.seen_by(service.name)
    topology = around.topology
    env = {
        **FOR_EVERY_PROCESS,
        wire.SETTINGS_MODULE: service.settings,
        wire.SYSTEM: topology.name,
        wire.SERVICE: service.name,
        wire.KIND: kind,
        wire.REPLICA: name,
        wire.RELEASE: around.release,
        wire.SECRET_KEY: around.secrets[f"django.{service.name}"],
        wire.INTERNAL_TOKEN: around.secrets["internal"],
        wire.ALLOWED_HOSTS: ",".join(dict.fromkeys((*topology.edge.hosts, "127.0.0.1", "localhost"))),
        wire.TRUSTED_PROXIES: "127.0.0.1",
        wire.PUBLIC_URL: around.public_url,
        wire.STATIC_ROOT: str(around.static[service.name]),
        wire.POOL_MAX: str(service.pool),
        wire.THREADS: str(service.threads),
        wire.REPLICAS: str(service.kind("web").replicas),
        wire.REQUEST_TIMEOUT: f"{topology.timeouts.request:g}",
        wire.STATEMENT_TIMEOUT: f"{topology.timeouts.statement:g}",
        wire.LOCK_TIMEOUT: f"{topology.timeouts.lock:g}",
        wire.DRAIN_TIMEOUT: f"{topology.timeouts.drain:g}",
        **around.passed_on,
        **_engine_urls(around, service),
        **{wire.service_url(other): f"http://{address}" for other, address in around.inside.items()},
    }
    if bind is not None and kind != "web":
        env[wire.HEALTH_BIND] = str(bind)
    elif bind is not None:
        env |= {
            wire.APPLICATION: service.application,
            wire.INTERFACE: service.interface,
            wire.BIND: str(bind),
        }
    env |= own_variables(around, service)
    return env | _of_twin(env, directly, around)


def _of_twin(env: Mapping[str, str], *seen: Surroundings) -> dict[str, str]:
    """What keeps a twin's process from databases that are not the twin's, whatever the file or the settings name."""
    around = seen[0]
    if around.twin is None:
        return {}
    addresses = [address for each in seen for address in (*each.postgres, each.primary_endpoint) if address]
    told = {
        wire.TWIN: str(around.twin),
        wire.TWIN_HOSTS: ",".join(dict.fromkeys(map(str, addresses))),
        wire.TWIN_READS: ",".join(around.topology.prove.reads),
    }
    # A service without Django has no settings to be held apart.
    if own := env[wire.SETTINGS_MODULE]:
        told |= {wire.TWIN_SETTINGS: own, wire.SETTINGS_MODULE: wire.TWIN_SETTINGS_MODULE}
    return told


def _engine_urls(around: Surroundings, service: Service) -> dict[str, str]:
    urls = engine_urls(around, service)
    env: dict[str, str] = {}
    if "postgres" in urls:
        env[wire.DATABASE_URL] = urls["postgres"]
        env[wire.DATABASE_HOSTS] = ",".join(str(address) for address in around.postgres)
        if len(around.postgres) > 1:
            env[wire.DATABASE_REPLICA_URLS] = ",".join(
                database_url(around, service, address) for address in around.postgres[1:]
            )
    for engine, variable in (
        ("valkey", wire.CACHE_URL),
        ("memcached", wire.MEMCACHED_URL),
        ("nats", wire.NATS_URL),
    ):
        if engine in urls:
            env[variable] = urls[engine]
    return env


def engine_urls(around: Surroundings, service: Service) -> dict[str, str]:
    """The URL of each engine that this service needs, by engine name."""
    urls = {}
    if "postgres" in service.needs and around.primary_endpoint is not None:
        urls["postgres"] = database_url(around, service, around.primary_endpoint)
    for engine in ("valkey", "memcached", "nats"):
        if engine in service.needs and engine in around.urls:
            urls[engine] = around.urls[engine]
    if "valkey" in urls:
        # A database number of its own, so that one service's flush or key never meets another's.
        names = [each.name for each in around.topology.services]
        number = names.index(service.name) % VALKEY_DATABASES
        urls["valkey"] = f"{urls['valkey'].rpartition('/')[0]}/{number}"
    return urls


def database_url(around: Surroundings, service: Service, address: Address) -> str:
    password = around.secrets[f"postgres.{service.name}"]
    return f"postgresql://{service.database}:{password}@{address}/{service.database}"


def own_variables(around: Surroundings, service: Service) -> dict[str, str]:
    """The ``env`` table of the file, with ``{valkey.url}`` and the like filled in."""
    addresses = {f"{engine}.url": url for engine, url in engine_urls(around, service).items()}
    addresses |= {service_placeholder(name): f"http://{at}" for name, at in around.inside.items()}
    addresses["edge.url"] = around.public_url
    return {name: fill(value, addresses) for name, value in service.env.items()}
