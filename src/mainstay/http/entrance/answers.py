"""What the outermost layer answers by itself: probes, metrics, refusals. No Django in here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from mainstay.base import problempage as page
from mainstay.base import wire
from mainstay.base.context import request_id
from mainstay.base.problemtypes import MEDIA_TYPE, phrase
from mainstay.health import readiness
from mainstay.http import metrics
from mainstay.http.problems import Problem
from mainstay.http.problems.accept import wants_page
from mainstay.http.problems.forms import Form
from mainstay.http.problems.problem import base
from mainstay.observability.asking import give_connections_back

JSON = "application/json"
PROBLEM = MEDIA_TYPE
RETRY_AFTER = "1"
"""Seconds; a process that leaves is replaced by then, and another replica has room now."""

PATHS = frozenset(wire.INTERNAL_PATHS)

_PROBES = {
    wire.LIVE_PATH: readiness.liveness,
    wire.STARTUP_PATH: readiness.startup,
    wire.READY_PATH: readiness.readiness,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        length = ("content-length", str(len(self.body)))
        return [("content-type", self.content_type), length, ("cache-control", "no-store"), *self.headers]

    @property
    def status_line(self) -> str:
        return f"{self.status} {phrase(self.status)}"


def internal(path: str) -> Answer:
    """The answer on one of the replica's own paths."""
    if path == wire.METRICS_PATH:
        try:
            body, content_type = metrics.render()
        finally:
            give_connections_back()  # of a source of figures that asked in this thread
        return (
            Answer(200, content_type, body) if body else problem(404, detail="prometheus_client is missing")
        )
    return of_probe(_PROBES[path]())


def of_probe(answer: readiness.Answer) -> Answer:
    return Answer(answer.code, JSON, json.dumps(answer.as_json()).encode())


def overloaded(accept: str = "", retry_after: int = 1) -> Answer:
    """More than the process can answer in time; ``accept`` is the request's header of that name."""
    return problem(503, "overloaded", "", ("retry-after", str(retry_after)), accept=accept)


def too_late(accept: str = "") -> Answer:
    """No time was left of what the caller or the route gives."""
    return problem(504, "deadline-exceeded", accept=accept)


def malformed(accept: str = "") -> Answer:
    """A request that two programs could read in two ways; the connection ends with it."""
    return problem(400, "ambiguous-framing", "", ("connection", "close"), accept=accept)


def broken(accept: str = "") -> Answer:
    """The application raised, or ended without an answer."""
    return problem(500, accept=accept)


def problem(
    status: int, slug: str = "", detail: str = "", *headers: tuple[str, str], accept: str = ""
) -> Answer:
    """An RFC 9457 problem, or a page for a browser that asks for one."""
    headers = (("vary", "Accept"), *headers)
    if not wants_page(accept):
        return Answer(status, PROBLEM, _form(status, slug, detail, base()).body(), headers)
    found = Problem(status, slug, detail)
    shown = page.render(found.title, found.detail, request_id())
    return Answer(status, page.CONTENT_TYPE, shown, (("content-security-policy", page.POLICY), *headers))


@lru_cache(maxsize=64)
def _form(status: int, slug: str, detail: str, base: str) -> Form:
    """``base`` is the one that the problem's type stands on now: another one is another form."""
    return Form(Problem(status, slug, detail))
