"""
The database pools of this process, read without touching the database.

A pool is *wedged* when everything it has is lent out, somebody waits, and nothing has
come back for a long while: the sign of connections that were never returned. A server
that cannot be reached is another matter, shared by all replicas, and does not count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 30.0
"""Longer than any request may take, so that slow is not mistaken for stuck."""


def find_pools() -> Mapping[str, Any]:
    """The pools that Django has opened in this process, by database alias."""
    backend = sys.modules.get("django.db.backends.postgresql.base")
    if backend is None:  # Django imports it with the first connection; until then there are no pools
        return {}
    return dict(vars(backend.DatabaseWrapper).get("_connection_pools", {}))


@dataclass
class PoolWatch:
    """Remembers when each pool last got a connection back."""

    patience: float = PATIENCE
    _seen: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)

    def wedged(self, pools: Mapping[str, Any], now: float | None = None) -> list[str]:
        """The aliases of pools that have been stuck for longer than ``patience``."""
        moment = time.monotonic() if now is None else now
        return [alias for alias, pool in pools.items() if self._is_wedged(alias, pool.get_stats(), moment)]

    def _is_wedged(self, alias: str, stats: Mapping[str, int], now: float) -> bool:
        lent_out = stats.get("requests_waiting", 0) > 0 and stats.get("pool_available", 0) == 0
        progress = (stats.get("usage_ms", 0), stats.get("connections_errors", 0))
        seen, since = self._seen.get(alias, (None, now))
        if not lent_out or progress != seen:
            self._seen[alias] = (progress, now)
            return False
        return now - since >= self.patience
