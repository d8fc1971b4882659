"""
The outermost layer of a process: identity, deadline, admission, drain, access log, metrics, probes, rate limits.

`python -m mainstay.http.serve` wraps any project in it; `mainstay.asgi` and
`mainstay.wsgi` do so for projects that run another server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainstay.base.context import request_id
from mainstay.base.criticality import Criticality, current_criticality
from mainstay.base.deadline import DeadlineExceeded, current_deadline
from mainstay.http.criticalities import criticality
from mainstay.http.deadlines import deadline

if TYPE_CHECKING:
    from mainstay.http.limits.decorator import rate_limit

__all__ = [
    "Criticality",
    "DeadlineExceeded",
    "criticality",
    "current_criticality",
    "current_deadline",
    "deadline",
    "rate_limit",
    "request_id",
]


def __getattr__(name: str) -> object:
    """What needs Django is imported when it is asked for."""
    if name == "rate_limit":
        from mainstay.http.limits.decorator import rate_limit

        return rate_limit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
