"""
The algorithm, without a clock and without a store.

GCRA, the Generic Cell Rate Algorithm of ITU-T I.371 (Annex A, "virtual scheduling"): of each
client one moment is kept, the *theoretical arrival time* (TAT) at which its budget is whole again.
A request of ``cost`` units passes if the TAT, moved by ``cost`` intervals, is not further ahead of
now than ``burst`` intervals. It decides exactly as a token bucket of ``burst`` tokens does, but needs
no refilling and one number instead of two.

`script.py` has the same in Lua, for Valkey.
"""

from __future__ import annotations

ROUNDING = 1e-9
"""A part of a unit: what floating point may lose is not held against the client."""


def level(tat: float, now: float, interval: float, burst: float) -> float:
    """Units that may be spent now; a fraction is on its way."""
    return max(0.0, burst - max(tat - now, 0.0) / interval)


def spend(tat: float, now: float, cost: float, interval: float, burst: float) -> float | None:
    """The TAT after spending ``cost`` units, or ``None`` where that is more than there is."""
    later = max(tat, now) + cost * interval
    return later if later - now <= (burst + ROUNDING) * interval else None
