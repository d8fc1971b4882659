"""
Where this process is between its start and its end.

One value per process, because there is one process per replica. Written by the
server entrance, read by the answers to probes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Lifecycle:
    """Started, draining, and how much is being worked on."""

    started_at: float | None = None
    draining_since: float | None = None
    in_flight: int = 0
    last_arrival: float = field(default_factory=time.monotonic)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def started(self) -> bool:
        return self.started_at is not None

    @property
    def draining(self) -> bool:
        return self.draining_since is not None

    def start(self) -> None:
        """Say that requests may come. Repeating it changes nothing."""
        if self.started_at is None:
            self.started_at = time.monotonic()

    def drain(self) -> None:
        """Say that no new request is wanted. There is no way back."""
        if self.draining_since is None:
            self.draining_since = time.monotonic()

    def enter(self) -> None:
        """Count a request in. Only the application's own requests count, not probes."""
        with self._lock:
            self.in_flight += 1
        self.last_arrival = time.monotonic()

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def quiet_for(self, now: float) -> float:
        """Seconds since the last request arrived or the drain began, whichever is later."""
        return now - max(self.last_arrival, self.draining_since or 0.0)


PROCESS = Lifecycle()
"""This process."""
