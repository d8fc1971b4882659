from __future__ import annotations

import psycopg
import pytest
from django.db import IntegrityError, InternalError, OperationalError
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from mainstay.db.errors import OutcomeUnknown
from mainstay.http import unavailable
from mainstay.http.unavailable import find, problem
from mainstay.observability import reports
from mainstay.observability.reports import outages


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
        wrapped(errors.DeadlockDetected("x")),
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


def test_unknown_outcome_says_so() -> None:
    told = problem(OutcomeUnknown("canceling wait"))
    assert told is not None
    assert told.slug == "outcome-unknown"
    assert "unknown" in told.detail


def test_what_is_answered_503_for_its_state_is_an_outage_but_for_a_lock() -> None:
    """Who reports and who answers have a list each, as the one knows nothing of the other."""
    answered = {
        state for state, trouble in unavailable.STATES.items() if trouble is not unavailable.STATEMENT
    }
    covered = {state for state in answered if state.startswith(outages.OUTAGE_STATES)}
    assert answered - covered == {"55P03"}
    assert {each for each in outages.OUTAGE_STATES if each not in answered} == set()


def test_each_is_counted_reported_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException] = []
    monkeypatch.setattr(reports, "report_outage", told.append)
    full = wrapped(errors.DiskFull("could not extend file"))
    before = counts()
    assert unavailable.note(full) == (
        "the database server has no disk space or memory left (DiskFull, SQLSTATE 53100)"
    )
    assert (
        unavailable.note(wrapped(PoolTimeout("x"))) == "no database connection was free in time (PoolTimeout)"
    )
    assert unavailable.note(ValueError("x")) == ""
    assert told[0] is full
    assert {name: count - before[name] for name, count in counts().items() if count != before[name]} == {
        "resources": 1,
        "pool": 1,
    }


def counts() -> dict[str, float]:
    return {figure.labels[0][1]: figure.value for figure in unavailable.figures()}
