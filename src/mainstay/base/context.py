"""
What belongs to the request being worked on and is shared by strangers: logs, calls, tasks.

Set by the entrance of the process, read anywhere below it, in threads and coroutines
that were started from the request.
"""

from __future__ import annotations

from contextvars import ContextVar


class Tally:
    """
    What one request spent on others: seconds, and how many times.

    Capabilities add to it, the access line reads it. Additions from several threads of one
    request may be lost: it is a measure, not an account.
    """

    __slots__ = ("db_count", "db_seconds", "waited")

    def __init__(self) -> None:
        self.db_seconds = 0.0
        self.db_count = 0
        self.waited = 0.0
        """Seconds until it had its turn: a place in the process, connections of a pool."""


REQUEST_ID: ContextVar[str] = ContextVar("mainstay_request_id", default="")

TALLY: ContextVar[Tally | None] = ContextVar("mainstay_tally", default=None)
"""``None`` outside of a request: then nothing is counted."""

REQUEST: ContextVar[object | None] = ContextVar("mainstay_request", default=None)
"""The framework's request, once there is one: who is signed in, which secrets came with it."""


def request_id() -> str:
    """The id of the request being worked on, or an empty string outside of one."""
    return REQUEST_ID.get()


def user_id() -> str:
    """
    The key of the user that this request was found to belong to, or an empty string.

    Only what has been found already is read, where Django's authentication keeps it: a log
    line never asks the database.
    """
    if (request := REQUEST.get()) is None:
        return ""
    known = getattr(request, "__dict__", None) or {}
    user = known.get("_cached_user") or known.get("_acached_user")
    if user is None:
        return ""
    key = getattr(user, "__dict__", {}).get("id")
    return str(key) if isinstance(key, int | str) else str(getattr(user, "pk", None) or "")
