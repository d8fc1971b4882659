"""
The outermost layer of a process: identity, drain, access log, metrics, probes.

`python -m mainstay.http.serve` wraps any project in it; `mainstay.asgi` and
`mainstay.wsgi` do so for projects that run another server.
"""

from __future__ import annotations

from mainstay.base.context import request_id

__all__ = ["request_id"]
