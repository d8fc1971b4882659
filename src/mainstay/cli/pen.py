"""
Writing to a terminal from a thread of its own.

A terminal may take nothing for as long as it likes: Ctrl-S stops it, a pipe fills when nobody reads. Whoever
supervises processes must not wait for that.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], object]

LIMIT = 1000
"""Jobs that may wait for a terminal; further ones are left out."""

FAREWELL = 1.0
"""Seconds that the last words may take, before the process ends without them."""


class Pen:
    """
    Does one job of writing after the other. Lifetime: until `close`.

    The thread is a daemon, so that a terminal which never takes anything keeps no process from ending. A
    terminal that is gone (`OSError`) ends the writing, and nothing else.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.left_out = 0
        """Jobs for which there was no room."""
        self._jobs: queue.Queue[Job | None] = queue.Queue(limit)
        self._thread = threading.Thread(target=self._work, name="mainstay-pen", daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether everything that was asked for has been begun."""
        return self._jobs.empty()

    def write(self, job: Job) -> None:
        """Have it done soon, and return at once."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self.left_out += 1

    def close(self, within: float = FAREWELL) -> None:
        """Wait until everything is written, or until it is clear that nobody takes it."""
        try:
            self._jobs.put(None, timeout=within)
        except queue.Full:
            return
        self._thread.join(within)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except OSError:
                return
