"""What becomes of a pool when one of its connections turns out to be lost."""

from __future__ import annotations

from time import monotonic
from typing import Any

from mainstay.db import connections


class Pool:
    def __init__(self) -> None:
        self.drained = 0

    def drain(self) -> None:
        self.drained += 1


class Older:
    """A pool of psycopg_pool before 3.3, which does not sleep either."""


def give_up(pool: Any, made: float) -> None:
    connections.give_up_idle(pool, made)


def test_the_others_go_with_the_first_that_is_lost() -> None:
    pool = Pool()
    give_up(pool, monotonic())
    assert pool.drained == 1


def test_those_of_the_same_loss_do_not_cost_the_new_ones() -> None:
    """Requests at once find a lost connection each; the new ones must not be replaced again."""
    pool, before = Pool(), monotonic()
    for _ in range(4):
        give_up(pool, before)
    assert pool.drained == 1


def test_the_next_loss_is_another_one() -> None:
    pool = Pool()
    give_up(pool, monotonic())
    give_up(pool, monotonic())
    assert pool.drained == 2


def test_another_pool_is_left_alone_and_an_older_one_too() -> None:
    pool, before = Pool(), monotonic()
    give_up(Pool(), before)
    give_up(pool, before)
    give_up(Older(), before)
    assert pool.drained == 1
