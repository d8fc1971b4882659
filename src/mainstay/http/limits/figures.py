"""What the limits decided, for `/metrics`. Scopes are written in code and settings, so their number is bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Figures:
    """Counts of one process; written by the engine under its lock."""

    def __init__(self) -> None:
        self.decisions: Counter[tuple[str, str]] = Counter()
        """By scope and outcome, ``allowed`` or ``limited``."""
        self.unavailable: Counter[str] = Counter()
        """Decisions taken without Valkey although there should be one, by scope."""
        self.leases = 0
        """Questions to Valkey that were answered."""
        self.failures = 0
        """Questions to Valkey that were not."""
        self.keys: Callable[[], int] = lambda: 0
        """Clients remembered at the moment."""

    def count(self, scope: str, allowed: bool) -> None:
        """Called with the engine's lock held."""
        self.decisions[scope, "allowed" if allowed else "limited"] += 1


FIGURES = Figures()
