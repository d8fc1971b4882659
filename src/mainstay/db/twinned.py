"""
The databases of a twin: its own servers, copies of files, and what it may only read.

A twin is broken on purpose, and journeys write to it. A project whose settings name a database of their own, such as
the SQLite file of ``startproject``, would have all of that done to the real one. So its file is copied into the twin's
folder, which goes with the twin, and any other database is refused, unless its alias may be read; then the server
itself refuses to write.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from mainstay.base import environment, wire
from mainstay.base.errors import InvalidInput, OperationFailed, Problem

FILES = ("sqlite3", "spatialite")
"""How the engines end whose database is a file; those of other packages are named alike."""

READABLE = ("postgresql", "postgis", "postgresql_psycopg2")
"""Engines of servers that hold a session to reading when its connection is made."""

READ_ONLY = "-c default_transaction_read_only=on"

WAL = b"\x02\x02"
"""Bytes 18 and 19 of a file in write-ahead mode, as SQLite's file format has it."""


@dataclass(frozen=True, slots=True)
class Twin:
    """What a process knows of the twin that it belongs to."""

    folder: Path
    hosts: frozenset[str] = frozenset()
    """``host:port`` of its own database servers."""
    reads: frozenset[str] = frozenset()
    """Aliases of databases elsewhere that it may read."""
    settings: str = "settings"
    """The project's settings module, for messages."""

    @classmethod
    def from_environment(cls) -> Twin:
        return cls(
            Path(environment.text(wire.TWIN)),
            frozenset(environment.listed(wire.TWIN_HOSTS)),
            frozenset(environment.listed(wire.TWIN_READS)),
            environment.text(wire.TWIN_SETTINGS),
        )

    @property
    def copies(self) -> Path:
        return self.folder / wire.TWIN_DATABASES


def separate(databases: Mapping[str, dict[str, Any]], twin: Twin) -> tuple[str, ...]:
    """
    Make ``DATABASES`` such that nothing outside of the twin is written; changes them in place.

    Returns what was done, a line for each database that was not the twin's anyway. The first process of a twin makes
    a file's copy, the others wait for it and use the same one.

    Raises:
        InvalidInput: With every database that is elsewhere and may not be read; no file has been copied.
        OperationFailed: A file could not be copied.
    """
    foreign = {alias: entry for alias, entry in databases.items() if not _is_own(entry, twin)}
    problems = [
        _problem(alias, entry, twin)
        for alias, entry in foreign.items()
        if not _is_file(entry) and not (alias in twin.reads and _engine(entry) in READABLE)
    ]
    if problems:
        raise InvalidInput(problems)
    return tuple(
        _copied(alias, entry, twin) if _is_file(entry) else _only_read(alias, entry)
        for alias, entry in foreign.items()
    )


def _engine(entry: Mapping[str, Any]) -> str:
    return str(entry.get("ENGINE") or "dummy").rpartition(".")[2]


def _is_file(entry: Mapping[str, Any]) -> bool:
    return _engine(entry) in FILES


def _is_own(entry: Mapping[str, Any], twin: Twin) -> bool:
    """Whether there is no database, or one that goes with the process or with the twin."""
    if _is_file(entry):
        path = file_of(_name(entry))
        return path is None or path.is_relative_to(twin.folder.resolve())
    return _engine(entry) == "dummy" or _addresses(entry) <= twin.hosts


def _addresses(entry: Mapping[str, Any]) -> set[str]:
    """``host:port`` of every server that it may connect to; libpq pairs lists of both, or has one port for all."""
    options = entry.get("OPTIONS") or {}
    if "hostaddr" in options or "service" in options:
        return {"somewhere that libpq's own options say"}
    hosts = str(entry.get("HOST") or options.get("host") or "").split(",")
    ports = str(entry.get("PORT") or options.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    pairs = zip(hosts, ports, strict=False)
    return {f"{'127.0.0.1' if host == 'localhost' else host.strip('[]')}:{port}" for host, port in pairs}


def _problem(alias: str, entry: Mapping[str, Any], twin: Twin) -> Problem:
    where = " and ".join(sorted(address.strip(":") or "a local socket" for address in _addresses(entry)))
    hint = "DATABASES = mainstay.databases(BASE_DIR) uses the system's, of which a twin has its own"
    if _engine(entry) in READABLE:
        hint += f"; `reads = [{alias!r}]` under [prove] lets a twin read this one".replace("'", '"')
    return Problem(
        "twin.foreign-database",
        twin.settings,
        f"DATABASES[{alias!r}]",
        "a database that a proof may break and write to: the system's own, or an SQLite file, which is copied",
        f"{_engine(entry)} at {where}",
        hint,
    )


def _only_read(alias: str, entry: dict[str, Any]) -> str:
    options = entry["OPTIONS"] = {**(entry.get("OPTIONS") or {})}
    options["options"] = f"{options.get('options', '')} {READ_ONLY}".strip()
    where = " and ".join(sorted(_addresses(entry)))
    return f"in this twin DATABASES[{alias!r}] is the real one at {where}, and can only be read"


# --- files ---------------------------------------------------------------------------------


def _name(entry: Mapping[str, Any]) -> str:
    """What the backend hands to SQLite: OPTIONS come after NAME, so they win."""
    return str((entry.get("OPTIONS") or {}).get("database") or entry.get("NAME") or "")


def file_of(name: str) -> Path | None:
    """The file that SQLite opens for a name, a path or a URI; ``None``: it is in memory, or nobody else sees it."""
    query = ""
    if name.startswith("file:"):
        parts = urlsplit(name)
        name, query = unquote(parts.path), parts.query
    if name in ("", ":memory:") or "mode=memory" in query.split("&"):
        return None
    return Path(name).resolve()


def _copied(alias: str, entry: dict[str, Any], twin: Twin) -> str:
    name = _name(entry)
    source = file_of(name)
    assert source is not None  # noqa: S101 - it would be the twin's own
    target = twin.copies / f"{hashlib.sha256(str(source).encode()).hexdigest()[:8]}-{source.name}"
    try:
        with _alone(twin.copies):
            if source.exists() and not target.exists():
                copy(source, target)
    except (OSError, sqlite3.Error) as error:
        raise OperationFailed(
            "twin.cannot-copy",
            f"DATABASES[{alias!r}]: {source} could not be copied for the twin: {error}",
            hint="a twin must not write to the file itself; what a crash left is mended by opening it once",
        ) from error
    entry["NAME"] = (
        f"file:{quote(str(target))}?{urlsplit(name).query}" if name.startswith("file:") else str(target)
    )
    if "database" in (entry.get("OPTIONS") or {}):
        entry["OPTIONS"] = {**entry["OPTIONS"], "database": entry["NAME"]}
    if not source.exists():
        return f"in this twin DATABASES[{alias!r}] is a new file, and not {source}, which is not there yet"
    size = f"{source.stat().st_size / 1e6:.1f} MB"
    return f"in this twin DATABASES[{alias!r}] is a copy of {source} ({size}), and not that file"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """All processes of a service start at once; one of them copies."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def copy(source: Path, target: Path) -> None:
    """
    A copy of an SQLite database as of one moment, also while somebody writes to it; nothing at the source is touched.

    Raises:
        OSError, sqlite3.Error: It cannot be read, is no database, or there is no space.
    """
    partial = target.with_name(f"{target.name}.partial")
    if not _copy_whole(source, partial):
        _back_up(source, partial)
    partial.replace(target)


def _copy_whole(source: Path, partial: Path) -> bool:
    """
    Copy a file in write-ahead mode that nobody has open, byte by byte; says whether it was so all the while.

    To open such a file, even read-only, makes SQLite put two files beside it and leave them there.
    """
    log = source.with_name(f"{source.name}-wal")
    with source.open("rb") as stream:
        if stream.read(20)[18:] != WAL or log.exists():
            return False
    before = source.stat()
    shutil.copyfile(source, partial)
    after = source.stat()
    same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    return same and not log.exists()


def _back_up(source: Path, partial: Path) -> None:
    partial.unlink(missing_ok=True)
    reading = sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)
    with contextlib.closing(reading), contextlib.closing(sqlite3.connect(partial)) as writing:
        writing.execute("PRAGMA synchronous = OFF")  # it goes with the twin
        reading.backup(writing)
