"""One thread of the process that ends what waits for a database beyond its deadline."""

from __future__ import annotations

import os
import socket
import threading
from time import monotonic
from typing import Any, Protocol

from mainstay.base.deadline import NEVER, Deadline
from mainstay.base.threads import start_thread


class Watched(Protocol):
    """Something that waits. ``cut`` runs in a thread of its own and must make sure that it still does."""

    def cut(self, deadline: Deadline) -> None: ...


class Watchdog:
    """
    Cuts what runs beyond its deadline; one thread, started by the first statement that has one.

    It sleeps until the earliest deadline it knows of. A statement with a later one does not wake it,
    so under steady load it wakes a few times a second at most.
    """

    def __init__(self) -> None:
        self._running: dict[Watched, Deadline] = {}
        self._next = NEVER
        self._wake = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, watched: Watched, deadline: Deadline) -> None:
        self._running[watched] = deadline
        if deadline.at < self._next:
            self._next = deadline.at
            self._wake.set()
        if self._thread is None:
            self._begin_thread()

    def end(self, watched: Watched) -> None:
        self._running.pop(watched, None)

    def forget(self) -> None:
        """After a fork the thread exists in the parent only."""
        self.__init__()  # type: ignore[misc]

    def _begin_thread(self) -> None:
        with self._start:
            if self._thread is None:
                self._thread = start_thread(self._watch, "mainstay-deadlines")

    def _watch(self) -> None:
        while True:
            left = self._next - monotonic()
            self._wake.wait(None if left == NEVER else max(left, 0.0))
            self._wake.clear()
            self._next = NEVER
            self._next = min(self._next, self._cut_late())

    def _cut_late(self) -> float:
        """Cut what is late; the earliest deadline among the others."""
        now, earliest = monotonic(), NEVER
        for watched, deadline in list(self._running.items()):
            if deadline.at > now:
                earliest = min(earliest, deadline.at)
            elif self._running.pop(watched, None) is not None:
                _cut_aside(watched, deadline)
        return earliest


WATCHDOG = Watchdog()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHDOG.forget)


def _cut_aside(watched: Watched, deadline: Deadline) -> None:
    """In a thread of its own: a frozen server must not delay the cut of other statements."""
    try:
        threading.Thread(target=watched.cut, args=(deadline,), daemon=True).start()
    except RuntimeError:  # no more threads to be had
        watched.cut(deadline)


def disconnect(raw: Any) -> None:
    """Make the wait for a silent server end; the pool throws the connection away."""
    try:
        with socket.socket(fileno=os.dup(raw.fileno())) as copy:
            copy.shutdown(socket.SHUT_RDWR)
    except Exception:  # it ended by itself meanwhile
        return
