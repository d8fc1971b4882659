"""A request waits for a connection for as long as it has, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from psycopg_pool import PoolTimeout

from mainstay.base import timeouts
from mainstay.base.context import TALLY, Tally
from mainstay.base.deadline import DeadlineExceeded, within
from mainstay.db import turns


class Pool:
    """One whose connections are all lent out."""

    timeout = 2.0

    def __init__(self) -> None:
        self.waits: list[float | None] = []

    def getconn(self, timeout: float | None = None) -> str:
        self.waits.append(timeout)
        raise PoolTimeout("couldn't get a connection")

    def asked(self, timeout: float | None = None) -> float | None:
        with pytest.raises(PoolTimeout):
            self.getconn(timeout)
        return self.waits[-1]


@pytest.fixture
def pool() -> Pool:
    made = Pool()
    turns.bound(made)
    return made


@pytest.fixture
def tally() -> Iterator[Tally]:
    token = TALLY.set(made := Tally())
    yield made
    TALLY.reset(token)


def test_outside_of_a_request_the_pool_decides(pool: Pool) -> None:
    assert pool.asked() is None
    assert pool.asked(7.0) == 7.0


def test_the_first_wait_is_the_pools_own(pool: Pool, tally: Tally) -> None:
    assert pool.asked() == 2.0
    assert pool.asked(0.5) == 0.5


def test_what_was_waited_for_a_place_is_spent(pool: Pool, tally: Tally) -> None:
    tally.waited = timeouts.turn() - 0.3
    assert pool.asked() == pytest.approx(0.3)


def test_waiting_is_counted_and_never_ends_before_a_free_connection_was_looked_at(
    pool: Pool, tally: Tally
) -> None:
    pool.asked()
    assert tally.waited > 0
    tally.waited = 100.0
    assert pool.asked() == turns.LEAST


def test_it_ends_at_the_deadline(pool: Pool, tally: Tally) -> None:
    with within(0.5):
        wait = pool.asked()
    assert wait is not None
    assert wait <= 0.5


def test_a_deadline_that_passed_meanwhile_is_what_is_said(pool: Pool, tally: Tally) -> None:
    with within(0.0) as deadline, pytest.raises(DeadlineExceeded):
        pool.getconn()
    assert deadline.exceeded


def test_a_pool_is_bounded_once(pool: Pool) -> None:
    bounded = pool.getconn
    turns.bound(pool)
    assert pool.getconn is bounded


def test_a_connection_without_a_pool_is_given_none() -> None:
    """Django's property makes one, for the database that the settings name at the time."""

    class Connection:
        alias = "default"
        vendor = "postgresql"
        _connection_pools: ClassVar[dict[str, Any]] = {}

        @property
        def pool(self) -> Any:
            raise AssertionError("made too early")

    turns._on_created(None, Connection())
    made = Pool()
    Connection._connection_pools["default"] = made
    turns._on_created(None, Connection())
    assert "getconn" in vars(made)
