"""
Which errors mean "not now" rather than "broken", and are told the caller as such.

A pool with no connection left, a primary that is being replaced, a statement that took
too long: the same request may succeed a second later, so the caller is told 503 and
when to come back, in place of an error 500 and a traceback.
"""

from __future__ import annotations

from django.db.utils import InterfaceError, OperationalError
from django.http.request import UnreadablePostError

from mainstay.base.deadline import DeadlineExceeded
from mainstay.http.problems import Problem

RETRY_AFTER = 1
"""Seconds; a pool has a free connection again within one, and a failover takes little more."""

POSTGRES_STATES = (
    "08",  # connection exceptions
    "57P",  # shutdown, crash, cannot connect now
    "53300",  # too many connections
    "25006",  # read-only: the old primary, just demoted
    "57014",  # statement time limit
    "55P03",  # lock time limit
)
"""SQLSTATE prefixes (PostgreSQL documentation, appendix A)."""

REASONS = {
    "PoolTimeout": "no database connection was free in time",
    "TooManyRequests": "the database pool is full",
}


def problem(error: BaseException) -> Problem | None:
    """The problem that an error is for its caller; ``None`` when it is a fault of the code, which is a 500."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UnreadablePostError):
        return Problem(400, "incomplete-body")
    if isinstance(error, DeadlineExceeded):
        return Problem(504, "deadline-exceeded")
    if why := reason(error):
        slug = "outcome-unknown" if type(error).__name__ == "OutcomeUnknown" else "unavailable"
        return Problem(503, slug, f"Try again in a moment: {why}.", retry_after=RETRY_AFTER)
    return None


def reason(error: BaseException) -> str | None:
    """Why a request cannot be answered now, or ``None`` for an error that is a real one."""
    if type(error).__name__ == "OutcomeUnknown":
        return "the outcome is unknown: repeat with the same key"
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    cause = error.__cause__
    if known := REASONS.get(type(cause).__name__):
        return known
    state = getattr(cause, "sqlstate", None)
    if state is None:
        return "the database cannot be reached" if _is_from_psycopg(cause) else None
    return "the database cannot answer now" if state.startswith(POSTGRES_STATES) else None


def _is_from_psycopg(cause: BaseException | None) -> bool:
    return type(cause).__module__.startswith("psycopg")
