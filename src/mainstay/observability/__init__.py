"""
Logs, metrics and error reports of one process: one schema, one set-up call.

`setup` starts error reports when ``SENTRY_DSN`` is set; `mainstay.settings.logging`
describes the logs. Importable before ``django.setup()``.
"""

from __future__ import annotations

from mainstay.base.context import request_id
from mainstay.observability.reports import setup

__all__ = ["request_id", "setup"]
