"""
The nested limits that this process was told, in seconds, and how long a request may wait for its turn within them.

What a request waits for before it can work is one budget, not one for each queue: a place in the process
and a connection of a pool together leave room for the wait for a lock, so that nobody waits for longer than a
statement may take. Three limits that each hold by themselves would add up to more.
"""

from __future__ import annotations

from mainstay.base import environment, wire

STATEMENT = 5.0
LOCK = 2.0

LONGEST_TURN = 5.0
"""However long statements may take: whoever waits for more than this has mostly given up."""

SHORTEST_TURN = 0.25
"""Where statements may hardly take longer than the wait for a lock."""


def statement() -> float:
    """How long one SQL statement may take."""
    return environment.number(wire.STATEMENT_TIMEOUT, STATEMENT)


def lock() -> float:
    """How long a statement may wait for a lock."""
    return environment.number(wire.LOCK_TIMEOUT, LOCK)


def turn() -> float:
    """How long a request may wait for a place in its process and for connections, in all."""
    return max(min(statement() - lock(), LONGEST_TURN), SHORTEST_TURN)
