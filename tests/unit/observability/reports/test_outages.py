"""Which errors mean that the database cannot be reached."""

from __future__ import annotations

import psycopg
import psycopg_pool
import pytest
from django.db.utils import IntegrityError, OperationalError

from mainstay.observability.reports.outages import is_outage
from tests.unit.observability.reports.flood import REFUSED, django_error


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
        (django_error(psycopg.errors.DiskFull()), True),
        (django_error(psycopg.errors.OutOfMemory()), True),
        (django_error(psycopg.errors.IoError()), True),
        (django_error(psycopg.errors.UndefinedFile()), False),
        (_wrapped(), True),
        (OperationalError(2006, "MySQL server has gone away"), True),
        (django_error(psycopg.errors.DeadlockDetected()), False),
        (django_error(psycopg.IntegrityError(), IntegrityError), False),
        (OperationalError("no such table: x"), False),
        (ValueError(2006), False),
        (None, False),
    ],
    ids=range(17),
)
def test_what_counts_as_an_outage(error: BaseException | None, expected: bool) -> None:
    assert is_outage(error) is expected


def test_a_ring_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert not is_outage(first)
