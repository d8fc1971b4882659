"""
Bring a service's database and static files to the release that is about to start.

One Django process for everything, because each start of Django costs half a second.
Safe to run from several machines at once: a session lock lets one migrate, and the
others find nothing left to do.
"""

from __future__ import annotations

import shlex
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from mainstay.base import environment, wire
from mainstay.db.checks import find_shared_files
from mainstay.db.migrating import MigrationFailed, migrate, until_answering

MIGRATION_FAILED = 4


class Command(BaseCommand):
    help = "Migrate once, collect static files, then run first-start commands."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default="default", help="Alias to migrate.")
        parser.add_argument("--no-migrate", action="store_true", help="Leave the database as it is.")
        parser.add_argument("--no-static", action="store_true", help="Leave the static files as they are.")
        wait = "Wait so long for the database to answer."
        parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help=wait)
        then = 'Run this afterwards, as in "seed --small"; may be repeated.'
        parser.add_argument("--then", action="append", default=[], metavar="COMMAND", help=then)

    def handle(self, *args: Any, **options: Any) -> None:
        self._warn()
        # Static files first: they need no database, which may still be starting.
        if not options["no_static"]:
            self._collect_static()
        if options["wait"]:
            until_answering(connections[options["database"]], options["wait"])
        if not options["no_migrate"]:
            self._migrate(options["database"])
        for line in options["then"]:
            self._run(line)

    def _warn(self) -> None:
        """What would run, but not as the person believes; the supervisor notes each such line."""
        for line in _separated():
            self._say(f"{wire.WARNING}{line}")
        vendor = connections["default"].vendor
        if environment.text(wire.DATABASE_URL).startswith("postgres") and vendor != "postgresql":
            self._say(
                f"{wire.WARNING}DATABASES['default'] is {vendor}, so this service does not use the system's PostgreSQL "
                "and is as durable as that file; `DATABASES = mainstay.databases(BASE_DIR)` uses it"
            )
        else:
            for found in find_shared_files():
                if not found.is_silenced():
                    self._say(f"{wire.WARNING}{found.msg} {found.hint}")
        if settings.DEBUG:
            self._say(
                f"{wire.WARNING}DEBUG is on; `DEBUG = mainstay.debug()` turns it off in a running system"
            )

    def _migrate(self, alias: str) -> None:
        started = time.monotonic()
        try:
            applied = migrate(connections[alias], self._say)
        except MigrationFailed as error:
            raise CommandError(str(error), returncode=MIGRATION_FAILED) from error.__cause__
        took = f"{time.monotonic() - started:.1f} s"
        self._say(f"migrations: {applied} applied in {took}" if applied else "migrations: nothing to do")

    def _collect_static(self) -> None:
        root = environment.text(wire.STATIC_ROOT) or settings.STATIC_ROOT
        if not root or "django.contrib.staticfiles" not in settings.INSTALLED_APPS:
            return
        settings.STATIC_ROOT = root
        from mainstay.db.management.static_files import collect

        self._say(f"static files: {collect(root)}")

    def _run(self, line: str) -> None:
        name, *arguments = shlex.split(line)
        self._say(f"running: {line}")
        call_command(name, *arguments, stdout=self.stdout, stderr=self.stderr)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _separated() -> tuple[str, ...]:
    """In a twin, what was done to databases of the project's own."""
    module = sys.modules.get(wire.TWIN_SETTINGS_MODULE)
    return tuple(module.said) if module is not None else ()
