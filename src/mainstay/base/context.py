"""
What belongs to the request being worked on and is shared by strangers: logs, calls, tasks.

Set by the entrance of the process, read anywhere below it, in threads and coroutines
that were started from the request.
"""

from __future__ import annotations

from contextvars import ContextVar

REQUEST_ID: ContextVar[str] = ContextVar("mainstay_request_id", default="")


def request_id() -> str:
    """The id of the request being worked on, or an empty string outside of one."""
    return REQUEST_ID.get()
