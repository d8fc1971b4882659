"""A flood of errors: capped, counted, summarized; an outage of the database is one issue."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import psycopg
import psycopg_pool
import pytest
from django.db.utils import IntegrityError, OperationalError

from mainstay.base.context import REQUEST
from mainstay.base.tracecontext import TRACE, new_trace
from mainstay.observability.reports import sentry as module
from mainstay.observability.reports.sentry import OUTAGE, OUTAGES_PER_MINUTE, Reports, is_outage, scrub_query

REFUSED = psycopg.OperationalError("connection refused")


def hint(error: BaseException) -> dict[str, Any]:
    return {"exc_info": (type(error), error, error.__traceback__)}


def django_error(cause: BaseException | None, kind: type[Exception] = OperationalError) -> Exception:
    error = kind(str(cause))
    error.__cause__ = cause
    return error


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_minute_has_room_for_so_many_and_the_next_again(clock: Clock) -> None:
    reports = Reports(per_minute=60, clock=clock, minute=3600)
    sent = [reports.before_send({}, hint(ValueError(str(number)))) for number in range(5000)]
    assert sum(event is not None for event in sent) == 60
    assert reports.dropped["cap"].value == 4940
    clock.now = 60.0
    assert reports.before_send({}, hint(ValueError())) is not None


def test_what_was_dropped_is_told_once(clock: Clock) -> None:
    told: list[int] = []
    done = threading.Event()

    def summarize(count: int) -> None:
        told.append(count)
        done.set()

    reports = Reports(per_minute=5, summarize=summarize, clock=clock, minute=0.5)
    for number in range(100):
        reports.before_send({}, hint(ValueError(str(number))))
    assert done.wait(10)
    assert told == [95]
    summary = {"fingerprint": ["reports-dropped"], "message": "95"}
    assert reports.before_send(dict(summary), {}) == summary


def test_thousands_of_requests_without_a_database_are_one_issue(clock: Clock) -> None:
    reports = Reports(clock=clock, minute=3600)
    errors = [django_error(REFUSED), django_error(psycopg_pool.PoolTimeout("none in 5 s")), REFUSED]
    sent = [reports.before_send({}, hint(errors[number % 3])) for number in range(3000)]
    events = [event for event in sent if event is not None]
    assert len(events) == 6
    assert {tuple(event["fingerprint"]) for event in events} == {(OUTAGE,)}
    assert reports.dropped["outage"].value == 2994
    assert reports.before_send({}, hint(ValueError("another defect"))) is not None


def _wrapped() -> Exception:
    error = RuntimeError("could not sell")
    error.__context__ = django_error(REFUSED)
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (REFUSED, True),
        (django_error(REFUSED), True),
        (django_error(psycopg.errors.ReadOnlySqlTransaction()), True),
        (django_error(psycopg_pool.PoolTimeout()), True),
        (django_error(psycopg_pool.TooManyRequests()), True),
        (django_error(psycopg.errors.AdminShutdown()), True),
        (_wrapped(), True),
        (OperationalError(2006, "MySQL server has gone away"), True),
        (django_error(psycopg.errors.DeadlockDetected()), False),
        (django_error(psycopg.IntegrityError(), IntegrityError), False),
        (OperationalError("no such table: x"), False),
        (ValueError(2006), False),
        (None, False),
    ],
    ids=range(13),
)
def test_what_counts_as_an_outage(error: BaseException | None, expected: bool) -> None:
    assert is_outage(error) is expected


def test_an_outage_s_reports_are_not_even_built_beyond_the_cap(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To build one reads source lines of every frame: 20 ms that a thousand requests of an outage would all spend."""
    reports = Reports(clock=clock, minute=3600)
    built: list[object] = []

    def build(exc_info: Any, request: Any, *, handled: bool) -> None:
        built.append(reports.before_send({}, {"exc_info": exc_info}))

    monkeypatch.setattr(module, "REPORTS", reports)
    monkeypatch.setattr(module, "is_active", lambda: True)
    monkeypatch.setattr(module, "_capture", build)
    for _ in range(1000):
        module.report_outage(django_error(REFUSED))
    assert len(built) == OUTAGES_PER_MINUTE
    assert None not in built
    assert reports.dropped["outage"].value == 1000 - OUTAGES_PER_MINUTE
    clock.now = 60.0
    module.report_outage(django_error(REFUSED))
    assert len(built) == OUTAGES_PER_MINUTE + 1


def test_a_ring_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert not is_outage(first)


def test_every_corner_of_an_event_is_scrubbed(clock: Clock) -> None:
    secret = "c4nAry-77"
    request = SimpleNamespace(META={"HTTP_AUTHORIZATION": f"Bearer {secret}-own"}, _body=b"")
    event = {
        "request": {
            "url": f"https://u:{secret}@h/",
            "query_string": f"token={secret}&page=2",
            "headers": {"Authorization": secret, "Cookie": secret, "X-Note": f"password={secret}"},
            "cookies": {"sessionid": secret},
            "data": {"card_number": secret, "items": [{"password": secret}]},
            "env": {"DATABASE_PASSWORD": secret},
        },
        "exception": {
            "values": [
                {
                    "value": f"login failed: password={secret} {secret}-own",
                    "stacktrace": {
                        "frames": [
                            {
                                "vars": {
                                    "password": f"'{secret}'",
                                    "data": {"token": secret},
                                    "x": f"{secret}-own",
                                },
                                "context_line": f"connect('pg://a:{secret}@h')",
                            }
                        ]
                    },
                }
            ]
        },
        "breadcrumbs": {"values": [{"message": f"api_key={secret}", "data": {"secret": secret}}]},
        "extra": {"credentials": {"a": secret}, "note": f"Bearer {secret}"},
        "logentry": {"message": "%s", "formatted": f"token={secret}"},
        "tags": {"auth": secret},
        "user": {"id": "7"},
    }
    token = REQUEST.set(request)
    try:
        sent = Reports(clock=clock).before_send(event, hint(ValueError()))
    finally:
        REQUEST.reset(token)
    assert sent is not None
    assert secret not in str(sent)
    assert sent["exception"]["values"][0]["value"] == "login failed: password=(masked) (masked)"
    assert sent["request"]["query_string"] == "token=(masked)&page=2"


def test_an_event_that_cannot_be_scrubbed_does_not_leave(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr("mainstay.observability.reports.sentry.scrubbing.scrub", fail)
    reports = Reports(clock=clock, minute=3600)
    assert reports.before_send({"extra": {"password": "x"}}, {}) is None
    assert reports.dropped["scrubbing"].value == 1


def test_the_trace_and_the_user_are_attached(clock: Clock) -> None:
    trace, request = new_trace(), SimpleNamespace(_cached_user=SimpleNamespace(id=7), META={})
    tokens = TRACE.set(trace), REQUEST.set(request)
    try:
        sent = Reports(clock=clock).before_send({}, hint(ValueError()))
    finally:
        TRACE.reset(tokens[0])
        REQUEST.reset(tokens[1])
    assert sent is not None
    assert sent["tags"]["trace_id"] == trace.trace_id
    assert sent["contexts"]["trace"] == {"trace_id": trace.trace_id, "span_id": trace.span_id}
    assert sent["user"] == {"id": "7"}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("page=2", "page=2"),
        ("password=x&page=2", "password=(masked)&page=2"),
        ("next=https%3A//u:p4ss@h/", "next=https%3A%2F%2Fu%3A(masked)%40h%2F"),
        ("&".join("a=1" for _ in range(500)), "(masked)"),
    ],
)
def test_a_query_is_shown_without_secrets(query: str, shown: str) -> None:
    assert scrub_query(query) == shown
