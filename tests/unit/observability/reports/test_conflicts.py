"""Which errors mean that one request was rolled back for another."""

from __future__ import annotations

import psycopg
import pytest
from django.db.utils import OperationalError

from mainstay.observability.reports.conflicts import BUSY_SNAPSHOT, find_conflict
from tests.unit.observability.reports.flood import REFUSED, django_error


class Snapshot(Exception):
    sqlite_errorcode = BUSY_SNAPSHOT


class Older(Exception):
    """As psycopg2 says it."""

    pgcode = "40P01"


def given_up() -> Exception:
    error = RuntimeError("could not sell")
    error.__cause__ = django_error(psycopg.errors.DeadlockDetected())
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.DeadlockDetected(), "deadlock"),
        (django_error(psycopg.errors.DeadlockDetected()), "deadlock"),
        (django_error(Older()), "deadlock"),
        (django_error(psycopg.errors.SerializationFailure()), "conflict"),
        (django_error(psycopg.errors.TransactionRollback()), "conflict"),
        (django_error(Snapshot()), "conflict"),
        (django_error(psycopg.errors.StatementCompletionUnknown()), ""),
        (django_error(psycopg.errors.TransactionIntegrityConstraintViolation()), ""),
        (django_error(psycopg.errors.LockNotAvailable()), ""),
        (django_error(REFUSED), ""),
        (given_up(), ""),
        (OperationalError("deadlock detected"), ""),
        (None, ""),
    ],
    ids=range(13),
)
def test_what_was_rolled_back_for_another(error: BaseException | None, expected: str) -> None:
    assert find_conflict(error) == expected
