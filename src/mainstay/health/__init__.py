"""
Startup, liveness and readiness of this process, and how what it depends on was when last asked.

``dependency`` declares one more, ``beat`` says that a worker got on.
"""

from __future__ import annotations

from mainstay.health.dependencies import dependency, of_health_check
from mainstay.health.progress import beat

__all__ = ["beat", "dependency", "of_health_check"]
