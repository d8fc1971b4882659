"""What the outermost layer answers by itself: probes, metrics, refusals. No Django in here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from mainstay.base import wire
from mainstay.health import readiness
from mainstay.http import metrics

JSON = "application/json"
PROBLEM = "application/problem+json"
RETRY_AFTER = "1"
"""Seconds; a full process has room again within one, and another replica has it now."""

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
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def internal(path: str) -> Answer:
    """The answer on one of the replica's own paths."""
    if path == wire.METRICS_PATH:
        body, content_type = metrics.render()
        return Answer(200, content_type, body) if body else problem(404, "prometheus_client is missing")
    answer = _PROBES[path]()
    return Answer(answer.code, JSON, json.dumps(answer.as_json()).encode())


def overloaded() -> Answer:
    return problem(
        503, "This process has as many requests as it can answer in time.", ("retry-after", RETRY_AFTER)
    )


def too_late() -> Answer:
    return problem(504, "The request could not be answered before its deadline.")


def malformed() -> Answer:
    return problem(400, "The request's framing is ambiguous.", ("connection", "close"))


def problem(status: int, detail: str, *headers: tuple[str, str]) -> Answer:
    """An RFC 9457 problem."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Answer(status, PROBLEM, json.dumps(body).encode(), headers)
