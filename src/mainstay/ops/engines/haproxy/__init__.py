"""HAProxy as the edge: it changes its mind about replicas without a reload."""

from __future__ import annotations

from mainstay.ops.engines.haproxy.edge import HaproxyEdge
from mainstay.ops.engines.haproxy.program import find

__all__ = ["HaproxyEdge", "find"]
