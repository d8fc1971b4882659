"""
Log files of processes: rotated, and read merged.

Processes append to their files themselves, so that the supervisor is never in the way
of a line. Rotation therefore copies and truncates; lines written in the instant
between the two are lost, which is the price of never blocking a request on a log.
"""

from __future__ import annotations

import contextlib
import heapq
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from mainstay.ops.supervise.logtimes import timed

LARGEST = 20 * 1024 * 1024
KEPT = 3
BLOCK = 1024 * 1024
QUOTED = 256 * 1024
"""Bytes from the end of a log in which lines to quote are looked for, among those of one that serves beside it."""

GENERATION = '"generation":"'
"""How a service's line says which process it is of (`mainstay.observability.formats`)."""


def rotate(folder: Path, largest: int = LARGEST, kept: int = KEPT) -> list[str]:
    """Rotate every log above ``largest`` bytes; returns the names of those rotated."""
    rotated = []
    for path in folder.glob("*.log"):
        with contextlib.suppress(OSError):
            if path.stat().st_size > largest:
                _rotate_one(path, kept)
                rotated.append(path.name)
    return rotated


def _rotate_one(path: Path, kept: int) -> None:
    for number in range(kept - 1, 0, -1):
        older = path.with_suffix(f".log.{number}")
        if older.exists():
            older.replace(path.with_suffix(f".log.{number + 1}"))
    shutil.copyfile(path, path.with_suffix(".log.1"))
    with path.open("r+b") as stream:
        stream.truncate(0)


@dataclass(frozen=True)
class Mark:
    """A place in a log: what is written from there on is told from what stood there before."""

    path: Path
    position: int

    @classmethod
    def end_of(cls, path: Path) -> Mark:
        """The end as it is now; the begin of a log that is not there yet."""
        try:
            return cls(path, path.stat().st_size)
        except OSError:
            return cls(path, 0)

    def last(self, lines: int, generation: int | None = None) -> tuple[str, ...]:
        """
        The last lines since then, of the last `QUOTED` bytes; a log that was rotated meanwhile is all since then.

        Given a generation, without those that say that they are of another: during an update an old and a new process
        of one name write into one log.
        """
        try:
            with self.path.open("rb") as stream:
                size = stream.seek(0, 2)
                begin = self.position if self.position <= size else 0
                stream.seek(max(size - QUOTED, begin))
                found = stream.read().decode(errors="replace").splitlines()
        except OSError:
            return ()
        own = (
            found if generation is None else [line for line in found if not _is_of_another(line, generation)]
        )
        return tuple(own[-lines:])


def _is_of_another(line: str, generation: int) -> bool:
    """Told by its text: inside of a JSON text the quotes would be escaped. Who says nothing may be meant."""
    return GENERATION in line and f'{GENERATION}{generation}"' not in line


@dataclass
class Tail:
    """Reads a log from where it stopped last; notices truncation."""

    path: Path
    position: int = 0

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".log")

    def skip_to_last(self, lines: int) -> None:
        """Start with the last ``lines`` whole lines, however long each is; what has no end yet comes after them."""
        with contextlib.suppress(OSError), self.path.open("rb") as stream:
            self.position = _start_of_last(stream, lines)

    def read(self) -> list[str]:
        """Whole lines written since the last call."""
        try:
            with self.path.open("rb") as stream:
                if stream.seek(0, 2) < self.position:
                    self.position = 0
                stream.seek(self.position)
                block = stream.read(BLOCK)
        except OSError:
            return []
        if len(block) == BLOCK and b"\n" not in block:
            # Longer than any line worth keeping whole; waiting for its end would stop the log here.
            self.position += len(block)
            return [block.decode(errors="replace")]
        whole, _, rest = block.rpartition(b"\n")
        if not whole and not rest.startswith(b"\n") and b"\n" not in block:
            return []
        self.position += len(block) - len(rest)
        return whole.decode(errors="replace").split("\n")

    def rest(self) -> Iterator[str]:
        """All whole lines that were not read yet, block by block."""
        while lines := self.read():
            yield from lines


def _start_of_last(stream: BinaryIO, lines: int) -> int:
    """Where the last whole lines begin, looked for from the end block by block, so that memory holds one."""
    wanted = lines + 1  # the end of the line before them
    end = stream.seek(0, 2)
    while end:
        begin = max(end - BLOCK, 0)
        stream.seek(begin)
        block = stream.read(end - begin)
        found = block.count(b"\n")
        if found >= wanted:
            place = len(block)
            for _ in range(wanted):
                place = block.rindex(b"\n", 0, place)
            return begin + place + 1
        wanted, end = wanted - found, begin
    return 0


def follow(folder: Path, names: list[str], *, last: int, forever: bool) -> Iterator[tuple[str, str]]:
    """
    ``(process, line)`` of every matching log: what is there in the order of its times, then as it comes.

    A name matches a process exactly or by prefix: ``catalog`` means all of its processes.
    """
    tails = {path: Tail(path) for path in _matching(folder, names)}
    for tail in tails.values():
        tail.skip_to_last(last)
    yield from merged(tails.values())
    while forever:
        time.sleep(0.2)
        for path in _matching(folder, names):
            tails.setdefault(path, Tail(path))
        for tail in tails.values():
            yield from ((tail.name, line) for line in tail.rest())


def merged(tails: Iterable[Tail]) -> Iterator[tuple[str, str]]:
    """What is left in several logs, by time; of each that tells times no more is in memory than `BLOCK`."""
    for _, name, line in heapq.merge(*(_timed(tail) for tail in tails), key=itemgetter(0)):
        yield name, line


def _timed(tail: Tail) -> Iterator[tuple[float, str, str]]:
    try:
        ended = tail.path.stat().st_mtime
    except OSError:
        return
    for moment, line in timed(tail.rest(), ended):
        yield moment, tail.name, line


def _matching(folder: Path, names: list[str]) -> list[Path]:
    return [path for path in sorted(folder.glob("*.log")) if matches(path.name.removesuffix(".log"), names)]


def matches(process: str, names: list[str]) -> bool:
    return not names or any(process == name or process.startswith(name + ".") for name in names)
