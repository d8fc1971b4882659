"""Whether the disk under the system's data has room: what the status says of it, and when that has changed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mainstay.ops.supervise.journal import Journal

NEARLY = 0.1
"""Part of the disk below which it is nearly full; the alert ``DiskNearlyFull`` says the same."""

LEAST = 32 * 1024 * 1024
"""
Bytes below which it is full: PostgreSQL writes its log in files of 16 MiB, each made whole before it is used
(wal_segment_size), and gives back a part of one that it could not finish, so a disk that refuses writes may show
almost as much as free.
"""

MARGIN = 1.2
"""How much more there must be before it counts as better, so that a disk at a border is not told of forever."""


class Room(StrEnum):
    OK = "ok"
    NEARLY_FULL = "nearly-full"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of one file system."""

    free: int
    """As far as this user may fill it."""
    size: int


def find_space(path: Path) -> Space | None:
    """Of the file system under this path; ``None`` when nobody can say."""
    try:
        told = os.statvfs(path)
    except OSError:
        return None
    return Space(told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize)


def judge(space: Space, before: Room) -> Room:
    """What the figures mean, for a disk that was ``before``."""
    full = LEAST * (MARGIN if before is Room.FULL else 1)
    nearly = space.size * NEARLY * (1 if before is Room.OK else MARGIN)
    if space.free < full:
        return Room.FULL
    return Room.NEARLY_FULL if space.free < nearly else Room.OK


class Disk:
    """The disk under one folder. `look` as often as you like: an event is noted once for each change."""

    def __init__(self, path: Path, system: str, journal: Journal) -> None:
        self.room = Room.OK
        self.space: Space | None = None
        """As seen last."""
        self._path = path
        self._system = system
        self._journal = journal

    def look(self) -> None:
        self.space = find_space(self._path)
        if self.space is None:
            return
        room = judge(self.space, self.room)
        if room is not self.room:
            self.room = room
            facts = {"free": self.space.free, "size": self.space.size}
            self._journal.note(f"disk.{room}", self._system, self._meaning(), **facts)

    def _meaning(self) -> str:
        return {
            Room.OK: f"there is room again under {self._path}",
            Room.NEARLY_FULL: f"little is free under {self._path}",
            Room.FULL: f"next to nothing is free under {self._path}: writes fail",
        }[self.room]

    def as_json(self) -> dict[str, object]:
        free, size = (self.space.free, self.space.size) if self.space else (None, None)
        return {"state": str(self.room), "free": free, "size": size, "path": str(self._path)}
