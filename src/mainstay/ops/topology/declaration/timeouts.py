"""What ``[timeouts]`` may say: limits in seconds, each inside the next."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.schema import key
from mainstay.base.shapes import Duration
from mainstay.base.units import DAY

_LIMIT = Duration(0.01, DAY)


@dataclass(frozen=True, slots=True)
class TimeoutTable:
    edge: float = key(
        _LIMIT,
        "How long the edge waits for an answer.",
        default=15.0,
        because="more than `request`, so that the service answers first",
    )
    request: float = key(
        _LIMIT,
        "How long one request may take: the deadline that the edge sets and everything inside obeys.",
        default=10.0,
        because="few people wait longer",
        examples=["5s"],
    )
    statement: float = key(
        _LIMIT,
        "How long one SQL statement may take.",
        default=5.0,
        because="half of `request`: time is left to answer with an error",
    )
    lock: float = key(
        _LIMIT,
        "How long one SQL statement may wait for a lock.",
        default=2.0,
        because="less than `statement`, so that waiting and working can be told apart",
    )
    drain: float = key(
        _LIMIT,
        "How long a leaving process may finish what it has taken.",
        default=12.0,
        because="more than `request`: the longest request still ends",
    )
    stop: float = key(
        _LIMIT,
        "How long after the signal to stop a process is killed.",
        default=15.0,
        because="more than `drain`: a kill never cuts off a drain",
    )
    connect: float = key(
        _LIMIT,
        "How long connecting to a process may take.",
        default=1.0,
        because="all is on one machine or network",
    )
    ready: float = key(
        _LIMIT,
        "How long a process may take to become ready before its start counts as failed.",
        default=60.0,
        because="slow imports on a busy machine",
    )
