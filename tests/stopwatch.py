"""Elapsed time for bounds that shall fail for a slow program, and not for a machine that ran nobody."""

from __future__ import annotations

import threading
import time

TICK = 0.02
"""Seconds between two looks at the clock."""

LATE = 0.1
"""Seconds by which a look may be late in a process that is only busy; a later one is a stall of the machine."""


class _Stalls:
    """
    Sums the time in which this process was ready to run and did not: a thread that sleeps, and looks.

    A virtual machine that is paused, or whose processors others hold, stops everything in it alike.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = 0.0
        self._looked = time.monotonic()
        threading.Thread(target=self._watch, name="stalls", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(TICK)
            self.look()

    def look(self) -> float:
        """Seconds of stalls until now, also of one that ends just now."""
        with self._lock:
            now = time.monotonic()
            if (late := now - self._looked - TICK) > LATE:
                self._sum += late
            self._looked = now
            return self._sum


_stalls: list[_Stalls] = []


class Stopwatch:
    """Started when made."""

    def __init__(self) -> None:
        if not _stalls:
            _stalls.append(_Stalls())
        self._stalled = _stalls[0].look()
        self._began = time.monotonic()

    def stalled(self) -> float:
        """Seconds in which the machine ran nobody."""
        return _stalls[0].look() - self._stalled

    def elapsed(self) -> float:
        """Seconds without those."""
        return time.monotonic() - self._began - self.stalled()
