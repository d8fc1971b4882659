"""What becomes of a pool whose connections are lost, and of the requests that wait for one."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

from psycopg_pool import PoolTimeout

from mainstay.db import connections
from tests.unit.conftest import NoRoom


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


class Waited:
    """A pool that somebody waits for. It tries to connect again for whoever asks it."""

    def __init__(self, waiting: int = 1) -> None:
        self.waiting = waiting
        self.asked = threading.Event()
        self.by = ""

    def get_stats(self) -> dict[str, int]:
        return {"requests_waiting": self.waiting}

    def getconn(self, timeout: float) -> object:
        self.by = threading.current_thread().name
        self.asked.set()
        raise PoolTimeout

    def putconn(self, connection: object) -> None: ...


def keep_trying(pool: Any) -> None:
    connections.keep_trying(pool)


def test_a_pool_goes_on_for_those_who_wait_and_for_nobody_else() -> None:
    pool, idle = Waited(), Waited(waiting=0)
    keep_trying(pool)
    keep_trying(idle)
    assert pool.asked.wait(10)
    assert pool.by == "mainstay-reconnect"
    assert not idle.asked.is_set()


def test_without_room_for_a_thread_the_pool_s_own_goes_on(no_room: NoRoom) -> None:
    pool = Waited()
    no_room(1)
    keep_trying(pool)
    assert pool.by == threading.current_thread().name
