"""
Which errors mean that the database rolled one transaction back in favor of another.

The same request would succeed now, and still somebody has to see to it: to the order in which the code takes its
locks, or to a transaction that is not tried again.
"""

from __future__ import annotations

CONFLICTS = {"40P01": "deadlock", "40000": "conflict", "40001": "conflict"}
"""By SQLSTATE (PostgreSQL documentation, appendix A)."""

BUSY_SNAPSHOT = 517
"""SQLite: a transaction that began with a read writes, and somebody wrote meanwhile (sqlite.org/rescode.html)."""


def find_conflict(error: BaseException | None) -> str:
    """
    ``deadlock`` or ``conflict``; empty for any other error.

    It is the error, or the driver's that Django wrapped into it. An error that code raised when it had caught
    a deadlock is one of its own.
    """
    cause = error.__cause__ if error is not None else None
    for each in (error, cause):
        if getattr(each, "sqlite_errorcode", None) == BUSY_SNAPSHOT:
            return "conflict"
        state = getattr(each, "sqlstate", None) or getattr(each, "pgcode", None)
        if found := CONFLICTS.get(str(state)):
            return found
    return ""
