from __future__ import annotations

import psycopg
import pytest
from django.db import IntegrityError, OperationalError
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from mainstay.db.errors import OutcomeUnknown
from mainstay.http.unavailable import reason


def wrapped(cause: BaseException) -> OperationalError:
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "cause",
    [
        PoolTimeout("x"),
        TooManyRequests("x"),
        psycopg.OperationalError("connection refused"),
        errors.AdminShutdown("x"),
        errors.CannotConnectNow("x"),
        errors.TooManyConnections("x"),
        errors.QueryCanceled("x"),
        errors.LockNotAvailable("x"),
        errors.ConnectionFailure("x"),
    ],
)
def test_not_now_has_a_reason(cause: BaseException) -> None:
    assert reason(wrapped(cause))


@pytest.mark.parametrize(
    "error",
    [
        wrapped(errors.DiskFull("x")),
        wrapped(errors.UndefinedFile("x")),
        OperationalError("no such table"),
        IntegrityError("x"),
        ValueError("x"),
    ],
)
def test_broken_stays_an_error(error: BaseException) -> None:
    assert reason(error) is None


def test_unknown_outcome_says_so() -> None:
    assert "unknown" in (reason(OutcomeUnknown("canceling wait")) or "")
