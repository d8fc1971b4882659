"""Whoever looks never waits, whatever becomes of the question and its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db.utils import ConnectionHandler

from mainstay.observability import asking
from mainstay.observability.asking import Asked, Seen
from tests.unit.conftest import NoRoom


def asked(question: Callable[[], Any], **changes: Any) -> Asked:
    return Asked("mainstay-test", question, **{"limit": 60.0, "every": 0.01, **changes})


def until(condition: Callable[[], object], within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def test_an_answer_that_comes_while_one_looks_has_an_age_that_is_not_negative(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread may answer between any two lines of who looks."""
    one = asked(lambda: 7)
    monkeypatch.setattr(one, "_begin", lambda: None)
    clock = time.monotonic

    def answer_then_tell() -> float:
        one._state = asking._State(asking._Answer(7, "", clock(), 0.0))
        time.sleep(0.001)
        return clock()

    one._state = asking._State(asking._Answer(7, "", clock(), 0.0))
    monkeypatch.setattr(asking.time, "monotonic", answer_then_tell)
    assert one.look().age >= 0


def test_a_thread_that_cannot_start_is_tried_again_at_the_next_look(no_room: NoRoom) -> None:
    """A process at its limit of threads has room again later; a question that is never put again stays unanswered."""
    no_room(2)
    one = asked(lambda: 7)
    assert [one.look().ok, one.look().ok] == [None, None]
    until(lambda: one.look().ok)
    assert one.look().value == 7
    one.stop()


def test_a_thread_that_has_ended_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a fork, which has no threads, or of a question that ended its thread as nothing should."""
    calls: list[int] = []

    def leave() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return len(calls)

    monkeypatch.setattr(threading, "excepthook", lambda *_: None)  # what it would print
    one = asked(leave)
    until(lambda: one.look().ok)
    one.stop()


def test_what_fails_is_counted_once_and_the_count_never_shrinks() -> None:
    """Also that of a question which is late, then answered after all: a counter that shrinks is one that began anew."""
    release = threading.Event()
    one = asked(release.wait, limit=0.02, every=60.0)
    counted: list[int] = []
    until(lambda: counted.append(one.look().failures) or counted[-1] == 1)  # type: ignore[func-returns-value]
    assert one.look().problem == "no answer within 0.02 s"
    release.set()
    until(lambda: counted.append(one.look().failures) or one.look().problem.startswith("took"))  # type: ignore[func-returns-value]
    assert counted == sorted(counted)
    assert one.look().failures == 1
    one.stop()


def test_connections_are_given_back_after_each_question(
    monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any, tmp_path: Any
) -> None:
    """One that a thread keeps is a place of the pool that no request can have."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    handler = ConnectionHandler({"default": database})
    monkeypatch.setattr("django.db.connections", handler)
    opened: list[Any] = []

    def ask() -> int:
        with handler["default"].cursor() as cursor:
            cursor.execute("SELECT 7")
            opened.append(handler["default"])
            return int(cursor.fetchone()[0])

    with django_db_blocker.unblock():
        one = asked(ask, every=60.0)
        until(lambda: one.look().ok)
        one.stop()
    assert one.look().value == 7
    assert opened[0].connection is None


def test_nothing_was_seen_before_the_first_answer() -> None:
    release = threading.Event()
    one = asked(release.wait)
    assert one.look() == Seen()
    release.set()
    one.stop()
