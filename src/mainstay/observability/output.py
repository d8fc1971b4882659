"""
Log lines to standard output, which may be slow, full or gone, without waiting for it.

A regular file, which is what Mainstay's own supervisor gives its processes, is written at once:
the line is there even if the process is killed in the next instant. Into a pipe or a socket, as a
container runtime gives, a thread writes: a reader that stalls would otherwise stop the event loop
of every request. What it has not taken is kept up to `LINES_LIMIT` lines and `BYTES_LIMIT` bytes;
beyond that, new lines are dropped and counted, and one line tells how many once it flows again.
Dropping was chosen over blocking: a service that stops because nobody reads its log is an outage
caused by the log. A terminal is written at once, too: whoever stops it wants to read.
"""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TextIO

from mainstay.base.threads import start_thread
from mainstay.observability.figures import Count, Figure, register

LINES_LIMIT = 10_000
BYTES_LIMIT = 8 * 1024 * 1024
PAUSE = 0.02
"""Seconds for which the thread gathers lines before it writes them in one piece."""

FLUSH_LIMIT = 2.0
"""Seconds that the end of the process waits for a reader."""

CHUNK = 65536

DROPPED = Count()

UNWATCHED: list[Callable[..., None]] = [logging.Logger.callHandlers]
"""The ways from a logger to its handlers on which nobody looks at an access line; `reports` adds sentry-sdk's."""


class OutputHandler(logging.StreamHandler[TextIO]):
    """
    Writes each formatted line to the stream's own file descriptor.

    Lines that cannot be written, because the disk is full or the reader has gone, are counted.
    Nothing is ever raised into the code that logs, nor written to standard error instead.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream or sys.stdout)
        self._descriptor = _descriptor(self.stream)
        self._writer: PipeWriter | None = None
        if self._descriptor is not None and _may_stall(self._descriptor):
            self._writer = PipeWriter(self._descriptor, self._tell_dropped)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._put(self.format(record) + "\n")
        except Exception:  # the line is lost, the request is not
            DROPPED.add()

    def write(self, line: str) -> None:
        """Write one line, its end included, that needed no record; for whoever has asked `sole_handler`."""
        try:
            with self.lock:  # type: ignore[union-attr]
                self._put(line)
        except Exception:  # as above
            DROPPED.add()

    def _put(self, line: str) -> None:
        if self._descriptor is not None:
            block = line.encode("utf-8", "backslashreplace")
            if self._writer is not None:
                self._writer.put(block)
            else:
                _write_all(self._descriptor, block)
        else:
            self.stream.write(line)
            self.flush()

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()
        elif self._descriptor is None:
            super().flush()

    def _tell_dropped(self, count: int) -> bytes:
        record = logging.LogRecord(
            "mainstay.observability", logging.WARNING, "", 0, "log lines were dropped", None, None
        )
        record.dropped = count
        return (self.format(record) + "\n").encode("utf-8", "backslashreplace")


def sole_handler(logger: logging.Logger) -> OutputHandler | None:
    """
    The handler that a line of this logger reaches, if nobody else would see its record.

    A record is made to be looked at: by filters, by other handlers, such as a test's, by a tool that
    has wrapped ``Logger.callHandlers``. Without them it costs more than all the rest of its line. What
    the project changes is seen at the next line.
    """
    if logger.filters or logging.Logger.callHandlers not in UNWATCHED:
        return None
    found: logging.Handler | None = None
    at: logging.Logger | None = logger
    while at is not None:
        for handler in at.handlers:
            if found is not None:
                return None
            found = handler
        at = at.parent if at.propagate else None
    return found if type(found) is OutputHandler and not found.filters else None


class PipeWriter:
    """Hands lines to a descriptor that may stall, from a thread of its own that starts with the first line."""

    def __init__(
        self,
        descriptor: int,
        tell_dropped: Callable[[int], bytes],
        lines_limit: int = LINES_LIMIT,
        bytes_limit: int = BYTES_LIMIT,
    ) -> None:
        self._descriptor = descriptor
        self._tell_dropped = tell_dropped
        self._lines_limit = lines_limit
        self._bytes_limit = bytes_limit
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Also in a child of a fork, whose parent's thread writes the parent's lines."""
        self._waiting: deque[bytes] = deque()
        self._size = self._lines = 0
        self._dropped = 0
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._emptied = threading.Event()
        self._emptied.set()
        self._thread: threading.Thread | None = None
        self._is_ending = False

    @property
    def waiting(self) -> int:
        """Lines that the reader has not taken, those being written included."""
        return self._lines

    def put(self, line: bytes) -> None:
        """Keep the line until the reader takes it, or drop it if too much is waiting. Never waits."""
        with self._lock:
            if self._lines >= self._lines_limit or self._size + len(line) > self._bytes_limit:
                self._dropped += 1
                DROPPED.add()
                return
            self._waiting.append(line)
            self._lines += 1
            self._size += len(line)
            self._emptied.clear()
            if self._thread is None:
                self._thread = start_thread(self._run, "mainstay-log")
        if not self._filled.is_set():
            self._filled.set()

    def flush(self, seconds: float = FLUSH_LIMIT) -> None:
        """Wait until everything was taken, or ``seconds`` have passed."""
        self._is_ending = True
        self._filled.set()
        self._emptied.wait(seconds)
        self._is_ending = False

    def _run(self) -> None:
        while True:
            self._filled.wait()
            if not self._is_ending:
                time.sleep(PAUSE)
            self._filled.clear()
            block, lines, dropped = self._take()
            try:
                _write_all(self._descriptor, block)
                if dropped:
                    _write_all(self._descriptor, self._tell_dropped(dropped))
            except OSError:
                DROPPED.add(lines)
            self._let_go(lines, len(block))

    def _take(self) -> tuple[bytes, int, int]:
        """The lines to write next; they count as waiting until they are written."""
        with self._lock:
            block, lines = b"".join(self._waiting), len(self._waiting)
            self._waiting.clear()
            dropped, self._dropped = self._dropped, 0
            return block, lines, dropped

    def _let_go(self, lines: int, size: int) -> None:
        with self._lock:
            self._lines -= lines
            self._size -= size
            if not self._waiting:
                self._emptied.set()


def _write_all(descriptor: int, block: bytes) -> None:
    written = _write_once(descriptor, block) if len(block) <= CHUNK else 0
    if written == len(block):  # a line is nearly always taken at once
        return
    view = memoryview(block)[written:]
    while view:
        try:
            view = view[os.write(descriptor, view[:CHUNK]) :]
        except BlockingIOError:  # somebody made it non-blocking, for whoever shares it; wait as it would
            select.select([], [descriptor], [])


def _write_once(descriptor: int, block: bytes) -> int:
    try:
        return os.write(descriptor, block)
    except BlockingIOError:
        return 0


def _descriptor(stream: TextIO) -> int | None:
    """The descriptor behind the stream; None for one that only looks like a stream, as in tests."""
    try:
        descriptor = stream.fileno()
        os.fstat(descriptor)
    except (OSError, ValueError, AttributeError):
        return None
    return descriptor


def _may_stall(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def figures() -> Iterator[Figure]:
    """What ``/metrics`` tells of the log."""
    yield Figure(
        "mainstay_log_lines_dropped_total",
        "Log lines that standard output did not take.",
        DROPPED.value,
        "counter",
    )


register("logs", figures)
