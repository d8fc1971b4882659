"""A flood of errors: capped, counted, summarized; an outage of the database is one issue."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import psycopg_pool
import pytest

from mainstay.observability import scrubbing
from mainstay.observability.reports.filtering import CONFLICTS_PER_MINUTE, OUTAGE, Reports
from tests.unit.conftest import NoRoom
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


def test_what_was_rolled_back_for_another_is_one_issue_for_each_route(clock: Clock) -> None:
    reports = capped(clock)
    deadlock = django_error(psycopg.errors.DeadlockDetected("Process 12 waits; blocked by process 34"))
    conflict = django_error(psycopg.errors.SerializationFailure("could not serialize access"))

    def place(error: Exception, **event: Any) -> list[str]:
        sent = reports.before_send(event, hint(error))
        assert sent is not None
        return list(sent["fingerprint"])

    assert place(deadlock, transaction="hold/") == ["database-deadlock", "hold/"]
    assert place(deadlock, transaction="pay/") == ["database-deadlock", "pay/"]
    assert place(conflict, transaction="pay/") == ["database-conflict", "pay/"]
    assert place(conflict, transaction="") == ["database-conflict", ""]
    assert place(deadlock) == ["database-deadlock", "{{ default }}"]  # a task, which has no route


def test_many_deadlocks_hide_no_outage_and_no_other_error(clock: Clock) -> None:
    reports = capped(clock)
    deadlock = django_error(psycopg.errors.DeadlockDetected("x"))
    sent = [reports.before_send({"transaction": "hold/"}, hint(deadlock)) for _ in range(1000)]
    assert sum(event is not None for event in sent) == CONFLICTS_PER_MINUTE
    assert reports.dropped["conflict"].value == 1000 - CONFLICTS_PER_MINUTE
    assert not reports.wants(deadlock)
    assert reports.wants(django_error(REFUSED))
    assert reports.before_send({}, hint(ValueError("another defect"))) is not None
    clock.now = 60.0
    assert reports.wants(deadlock)


def test_without_room_for_a_thread_what_was_dropped_is_told_later(no_room: NoRoom, clock: Clock) -> None:
    told: list[int] = []
    done = threading.Event()

    def summarize(count: int) -> None:
        told.append(count)
        done.set()

    reports = Reports(summarize, 1, clock, minute=0.2)
    assert reports.before_send({}, hint(ValueError("sent"))) is not None
    no_room(1)
    for number in range(3):
        assert reports.before_send({}, hint(ValueError(str(number)))) is None
    assert done.wait(10)
    assert told == [3]


def test_an_event_that_cannot_be_scrubbed_does_not_leave(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(scrubbing, "scrub", fail)
    reports = capped(clock)
    assert reports.before_send({"extra": {"password": "x"}}, {}) is None
    assert reports.dropped["scrubbing"].value == 1
