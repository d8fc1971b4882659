"""Which reads are asked anew at the primary when their standby is lost, and which are not."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from mainstay.base.deadline import DeadlineExceeded, within
from mainstay.db import lost_reads
from mainstay.db.routers import AVOID, PrimaryReplicaRouter


def failed(state: str | None) -> OperationalError:
    """What Django raises for an error of psycopg, whose state is absent where the connection broke."""
    cause = (
        psycopg.errors.lookup(state)() if state else psycopg.OperationalError("server closed the connection")
    )
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.fixture
def primary(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A cursor of the primary that notes what it is asked."""
    asked: list[Any] = []
    cursor = SimpleNamespace(
        cursor="primary's", execute=lambda *statement: asked.append(statement), asked=asked
    )
    monkeypatch.setattr(lost_reads, "connections", {"default": SimpleNamespace(cursor=lambda: cursor)})
    return cursor


def read(sql: str = "SELECT 1", *, error: Exception, in_transaction: bool = False, name: str = "") -> Any:
    def execute(*statement: Any) -> None:
        raise error

    raw = SimpleNamespace(name=name)
    context = {
        "connection": SimpleNamespace(in_atomic_block=in_transaction),
        "cursor": SimpleNamespace(cursor=raw),
    }
    lost_reads.Again()(execute, sql, (7,), False, context)
    return context["cursor"].cursor


@pytest.mark.parametrize("state", [None, "57P01", "57P02", "08006"])
@pytest.mark.parametrize("sql", ["SELECT 1", "(SELECT 1) UNION (SELECT 2)"])
def test_a_read_of_a_lost_standby_goes_on_at_the_primary(
    primary: SimpleNamespace, state: str | None, sql: str
) -> None:
    assert read(sql, error=failed(state)) == "primary's"
    assert primary.asked == [(sql, (7,))]


@pytest.mark.parametrize(
    "given",
    [
        {"error": failed("57014")},
        {"error": failed("55P03")},
        {"error": failed("42P01")},
        {"error": OperationalError("not psycopg's")},
        {"error": failed(None), "in_transaction": True},
        {"error": failed(None), "name": "_django_curs_1"},
        {"error": failed(None), "sql": "SAVEPOINT a"},
        {"error": failed(None), "sql": "WITH gone AS (DELETE FROM a RETURNING b) SELECT b FROM gone"},
    ],
)
def test_what_is_slow_or_bound_to_its_standby_is_not(primary: SimpleNamespace, given: dict[str, Any]) -> None:
    with pytest.raises(OperationalError):
        read(**given)
    assert primary.asked == []


def test_the_next_reads_leave_the_standby_alone(
    primary: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = PrimaryReplicaRouter()
    monkeypatch.setattr(lost_reads, "router", SimpleNamespace(routers=[object(), ours]))
    before = time.monotonic()
    read(error=failed(None))
    assert ours._avoided_until >= before + AVOID


def test_a_read_that_was_cut_at_its_deadline_is_not(primary: SimpleNamespace) -> None:
    with within(0.0), pytest.raises(DeadlineExceeded):
        read(error=failed(None))
    assert primary.asked == []
