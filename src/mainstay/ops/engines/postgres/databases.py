"""Roles and databases of a cluster: each service has one of both, and sees no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from mainstay.ops.engines.postgres.config import (
    REPLICATOR,
    REPLICATOR_SECRET,
    database_of,
    secret_of,
)
from mainstay.ops.engines.postgres.session import Session

LIMIT = 30.0
"""Seconds for one statement; creating a database copies a template."""


async def ensure(session: Session, services: tuple[str, ...], secrets: Mapping[str, str]) -> None:
    """Create what is missing, and give every role the password that the secrets say; safe to repeat."""
    await _role(session, REPLICATOR, secrets[REPLICATOR_SECRET], "LOGIN REPLICATION")
    for service in services:
        name = database_of(service)
        await _role(session, name, secrets[secret_of(service)], "LOGIN")
        await _database(session, name)


async def count_statements(session: Session) -> None:
    """Let people see, in the database ``postgres``, which statements of all databases take the time."""
    await session.rows("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", within=LIMIT)


async def _role(session: Session, name: str, password: str, attributes: LiteralString) -> None:
    found = await session.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,), within=LIMIT)
    verb: LiteralString = "ALTER" if found else "CREATE"
    statement = f"{verb} ROLE {{}} {attributes} PASSWORD {{}}"
    await session.rows(statement, names=(name,), literals=(password,), within=LIMIT)


async def _database(session: Session, name: str) -> None:
    if await session.rows("SELECT 1 FROM pg_database WHERE datname = %s", (name,), within=LIMIT):
        return
    await session.rows("CREATE DATABASE {} OWNER {}", names=(name, name), within=LIMIT)
    await session.rows("REVOKE ALL ON DATABASE {} FROM PUBLIC", names=(name,), within=LIMIT)
