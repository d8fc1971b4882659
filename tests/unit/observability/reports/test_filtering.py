"""A flood of errors: capped, counted, summarized; an outage of the database is one issue."""

from __future__ import annotations

import threading
from typing import Any

import psycopg_pool
import pytest

from mainstay.observability import scrubbing
from mainstay.observability.reports.filtering import OUTAGE, Reports
from tests.unit.observability.reports.flood import REFUSED, Clock, capped, django_error, hint


def test_a_minute_has_room_for_so_many_and_the_next_again(clock: Clock) -> None:
    reports = capped(clock, 60)
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

    reports = Reports(summarize, 5, clock, minute=0.5)
    for number in range(100):
        reports.before_send({}, hint(ValueError(str(number))))
    assert done.wait(10)
    assert told == [95]
    summary = {"fingerprint": ["reports-dropped"], "message": "95"}
    assert reports.before_send(dict(summary), {}) == summary


def test_thousands_of_requests_without_a_database_are_one_issue(clock: Clock) -> None:
    reports = capped(clock)
    errors = [django_error(REFUSED), django_error(psycopg_pool.PoolTimeout("none in 5 s")), REFUSED]
    sent = [reports.before_send({}, hint(errors[number % 3])) for number in range(3000)]
    events = [event for event in sent if event is not None]
    assert len(events) == 6
    assert {tuple(event["fingerprint"]) for event in events} == {(OUTAGE,)}
    assert reports.dropped["outage"].value == 2994
    assert reports.before_send({}, hint(ValueError("another defect"))) is not None


def test_an_event_that_cannot_be_scrubbed_does_not_leave(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(scrubbing, "scrub", fail)
    reports = capped(clock)
    assert reports.before_send({"extra": {"password": "x"}}, {}) is None
    assert reports.dropped["scrubbing"].value == 1
