"""
What a project's journeys print while a proof runs: kept beside the evidence and out of the way of the progress.

A journey has thousands of steps, and one ``print`` in it would bury what a person watches. So
standard output and error are this, for as long as the proof runs, and whoever shows the
progress keeps the stream that it began with.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from mainstay.ops.prove.evidence.masking import mask

FILE = "printed.txt"

MOST = 1024 * 1024
"""Bytes that are kept; what is printed after them is only counted."""

LONGEST_LINE = 16 * 1024
"""Characters after which a line is kept as it is by then, so that one without an end takes no memory."""


class Printed(io.TextIOBase):
    """
    A text stream for any number of threads, whose lines are in the file when they have ended, secrets masked.

    It begins before there is a folder, as whatever the file of journeys sets up when it is read, such as
    a handler of logs, keeps the stream that it found then. It never raises: no journey fails because a
    disk is full. The file is made with the first line.
    """

    def __init__(self) -> None:
        self.size = 0
        """Bytes that were printed, kept or not."""
        self.early = ""
        """What was printed before `into` said where to."""
        self._path: Path | None = None
        self._file: TextIO | None = None
        self._line = self._heading = ""
        self._left = MOST
        self._lock = threading.Lock()

    def into(self, path: Path) -> None:
        """Where it goes, from now on and what there is already."""
        with self._lock:
            self._path, early, self.early = path, self.early, ""
            if early:
                self._save(early)

    def under(self, heading: str) -> None:
        """What is printed from now on belongs to this claim."""
        with self._lock:
            self._end_line()
            self._heading = f"--- {heading}\n"

    def write(self, text: str) -> int:
        with self._lock:
            *whole, self._line = (self._line + text).split("\n")
            for line in whole:
                self._keep(f"{line}\n")
            if len(self._line) > LONGEST_LINE:
                self._end_line()
        return len(text)

    def writable(self) -> bool:
        return True

    @contextlib.contextmanager
    def instead_of_output(self) -> Iterator[None]:
        """Inside, whatever this process prints comes here; afterwards the last line is whole and kept."""
        with contextlib.redirect_stdout(self), contextlib.redirect_stderr(self):
            try:
                yield
            finally:
                self._finish()

    def _end_line(self) -> None:
        if self._line:
            line, self._line = self._line, ""
            self._keep(f"{line}\n")

    def _keep(self, line: str) -> None:
        self.size += len(line.encode(errors="replace"))
        heading, self._heading = self._heading, ""
        kept = (heading + mask(line)).encode(errors="replace")
        if 0 < len(kept) <= self._left:
            self._left -= len(kept)
            self._save(kept.decode())
        else:
            self._left = 0

    def _save(self, text: str) -> None:
        if self._path is None:
            self.early += text
            return
        with contextlib.suppress(OSError, ValueError):
            if self._file is None:
                self._file = self._path.open("a", encoding="utf-8", buffering=1)
            self._file.write(text)

    def _finish(self) -> None:
        with self._lock:
            self._end_line()
            if not self._left:
                self._save(f"--- {self.size:,} bytes were printed, of which the first {MOST:,} are kept\n")
            if self._file is not None:
                with contextlib.suppress(OSError):
                    self._file.close()
                self._file = None
