"""What is known of the request being worked on; filled in on its way in, written down on its way out."""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter
from typing import Any

from mainstay.base.context import Tally
from mainstay.base.criticality import Criticality
from mainstay.base.deadline import Deadline

CLIENT_LEFT = 499
"""Written in the log for a request whose client left before the answer; never sent."""

REFUSED = "<refused>"
"""Stands for the view of a request for which there was no place: to look for it would cost more than to say no."""


class Exchange(Tally):
    """
    One request and its answer: the one object that all parts of the entrance share.

    It is also the tally of what the request spent on others, so that a request needs no
    second object.
    """

    __slots__ = (
        "accept",
        "client",
        "criticality",
        "deadline",
        "method",
        "opened",
        "path",
        "request_id",
        "route",
        "sent",
        "started",
        "status",
        "trace",
        "user_agent",
        "view",
    )

    def __init__(self, method: str, path: str, request_id: str, client: str, user_agent: str) -> None:
        self.db_seconds, self.db_count, self.waited = 0.0, 0, 0.0  # as `Tally` has it, without a call
        self.method = method
        self.path = path
        self.request_id = request_id
        self.client = client
        self.user_agent = user_agent
        self.accept = ""
        self.route: str | None = None
        self.view = ""
        self.status = 0
        self.sent = 0
        self.started = perf_counter()
        self.trace: Any = None
        self.deadline: Deadline | None = None
        self.criticality: Criticality | None = None
        self.opened: float | None = None  # seconds until an event stream began; no other answer has it

    def open_stream(self) -> None:
        """The answer is an event stream: it lasts as long as somebody listens, and its latency ends here."""
        self.opened = perf_counter() - self.started


EXCHANGE: ContextVar[Exchange | None] = ContextVar("mainstay_exchange", default=None)
"""Set by the outermost layer; `mainstay.http.middleware` adds the route to it."""
