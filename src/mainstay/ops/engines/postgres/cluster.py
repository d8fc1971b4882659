"""A data folder on disk while no server runs in it: what it is, and what to put right before a start."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder
from mainstay.ops.engines.postgres.config import OWNED

STANDBY_SIGNAL = "standby.signal"


def exists(data: Path) -> bool:
    return (data / "PG_VERSION").exists()


def is_standby(data: Path) -> bool:
    """Whether the last server in this folder followed another one."""
    return (data / STANDBY_SIGNAL).exists()


def check_version(data: Path, major: int) -> None:
    """
    Refuse a folder that another major version wrote: its format differs, and starting could only fail.

    Raises:
        OperationFailed: It is of another version.
    """
    found = (data / "PG_VERSION").read_text().strip()
    if found != str(major):
        raise OperationFailed(
            "postgres.other-version",
            f"{data} was written by PostgreSQL {found}, but PostgreSQL {major} was found to run",
            hint=f"name a PostgreSQL {found} as program under [engine.postgres], or run pg_upgrade",
        )


def stray_pids(data: Path) -> tuple[int, ...]:
    """
    Every process that works in this data folder, whoever started it.

    A postmaster and all it forks have the folder as their working directory. After
    kill -9 of the postmaster alone its children live on for a while and can still
    acknowledge commits: kill all of these and wait until none is left before another
    node is promoted.
    """
    wanted = str(data.resolve())
    return tuple(int(entry.name) for entry in Path("/proc").iterdir() if _works_in(entry, wanted))


def _works_in(entry: Path, folder: str) -> bool:
    if not entry.name.isdigit():
        return False
    with contextlib.suppress(OSError):
        return str((entry / "cwd").readlink()) == folder
    return False


def check_stopped(data: Path) -> None:
    """
    Make sure that no server runs here, and forget the lock file of one that is dead.

    A dead server's ``postmaster.pid`` names a process id that something else may have by
    now, which would make the next start fail.

    Raises:
        OperationFailed: Processes still work in the folder.
    """
    if pids := stray_pids(data):
        raise OperationFailed(
            "postgres.still-running",
            f"processes {', '.join(map(str, pids))} still work in {data}",
            hint="end them first; two servers in one folder would destroy it",
        )
    (data / "postmaster.pid").unlink(missing_ok=True)


def forget_role(data: Path) -> None:
    """Remove from ``postgresql.auto.conf`` what belongs to a role, which a copy brings from another node."""
    path = data / "postgresql.auto.conf"
    if not path.exists():
        return
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.partition("=")[0].strip() not in OWNED]
    if kept != lines:
        folder.replace(path, "".join(kept))


def become_standby(data: Path) -> None:
    """Mark a stopped folder as a standby's; slots that it kept as a primary would hold its log for ever."""
    forget_role(data)
    for slot in (data / "pg_replslot").iterdir():
        shutil.rmtree(slot)
    (data / STANDBY_SIGNAL).touch(mode=0o600)


def become_recoverable(data: Path) -> None:
    """
    Let a single-user server, which knows no standbys, end the recovery of this folder.

    pg_rewind runs one when the folder was not shut down cleanly. What that adds to the
    folder's own history, the rewind takes back.
    """
    (data / STANDBY_SIGNAL).unlink(missing_ok=True)


def put_in_place(fresh: Path, data: Path) -> None:
    """Let a fresh folder take the place of the old one, which is deleted only afterwards."""
    old = data.with_name(f"{data.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if data.exists():
        data.rename(old)
    fresh.rename(data)
    _sync(data.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose data this is and how far along the history of promotions it was."""

    system: str
    """A number that only copies of one cluster share."""
    timeline: int


def identity(controldata: str) -> Identity | None:
    """
    From what pg_controldata prints.

    A standby notes the timeline it follows in its recovery point, while its last
    checkpoint may still be from the one before.
    """
    system = re.search(r"^Database system identifier:\s+(\d+)", controldata, re.MULTILINE)
    timelines = re.findall(
        r"^(?:Latest checkpoint's TimeLineID|Min recovery ending loc's timeline):\s+(\d+)",
        controldata,
        re.MULTILINE,
    )
    return Identity(system[1], max(map(int, timelines))) if system and timelines else None
