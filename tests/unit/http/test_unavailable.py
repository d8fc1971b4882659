from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.db import IntegrityError, InternalError, OperationalError
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from mainstay.base.deadline import DeadlineExceeded
from mainstay.db.errors import OutcomeUnknown
from mainstay.http import unavailable
from mainstay.http.unavailable import find, problem
from mainstay.observability import reports
from mainstay.observability.reports import conflicts, outages


def wrapped(cause: BaseException, kind: type[Exception] = OperationalError) -> Exception:
    error = kind(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "name", "after"),
    [
        (PoolTimeout("x"), "pool", "1"),
        (TooManyRequests("x"), "pool", "1"),
        (psycopg.OperationalError("connection refused"), "unreachable", "1"),
        (errors.AdminShutdown("x"), "unreachable", "1"),
        (errors.CrashShutdown("x"), "unreachable", "1"),
        (errors.CannotConnectNow("x"), "unreachable", "1"),
        (errors.ConnectionFailure("x"), "unreachable", "1"),
        (errors.TooManyConnections("x"), "connections", "1"),
        (errors.LockNotAvailable("x"), "lock", "1"),
        (errors.DeadlockDetected("x"), "deadlock", "1"),
        (errors.SerializationFailure("x"), "conflict", "1"),
        (errors.TransactionRollback("x"), "conflict", "1"),
        (errors.DiskFull("x"), "resources", "5"),
        (errors.OutOfMemory("x"), "resources", "5"),
        (errors.InsufficientResources("x"), "resources", "5"),
        (errors.ConfigurationLimitExceeded("x"), "resources", "5"),
        (errors.SystemError("x"), "resources", "5"),
        (errors.IoError("x"), "resources", "5"),
    ],
)
def test_not_now_has_a_name_and_a_time(cause: BaseException, name: str, after: str) -> None:
    error = wrapped(cause)
    trouble, told = find(error), problem(error)
    assert trouble is not None
    assert told is not None
    assert trouble.name == name
    assert (told.status, told.slug, told.headers) == (503, "unavailable", {"Retry-After": after})


def test_a_primary_that_was_demoted_is_not_now() -> None:
    """psycopg and Django call it an internal error."""
    trouble = find(wrapped(errors.ReadOnlySqlTransaction("x"), InternalError))
    assert trouble is not None
    assert trouble.name == "read-only"


def test_a_statement_that_reached_its_limit_is_not_asked_for_again() -> None:
    told = problem(wrapped(errors.QueryCanceled("x")))
    assert told is not None
    assert (told.status, told.slug, told.headers) == (504, "statement-timeout", {})


@pytest.mark.parametrize(
    "error",
    [
        wrapped(errors.UndefinedFile("x")),
        wrapped(errors.DuplicateFile("x")),
        wrapped(errors.TransactionIntegrityConstraintViolation("x")),
        wrapped(errors.InFailedSqlTransaction("x"), InternalError),
        wrapped(psycopg.InternalError("x"), InternalError),
        OperationalError("no such table"),
        IntegrityError("x"),
        ValueError("x"),
    ],
)
def test_broken_stays_an_error(error: BaseException) -> None:
    assert find(error) is None
    assert problem(error) is None


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknown("canceling wait"),
        wrapped(errors.StatementCompletionUnknown("x")),
        wrapped(errors.TransactionResolutionUnknown("x")),
    ],
)
def test_unknown_outcome_says_so(error: BaseException) -> None:
    """Of class 40, which is "rolled back, try again", 40003 is the one that may have been done."""
    told = problem(error)
    assert told is not None
    assert told.slug == "outcome-unknown"
    assert "unknown" in told.detail


def test_an_unknown_outcome_is_found_behind_what_came_after_it() -> None:
    """On the way out of ``atomic()``: no new connection was to be had, or the time was up."""
    for later in (wrapped(PoolTimeout("x")), DeadlineExceeded("x")):
        later.__context__ = OutcomeUnknown("canceling wait")
        told = problem(later)
        assert told is not None
        assert (told.status, told.slug) == (503, "outcome-unknown")


def test_a_time_that_was_up_without_a_doubt_is_504() -> None:
    told = problem(DeadlineExceeded("x"))
    assert told is not None
    assert (told.status, told.slug) == (504, "deadline-exceeded")


Two = Callable[[str], tuple[sqlite3.Connection, sqlite3.Connection]]


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """Two connections to one SQLite file, or to one cache, the first of which has a table."""

    def connect(name: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        address = name or f"file:{tmp_path}/shop.sqlite3"
        first, second = (
            sqlite3.connect(address, timeout=0.05, uri=True, isolation_level=None) for _ in range(2)
        )
        first.execute("PRAGMA journal_mode = WAL")
        first.execute("CREATE TABLE seat (number integer)")
        first.execute("INSERT INTO seat VALUES (1), (2)")
        return first, second

    return connect


def refusal(connection: sqlite3.Connection, statement: str) -> Exception:
    with pytest.raises(sqlite3.OperationalError, match="is locked") as caught:
        connection.execute(statement)
    connection.close()
    return wrapped(caught.value)


WRITE = "INSERT INTO seat VALUES (3)"


def test_a_file_of_sqlite_that_another_writes_is_not_now(two: Two) -> None:
    first, second = two("")
    first.execute("BEGIN IMMEDIATE")
    _is_not_now(refusal(second, WRITE), "lock", "SQLITE_BUSY")
    first.close()


def test_a_cache_of_sqlite_that_another_writes_is_not_now(two: Two) -> None:
    first, second = two("file:seats?mode=memory&cache=shared")
    first.execute("BEGIN IMMEDIATE")
    _is_not_now(refusal(second, WRITE), "lock", "SQLITE_LOCKED_SHAREDCACHE")
    first.close()


def test_a_transaction_of_sqlite_that_began_with_a_read_of_what_is_old_by_now_is_a_conflict(two: Two) -> None:
    """No wait would help it, and SQLite does not wait."""
    first, second = two("")
    second.execute("BEGIN")
    second.execute("SELECT * FROM seat").fetchall()
    first.execute(WRITE)
    first.close()
    _is_not_now(refusal(second, WRITE), "conflict", "SQLITE_BUSY_SNAPSHOT")


def test_who_is_in_the_way_of_oneself_is_so_each_time(two: Two) -> None:
    first, second = two("")
    second.close()
    under_way = first.execute("SELECT * FROM seat")
    under_way.fetchone()
    assert find(refusal(first, "DROP TABLE seat")) is None


def _is_not_now(error: Exception, name: str, code: str) -> None:
    trouble, told = find(error), problem(error)
    assert trouble is not None
    assert told is not None
    assert trouble.name == name
    assert (told.status, told.slug, told.headers) == (503, "unavailable", {"Retry-After": "1"})
    assert unavailable.note(error).endswith(f"(OperationalError, {code})")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (sqlite3.SQLITE_BUSY_RECOVERY, "lock"),
        (sqlite3.SQLITE_BUSY_TIMEOUT, "lock"),
        (sqlite3.SQLITE_LOCKED_VTAB, ""),
        (sqlite3.SQLITE_FULL, ""),
        (sqlite3.SQLITE_ERROR, ""),
    ],
)
def test_of_sqlite_s_other_codes_those_of_a_busy_file_are_not_now(code: int, name: str) -> None:
    cause = sqlite3.OperationalError("x")
    cause.sqlite_errorcode = code
    trouble = find(wrapped(cause))
    assert (trouble.name if trouble else "") == name


def test_sqlite_s_numbers_are_those_of_its_module() -> None:
    ours = (unavailable.BUSY, unavailable.LOCKED_SHAREDCACHE, unavailable.BUSY_SNAPSHOT)
    assert ours == (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED_SHAREDCACHE, sqlite3.SQLITE_BUSY_SNAPSHOT)
    assert conflicts.BUSY_SNAPSHOT == unavailable.BUSY_SNAPSHOT


REPORTED = {"deadlock", "conflict"}
"""What is reported although the database is well."""


def test_what_is_answered_503_for_its_state_is_an_outage_or_a_conflict_but_for_a_lock() -> None:
    """Who reports and who answers have a list each, as the one knows nothing of the other."""
    ambiguous = (unavailable.STATEMENT, unavailable.OUTCOME_UNKNOWN)
    answered = {state: each for state, each in unavailable.STATES.items() if each not in ambiguous}
    rolled_back = {state: each.name for state, each in answered.items() if each.name in REPORTED}
    assert rolled_back == conflicts.CONFLICTS
    covered = {state for state in answered if state.startswith(outages.OUTAGE_STATES)}
    assert set(answered) - covered - set(rolled_back) == {"55P03"}
    assert {each for each in outages.OUTAGE_STATES if each not in answered} == set()


def test_each_is_counted_reported_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException] = []
    monkeypatch.setattr(reports, "report_failure", told.append)
    full = wrapped(errors.DiskFull("could not extend file"))
    before = counts()
    assert unavailable.note(full) == (
        "the database server has no disk space or memory left (DiskFull, SQLSTATE 53100)"
    )
    assert (
        unavailable.note(wrapped(PoolTimeout("x"))) == "no database connection was free in time (PoolTimeout)"
    )
    assert unavailable.note(wrapped(errors.DeadlockDetected("x"))) == (
        "the database rolled the transaction back to end a deadlock (DeadlockDetected, SQLSTATE 40P01)"
    )
    assert unavailable.note(ValueError("x")) == ""
    assert told[0] is full
    assert {name: count - before[name] for name, count in counts().items() if count != before[name]} == {
        "resources": 1,
        "pool": 1,
        "deadlock": 1,
    }


def counts() -> dict[str, float]:
    return {figure.labels[0][1]: figure.value for figure in unavailable.figures()}
