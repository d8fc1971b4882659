"""What is known of the request being worked on; filled in on its way in, written down on its way out."""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter

CLIENT_LEFT = 499
"""Written in the log for a request whose client left before the answer; never sent."""


class Exchange:
    """One request and its answer, as the log and the metrics see it."""

    __slots__ = (
        "client",
        "method",
        "path",
        "request_id",
        "route",
        "sent",
        "started",
        "status",
        "user_agent",
        "view",
    )

    def __init__(self, method: str, path: str, request_id: str, client: str, user_agent: str) -> None:
        self.method = method
        self.path = path
        self.request_id = request_id
        self.client = client
        self.user_agent = user_agent
        self.route: str | None = None
        self.view = ""
        self.status = 0
        self.sent = 0
        self.started = perf_counter()


EXCHANGE: ContextVar[Exchange | None] = ContextVar("mainstay_exchange", default=None)
"""Set by the outermost layer; `mainstay.http.middleware` adds the route to it."""
