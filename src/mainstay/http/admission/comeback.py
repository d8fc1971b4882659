"""
When the refused may come back.

Whoever is refused comes again, and a refusal costs time as well: with a constant ``Retry-After`` those who come
again can keep a process busy with saying no long after what was too much has passed (Bronson et al., "Metastable
Failures in Distributed Systems", HotOS 2021). So the time is chosen such that no more are refused than
are served, and each is told a moment of its own within it, for a crowd that was sent away together comes
back together.
"""

from __future__ import annotations

import random

LONGEST = 30.0
"""Seconds; a person or a program that waits longer has mostly given up."""

STEP = 5.0
"""Most seconds between two looks at how many were refused and served."""

LEAST, MOST = 0.5, 4.0
"""How much the time changes at one look, at most."""

CALM = 1.0
"""Seconds without a refusal after which a second is enough again."""


class Comeback:
    """Follows how many are refused for each that is served. Not safe under threads: `Admission` holds its lock."""

    __slots__ = ("_at", "_last", "_refused", "_served", "seconds")

    def __init__(self) -> None:
        self.seconds = 1.0
        """Within how many seconds those who are refused now shall be back, spread evenly."""
        self._at = self._last = 0.0
        self._refused = self._served = 0

    def refuse(self, now: float, served: list[int]) -> None:
        """Note a refusal; ``served`` are the requests that got their turn until now, by level."""
        if now - self._last > CALM:
            self.seconds = 1.0
            self._begin(now, served)
        self._last = now
        self._refused += 1
        if now - self._at >= min(self.seconds, STEP):
            ratio = self._refused / max(sum(served) - self._served, 1)
            self.seconds = min(max(self.seconds * min(max(ratio, LEAST), MOST), 1.0), LONGEST)
            self._begin(now, served)

    def draw(self) -> int:
        """Seconds for one ``Retry-After``."""
        return random.randint(1, round(self.seconds)) if self.seconds >= 1.5 else 1  # noqa: S311 - no secret

    def _begin(self, now: float, served: list[int]) -> None:
        self._at, self._refused, self._served = now, 0, sum(served)
