"""A run as series over time, for charts: plain values that JSON can carry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mainstay.ops.prove.history import History, Operation, Outcome
from mainstay.ops.prove.judging.statistics import percentile

BIN = 0.25
"""Seconds that one point stands for."""


def series(history: History, width: float = BIN) -> list[dict[str, Any]]:
    """
    One point for each stretch of ``width`` seconds, from the begin of the first to the end of the last.

    ``t`` is where it begins, in seconds since `origin`; ``rate`` the operations per second that were due
    in it; ``ok``, ``fail`` and ``unknown`` what became of how many; ``p50``, ``p99`` and ``worst``
    their latencies in seconds, ``None`` when nothing was due. Operations are counted where they were due, so
    a stall shows at its start and with its full length.
    """
    if not history.operations:
        return []
    zero = origin(history)
    held: dict[int, list[Operation]] = {}
    for operation in history.operations:
        held.setdefault(math.floor((operation.due - zero) / width), []).append(operation)
    return [_point(held.get(index, ()), index * width, width) for index in range(max(held) + 1)]


def origin(history: History) -> float:
    """The moment from which the seconds of a run are counted: its first phase or operation."""
    begun = [phase.began for phase in history.phases] + [each.due for each in history.operations]
    return min(begun, default=history.began)


def _point(operations: Sequence[Operation], at: float, width: float) -> dict[str, Any]:
    waits = sorted(operation.latency for operation in operations)
    return {
        "t": round(at, 6),
        "rate": len(operations) / width,
        **{str(outcome): sum(each.outcome is outcome for each in operations) for outcome in Outcome},
        "p50": percentile(waits, 0.5) if waits else None,
        "p99": percentile(waits, 0.99) if waits else None,
        "worst": waits[-1] if waits else None,
    }
