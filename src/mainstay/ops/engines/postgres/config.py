"""The configuration texts of one PostgreSQL node; pure: values in, text out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from mainstay.ops.engines.engine import Address, File, Node, Program
from mainstay.ops.engines.postgres.find import STATEMENTS, major
from mainstay.ops.topology.values import Postgres as Declared

SUPERUSER = "mainstay"
REPLICATOR = "replicator"
SUPERUSER_SECRET = "postgres.superuser"  # noqa: S105 - the name of a secret
REPLICATOR_SECRET = "postgres.replicator"  # noqa: S105 - the name of a secret

SUPERVISOR_CONNECTIONS = 5
"""Connections that only the supervisor's role may take, so that a full server can still be asked and led."""


@dataclass(frozen=True, slots=True)
class Role:
    """What this node is now: a primary, or a standby of ``upstream``."""

    upstream: Address | None = None
    synchronous: tuple[str, ...] = ()
    """Nodes that must have every commit on disk before it is acknowledged; of a primary only."""


def secret_of(service: str) -> str:
    """The name of the secret that holds a service's database password."""
    return f"postgres.{service}"


def secret_names(services: tuple[str, ...]) -> tuple[str, ...]:
    """Every secret that a node of a system with these services expects to be handed."""
    return (SUPERUSER_SECRET, REPLICATOR_SECRET, *map(secret_of, services))


def database_of(service: str) -> str:
    """The name of a service's database, and of the role that owns it."""
    return service.replace("-", "_")


def slot_of(name: str) -> str:
    """The replication slot of a node; slots know fewer characters than names do."""
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def dsn(service: str, address: Address, secrets: Mapping[str, str]) -> str:
    """The URL by which a service reaches its own database at this address."""
    name, password = database_of(service), quote(secrets[secret_of(service)], safe="")
    return f"postgresql://{name}:{password}@{address}/{name}"


# --- files -------------------------------------------------------------------------------


def files(
    node: Node, program: Program, declared: Declared, secrets: Mapping[str, str], role: Role
) -> tuple[File, ...]:
    return (
        File("postgresql.conf", _text(settings(node, program, declared)) + "include = 'replication.conf'\n"),
        File("replication.conf", _text(replication(node, role))),
        File("pg_hba.conf", HBA),
        File("pgpass", _pgpass(secrets)),
    )


def settings(node: Node, program: Program, declared: Declared) -> dict[str, str]:
    """All that does not depend on the node's role, so that a promotion changes none of it."""
    peers = declared.standbys + 1
    chosen = {
        # where
        "cluster_name": node.name,
        "data_directory": str(node.data),
        "hba_file": str(node.config / "pg_hba.conf"),
        "listen_addresses": node.address.host,
        "port": str(node.address.port),
        "unix_socket_directories": "",
        # connections
        "max_connections": str(declared.max_connections),
        "superuser_reserved_connections": str(
            min(SUPERVISOR_CONNECTIONS, max(3, declared.reserved_connections))
        ),
        "password_encryption": "scram-sha-256",  # nosec B105 - the name of a method
        "tcp_keepalives_idle": "5s",
        "tcp_keepalives_interval": "2s",
        "tcp_keepalives_count": "3",
        "idle_in_transaction_session_timeout": "60s",
        "deadlock_timeout": "500ms",
        # memory
        "shared_buffers": "64MB",
        "maintenance_work_mem": "32MB",
        # the log that standbys follow
        "wal_level": "replica",
        "wal_log_hints": "on",
        "wal_compression": "pglz",
        "max_wal_size": "512MB",
        "max_wal_senders": str(2 * peers + 4),
        "max_replication_slots": str(2 * peers + 4),
        "wal_keep_size": "128MB",
        "max_slot_wal_keep_size": "1GB",
        "wal_sender_timeout": "5s",
        # a standby's side of it
        "hot_standby": "on",
        "hot_standby_feedback": "on",
        "wal_receiver_timeout": "5s",
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "100ms",
        # Cannot change without a restart, so it stands here and not among what a promotion takes away.
        "recovery_target_timeline": "latest",
        # what is written to the log
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_lock_waits": "on",
        "log_min_duration_statement": "250ms",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_checkpoints": "off",
        "track_io_timing": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if STATEMENTS in program.features:
        chosen["shared_preload_libraries"] = STATEMENTS
    if major(program) >= 18:
        chosen["io_workers"] = "2"
    return chosen


def replication(node: Node, role: Role) -> dict[str, str]:
    """
    All that depends on the role.

    A standby's text never names synchronous standbys: promoted with such a name, it
    would hang at its first commit, waiting for a node that follows nobody.
    """
    if role.upstream is None:
        return {"synchronous_standby_names": synchronous_names(role.synchronous), "primary_conninfo": ""}
    return {
        "synchronous_standby_names": "",
        "primary_conninfo": conninfo(role.upstream, node, application=node.name),
        "primary_slot_name": slot_of(node.name),
    }


OWNED = frozenset({"synchronous_standby_names", "primary_conninfo", "primary_slot_name"})
"""Settings that a copy of another node's ``postgresql.auto.conf`` must not bring along."""


def synchronous_names(names: tuple[str, ...]) -> str:
    """
    The setting that makes a commit wait for every one of these nodes.

    All of them, not any: then each may be promoted, without asking which one had the
    last commit.
    """
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return f"FIRST {len(names)} ({quoted})" if names else ""


def conninfo(
    address: Address, node: Node, *, application: str, user: str = REPLICATOR, database: str = ""
) -> str:
    """How ``node`` connects to another node; the password is in its ``pgpass`` file."""
    words = {
        "host": address.host,
        "port": str(address.port),
        "user": user,
        "passfile": str(node.config / "pgpass"),
        "application_name": application,
        "connect_timeout": "2",
        "sslmode": "disable",
        "gssencmode": "disable",
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
        "tcp_user_timeout": "5000",
    }
    if database:
        words["dbname"] = database
    return " ".join(f"{name}={_conninfo_quoted(value)}" for name, value in words.items())


HBA = f"""\
# type  database     user        address       method
host    all          {SUPERUSER}    127.0.0.0/8   scram-sha-256
host    all          {SUPERUSER}    ::1/128       scram-sha-256
host    replication  {REPLICATOR}  127.0.0.0/8   scram-sha-256
host    replication  {REPLICATOR}  ::1/128       scram-sha-256
host    sameuser     all         127.0.0.0/8   scram-sha-256
host    sameuser     all         ::1/128       scram-sha-256
"""
"""Loopback only, passwords always, and each service's role into its own database alone."""


def _pgpass(secrets: Mapping[str, str]) -> str:
    users = {SUPERUSER: secrets[SUPERUSER_SECRET], REPLICATOR: secrets[REPLICATOR_SECRET]}
    escaped = {user: password.replace("\\", "\\\\").replace(":", "\\:") for user, password in users.items()}
    return "".join(f"*:*:*:{user}:{password}\n" for user, password in escaped.items())


def _text(chosen: Mapping[str, str]) -> str:
    return "".join(f"{name} = {_quoted(value)}\n" for name, value in chosen.items())


def _quoted(value: str) -> str:
    """https://www.postgresql.org/docs/current/config-setting.html: quotes doubled, backslashes escape."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _conninfo_quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
