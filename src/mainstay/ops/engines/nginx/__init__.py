"""nginx as the edge: it reloads to change its mind, and the supervisor looks after its replicas."""

from __future__ import annotations

from mainstay.ops.engines.nginx.edge import NginxEdge
from mainstay.ops.engines.nginx.program import find

__all__ = ["NginxEdge", "find"]
