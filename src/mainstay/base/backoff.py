"""Waiting times between attempts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    Doubling delays with a ceiling, in seconds.

    Deterministic on purpose: a supervisor restarts single processes, so there is
    no herd to spread out. Callers that retry against a shared server add jitter.
    """

    first: float = 0.1
    ceiling: float = 10.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after this many failures in a row; the first failure is 1."""
        return min(self.first * 2.0 ** min(failures - 1, 30), self.ceiling)
