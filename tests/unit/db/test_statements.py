"""The wrapper around every statement, on SQLite; PostgreSQL's part stands in tests/integration/inside."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.utils import ConnectionHandler

from mainstay.base.context import TALLY, Tally
from mainstay.base.deadline import Deadline, DeadlineExceeded, within
from mainstay.db import statements
from mainstay.db.statements import Statements
from mainstay.db.watchdog import Watchdog
from tests.unit.conftest import NoRoom

LONG = """WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 500000000)
SELECT max(n) FROM count"""


@pytest.fixture
def connection(django_db_blocker: Any) -> Iterator[Any]:
    """In memory, and beside the one that the settings name."""
    handler = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    made = handler["default"]
    statements.watch(made)
    with django_db_blocker.unblock():
        yield made
        if made.connection is not None:
            made.connection.close()


@contextmanager
def tallied() -> Iterator[Tally]:
    tally = Tally()
    token = TALLY.set(tally)
    try:
        yield tally
    finally:
        TALLY.reset(token)


def run(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def test_a_running_statement_is_cut_at_its_deadline(connection: Any) -> None:
    began = time.monotonic()
    with within(0.1), pytest.raises(DeadlineExceeded):
        run(connection, LONG)

    assert time.monotonic() - began < 20
    assert run(connection, "SELECT 7") == (7,)


def test_without_time_nothing_is_sent(connection: Any) -> None:
    sent: list[str] = []
    connection.execute_wrappers.append(lambda execute, sql, *rest: sent.append(sql) or execute(sql, *rest))
    with within(0.0), pytest.raises(DeadlineExceeded):
        run(connection, "SELECT 1")

    assert sent == []


@pytest.mark.parametrize("sql", ["ROLLBACK TO SAVEPOINT x", "RELEASE SAVEPOINT x"])
def test_what_ends_something_passes_without_time(connection: Any, sql: str) -> None:
    """Else a transaction would stay open that Django believes to be closed."""
    run(connection, "SAVEPOINT x")
    with within(0.0), connection.cursor() as cursor:
        cursor.execute(sql)


def test_outside_of_a_request_nothing_is_watched_or_counted(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "WATCHDOG", None)
    assert run(connection, "SELECT 1") == (1,)


def test_each_statement_counts_for_its_request(connection: Any) -> None:
    with tallied() as tally:
        for _ in range(3):
            run(connection, "SELECT 1")
        with pytest.raises(Exception, match="no such table"):
            run(connection, "SELECT * FROM nowhere")

    assert tally.db_count == 4
    assert 0 < tally.db_seconds < 60


def test_the_wrapper_stands_outermost_and_once(connection: Any) -> None:
    def other(execute: Any, *statement: Any) -> Any:
        return execute(*statement)

    connection.execute_wrappers.clear()
    with connection.execute_wrapper(other):
        statements.watch(connection)
        statements.watch(connection)
        assert [isinstance(each, Statements) for each in connection.execute_wrappers] == [True, False]
    assert [type(each) for each in connection.execute_wrappers] == [Statements]


def test_a_cut_that_comes_late_hits_nobody(connection: Any) -> None:
    wrapper = connection.execute_wrappers[0]
    wrapper.cut(Deadline.after(-1))

    assert run(connection, "SELECT 1") == (1,)


def test_the_watchdog_cuts_what_is_late_and_only_that() -> None:
    class Watched:
        def __init__(self) -> None:
            self.cut_ = threading.Event()

        def cut(self, deadline: Deadline) -> None:
            self.cut_.set()

    watchdog = Watchdog()
    late, early, ended = Watched(), Watched(), Watched()
    passed = Deadline.after(60)
    watchdog.begin(late, Deadline.after(60))
    watchdog.begin(ended, passed)
    watchdog.end(ended)
    passed.at = time.monotonic()
    watchdog.begin(early, Deadline.after(0.1))

    assert early.cut_.wait(10)
    assert not late.cut_.is_set()
    assert not ended.cut_.is_set()


def test_a_watchdog_whose_thread_cannot_start_starts_it_with_a_later_statement(no_room: NoRoom) -> None:
    """Also with one whose deadline is later than that of the first; the first is cut as well."""
    cut = threading.Event()

    class Watched:
        def cut(self, deadline: Deadline) -> None:
            cut.set()

    no_room(1)
    watchdog = Watchdog()
    watchdog.begin(Watched(), Deadline.after(0.05))
    watchdog.begin(Watched(), Deadline.after(60))
    assert cut.wait(10)


def test_a_forked_process_has_a_watchdog_of_its_own() -> None:
    """The parent's thread is not in it: a statement there would never be cut."""
    code = """
import os, sys, threading
from mainstay.base.deadline import Deadline
from mainstay.db.watchdog import WATCHDOG
class Watched:
    def __init__(self): self.cut_ = threading.Event()
    def cut(self, deadline): self.cut_.set()
def is_cut():
    watched = Watched()
    WATCHDOG.begin(watched, Deadline.after(0.01))
    return watched.cut_.wait(10)
assert is_cut()
child = os.fork()
if not child:
    os._exit(0 if is_cut() else 7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60).returncode == 0
