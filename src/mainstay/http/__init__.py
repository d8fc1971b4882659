"""
The outermost layer of a process: identity, drain, access log, metrics, probes, rate limits.

`python -m mainstay.http.serve` wraps any project in it; `mainstay.asgi` and
`mainstay.wsgi` do so for projects that run another server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainstay.base.context import request_id

if TYPE_CHECKING:
    from mainstay.http.limits.decorator import rate_limit

__all__ = ["rate_limit", "request_id"]


def __getattr__(name: str) -> object:
    """What needs Django is imported when it is asked for."""
    if name == "rate_limit":
        from mainstay.http.limits.decorator import rate_limit

        return rate_limit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
