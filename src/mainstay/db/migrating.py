"""
Apply migrations once, however many start at the same time.

A session lock of PostgreSQL lets one process migrate; the others wait for it and then
find nothing to do. The lock goes with the session, so a killed process leaves none
behind. Other databases have one writer anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db import OperationalError
from django.db.migrations.executor import MigrationExecutor

Say = Callable[[str], None]

LOCK_KEY = int.from_bytes(b"MAINSTAY", "big")
"""Advisory locks are per database, so one key serves all."""

POLL = 0.2


class MigrationFailed(Exception):
    """A migration did not apply. Its cause is the database's or the migration's own error."""

    def __init__(self, migration: str, error: Exception) -> None:
        self.migration = migration
        words = str(error).strip() or type(error).__name__
        super().__init__(f"prepare.migration-failed  {migration}: {type(error).__name__}: {words}")


def migrate(connection: Any, say: Say) -> int:
    """
    Apply what is missing on this connection and return how many migrations that was.

    Raises:
        MigrationFailed: With the migration's name; those before it stay applied.
    """
    current = ["before the first migration"]
    try:
        with _alone(connection, say):
            missing = pending(connection)
            if missing:
                _apply(connection, say, current)
            return len(missing)
    except Exception as error:
        raise MigrationFailed(current[0], error) from error


def until_answering(connection: Any, seconds: float) -> None:
    """
    Wait until the database can be connected to; a server that starts refuses at first.

    Raises:
        OperationalError: It still refuses after so many seconds, in its own words.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def pending(connection: Any) -> list[str]:
    """The migrations that are not applied yet, in order, as ``app.name``."""
    executor = MigrationExecutor(connection)
    executor.loader.check_consistent_history(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _apply(connection: Any, say: Say, current: list[str]) -> None:
    def progress(action: str, migration: Any = None, fake: bool = False) -> None:
        if action == "apply_start":
            current[0] = f"{migration.app_label}.{migration.name}"
        elif action == "apply_success":
            say(f"applied {migration.app_label}.{migration.name}")
            current[0] = "after the last migration"

    command = _migrate_command()
    command.migration_progress_callback = progress
    words = ["--noinput", "--verbosity=0", f"--database={connection.alias}"]
    command.handle(**vars(command.create_parser("manage.py", "migrate").parse_args(words)))


def _migrate_command() -> Any:
    """The project's own ``migrate``, which another app may have replaced."""
    command = get_commands()["migrate"]
    return command if isinstance(command, BaseCommand) else load_command_class(command, "migrate")


@contextmanager
def _alone(connection: Any, say: Say) -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        _acquire(cursor, say)
    try:
        yield
    finally:
        _release(connection)


def _acquire(cursor: Any, say: Say) -> None:
    """Ask again and again: ``lock_timeout`` would end a wait inside PostgreSQL."""
    waited = False
    while True:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
        if cursor.fetchone()[0]:
            return
        if not waited:
            say("waiting for another process that migrates this database")
            waited = True
        time.sleep(POLL)


def _release(connection: Any) -> None:
    if connection.is_usable():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
    else:
        connection.close()
