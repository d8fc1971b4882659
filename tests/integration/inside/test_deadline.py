"""A deadline ends the work where it is done: at the database server."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from mainstay.base.deadline import within
from mainstay.db.connections import CertainConnection
from tests.integration.inside.database import Database
from tests.integration.inside.replica import Replica
from tests.stopwatch import Stopwatch

Start = Callable[..., Replica]

both = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop.web.1' AND state = 'active'"


@both
def test_a_statement_ends_at_the_server_when_its_caller_gives_up(
    start: Start, postgres: Database, interface: str
) -> None:
    """The server still gives it seconds; its own limit is what would end it otherwise."""
    replica = start(interface, DATABASE_URL=postgres.fresh(), MAINSTAY_STATEMENT_TIMEOUT="30")
    assert replica.get("/database/1/").status == 200
    seen: list[float] = []
    began = time.monotonic()
    watcher = threading.Thread(target=_watch, args=(postgres, began, seen))
    watcher.start()
    answer = replica.get("/database/5000/", {"Mainstay-Deadline": "300"})
    watcher.join()

    assert answer.status == 504
    assert answer.headers["content-type"] == "application/problem+json"
    assert seen, "it never ran"
    print(f"still at the server {seen[-1] - 0.3:.3f} s after the deadline")
    assert seen[-1] < 2.0
    assert "Traceback" not in replica.output()
    assert replica.get("/database/1/").status == 200


@both
def test_without_time_nothing_is_sent_to_the_database(start: Start, interface: str) -> None:
    replica = start(interface)

    assert replica.get("/items/", {"Mainstay-Deadline": "0"}).status in (503, 504)


@both
def test_a_frozen_server_holds_nobody_beyond_the_deadline(
    start: Start, postgres: Database, interface: str
) -> None:
    """It acts on no cancel request, so its connection is cut from this side, and replaced afterwards."""
    replica = start(
        interface, DATABASE_URL=postgres.fresh(), MAINSTAY_POOL_MAX="2", MAINSTAY_STATEMENT_TIMEOUT="30"
    )
    assert replica.get("/database/1/").status == 200
    backend = postgres.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'shop.web.1'")
    frozen = [postgres.server.pid, *(pid for (pid,) in backend)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        watch = Stopwatch()
        answer = replica.get("/database/1/", {"Mainstay-Deadline": "500"})
        took = watch.elapsed()
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    assert answer.status in (503, 504)
    assert took < 4.0
    assert _is_well_again(replica)


@pytest.mark.parametrize("how", ["fetch", "copy"])
def test_a_long_fetch_has_until_the_deadline(postgres: Database, how: str) -> None:
    """Neither is a statement to Django's wrapper; the second that the pool's question has would cut both."""
    slow = "SELECT pg_sleep(0.8) FROM generate_series(1, 2)"

    def rows(connection: psycopg.Connection[Any]) -> int:
        with connection.cursor(*(["name"] if how == "fetch" else [])) as cursor:
            if how == "fetch":
                return len(cursor.execute(slow).fetchall())
            with cursor.copy(f"COPY ({slow}) TO STDOUT") as copy:
                return len(list(copy))

    with CertainConnection.connect(postgres.fresh()) as connection, within(20):
        assert rows(connection) == 2
    cut = CertainConnection.connect(postgres.fresh())
    with within(0.3), pytest.raises(psycopg.OperationalError):
        rows(cut)
    assert cut.closed


def test_many_deadlines_at_once_cut_their_own_statements_only(start: Start, postgres: Database) -> None:
    """A cancel that came late would hit whoever uses the connection next."""
    replica = start("wsgi", DATABASE_URL=postgres.fresh(), MAINSTAY_POOL_MAX="4")

    def ask(number: int) -> tuple[bool, int]:
        hurried = number % 2 == 0
        headers = {"Mainstay-Deadline": str(20 + number % 17)} if hurried else {}
        return hurried, replica.get("/database/15/", headers).status

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(240)))
    assert {status for hurried, status in answers if not hurried} == {200}
    assert {status for hurried, status in answers if hurried} <= {200, 503, 504}


def _watch(postgres: Database, began: float, seen: list[float]) -> None:
    """The moments, in seconds since ``began``, at which the statement was running."""
    url = f"postgresql://app@127.0.0.1:{postgres.port}/postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() - began < 2.5:
            if connection.execute(RUNNING).fetchone() != (0,):
                seen.append(time.monotonic() - began)
            elif seen:
                return
            time.sleep(0.005)


def _is_well_again(replica: Replica) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if replica.get("/database/1/").status == 200:
            return True
        time.sleep(0.1)
    return False
