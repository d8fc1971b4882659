"""``DATABASES`` and ``DATABASE_ROUTERS`` from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mainstay.base import environment, timeouts, wire
from mainstay.db.addresses import Address, parse
from mainstay.db.sqlite import WriteAheadConnection

REPLICA = "replica"
"""The alias under which standbys are read."""

DATABASE_ROUTERS = ["mainstay.db.routers.PrimaryReplicaRouter"]

POOL_MAX = 4
POOL_WAIT = 2.0
"""Seconds a request waits for a free connection, at most, before it is answered 503; see `mainstay.db.turns`."""
REPLICA_WAIT = 0.5
"""Shorter, because the primary can answer instead."""
CONNECT_TIMEOUT = 2
"""libpq treats 1 as 2: its documentation of ``connect_timeout``."""
IDLE_IN_TRANSACTION = 30.0


def databases(base_dir: Path | str = ".") -> dict[str, dict[str, Any]]:
    """
    ``DATABASES``: the primary as ``default``, and ``replica`` when there are standbys.

    Without ``DATABASE_URL`` this is an SQLite file in ``base_dir``. A one-off command
    (kind ``manage``) gets no pool and no statement timeout, so that a migration may
    take as long as it needs.

    Raises:
        InvalidInput: A variable of the environment has a value that cannot be used.
    """
    url = environment.text(wire.DATABASE_URL)
    if not url:
        return {"default": sqlite(str(Path(base_dir) / "db.sqlite3"))}
    address = parse(url, wire.DATABASE_URL)
    if address.scheme == "sqlite":
        return {"default": sqlite(address.name)}
    aliases = {"default": _primary(address)}
    if replicas := environment.listed(wire.DATABASE_REPLICA_URLS):
        aliases[REPLICA] = _replica([parse(each, wire.DATABASE_REPLICA_URLS) for each in replicas])
    return aliases


def sqlite(name: str) -> dict[str, Any]:
    """SQLite as a server wants it: readers beside one writer, and a wait instead of an error."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "OPTIONS": {
            "timeout": 5,
            "transaction_mode": "IMMEDIATE",
            "factory": WriteAheadConnection,
        },
    }


def _primary(address: Address) -> dict[str, Any]:
    hosts = environment.listed(wire.DATABASE_HOSTS) or (f"{address.host}:{address.port}",)
    return _postgres(address, hosts, "read-write", POOL_WAIT)


def _replica(addresses: list[Address]) -> dict[str, Any]:
    hosts = tuple(f"{address.host}:{address.port}" for address in addresses)
    alias = _postgres(addresses[0], hosts, "any", REPLICA_WAIT)
    return {**alias, "TEST": {"MIRROR": "default"}}


def _postgres(address: Address, hosts: tuple[str, ...], session: str, wait: float) -> dict[str, Any]:
    names, ports = zip(*(host.rpartition(":")[::2] for host in hosts), strict=True)
    one_off = environment.text(wire.KIND) == "manage"
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": address.name,
        "USER": address.user,
        "PASSWORD": address.password,
        "HOST": ",".join(name.strip("[]") for name in names),
        "PORT": ",".join(ports),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_connection(session),
            "options": _session_limits(one_off),
            **({} if one_off else {"pool": _pool(wait)}),
            **address.options,
        },
    }


def _connection(session: str) -> dict[str, Any]:
    """How a connection is made and how a dead one is noticed: 2 s, not the kernel's 15 minutes."""
    return {
        "target_session_attrs": session,
        "connect_timeout": CONNECT_TIMEOUT,
        "keepalives_idle": 5,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "tcp_user_timeout": 3000,
        "application_name": environment.text(wire.REPLICA, "mainstay")[:63],
    }


def _session_limits(one_off: bool) -> str:
    limits = {"lock_timeout": timeouts.lock()}
    if not one_off:
        limits["statement_timeout"] = timeouts.statement()
        limits["idle_in_transaction_session_timeout"] = IDLE_IN_TRANSACTION
    return " ".join(f"-c {name}={round(seconds * 1000)}" for name, seconds in limits.items())


def _pool(wait: float) -> dict[str, Any]:
    """
    The native pool's options. Never add ``check`` here: Django passes its own, and
    a second one turns every request into an error. ``CONN_HEALTH_CHECKS`` is the switch.
    """
    from mainstay.db import connections  # needs psycopg, which SQLite projects lack

    return {
        "min_size": 1,
        "max_size": environment.whole(wire.POOL_MAX, POOL_MAX),
        "timeout": wait,
        "connection_class": connections.CertainConnection,
        "reconnect_timeout": connections.RECONNECT,
        "reconnect_failed": connections.keep_trying,
    }
