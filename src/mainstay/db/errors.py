"""What the database can do to a caller, beyond Django's own errors."""

from __future__ import annotations

from django.db.utils import OperationalError


class OutcomeUnknown(OperationalError):
    """
    The transaction is committed here, but no standby has confirmed it.

    PostgreSQL reports success with only a warning when the wait for a synchronous
    standby is cancelled. After a failover the rows may be there or not: answer
    "unknown", and let the caller repeat with the same key.
    """
