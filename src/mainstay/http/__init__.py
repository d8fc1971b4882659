"""
The outermost layer of a process: identity, deadline, admission, drain, access log, metrics, probes.

`python -m mainstay.http.serve` wraps any project in it; `mainstay.asgi` and
`mainstay.wsgi` do so for projects that run another server.
"""

from __future__ import annotations

from mainstay.base.context import request_id
from mainstay.base.criticality import Criticality, current_criticality
from mainstay.base.deadline import DeadlineExceeded, current_deadline
from mainstay.http.criticalities import criticality
from mainstay.http.deadlines import deadline

__all__ = [
    "Criticality",
    "DeadlineExceeded",
    "criticality",
    "current_criticality",
    "current_deadline",
    "deadline",
    "request_id",
]
