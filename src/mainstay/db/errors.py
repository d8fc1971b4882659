"""What the database can do to a caller, beyond Django's own errors."""

from __future__ import annotations

from django.db.utils import OperationalError


class OutcomeUnknown(OperationalError):
    """
    The transaction may be committed, or not.

    PostgreSQL reports success with only a warning when the wait for a synchronous
    standby is cancelled; after a failover the rows may be there or not. And a connection that is
    lost while a commit is waited for, or a statement that commits by itself, says nothing of
    what the server has done. Answer "unknown", and let the caller repeat with the same key.
    """
