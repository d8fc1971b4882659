"""
Connections, timeouts, reads from a standby, and migrations that run once.

Importable before ``django.setup()``; add ``"mainstay.db"`` to ``INSTALLED_APPS`` for
the management command.
"""

from __future__ import annotations

from mainstay.db.routers import reads_from_replica, replica_reads

__all__ = ["reads_from_replica", "replica_reads"]
