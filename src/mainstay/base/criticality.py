"""
How important a piece of work is, so that what matters least is refused first.

The four levels and their meaning are those of Google's *Site Reliability Engineering*,
chapter 21, "Handling Overload".
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import IntEnum


class Criticality(IntEnum):
    """A higher number is refused later."""

    SHEDDABLE = 0
    """May be missing for a while: prefetching, statistics, batch work."""

    SHEDDABLE_PLUS = 1
    """Will be repeated by whoever asked: background jobs, polling."""

    CRITICAL = 2
    """A person waits for it. The default."""

    CRITICAL_PLUS = 3
    """A failure costs dearly: payment, login."""


CRITICALITY: ContextVar[Criticality] = ContextVar("mainstay_criticality", default=Criticality.CRITICAL)


def current_criticality() -> Criticality:
    """How important the work being done is."""
    return CRITICALITY.get()
