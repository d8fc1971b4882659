"""
A database that stands still: the process lives and stays in rotation, and so do pages that ask it nothing.

How long it stands is read from ``MAINSTAY_FROZEN_SECONDS``: long enough here for pools, deadlines and pauses to
run out several times; a minute when somebody wants to see it.
"""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.inside.bugsink import Bugsink
from tests.integration.inside.database import Database
from tests.integration.inside.replica import Replica, Response
from tests.stopwatch import Stopwatch

Start = Callable[..., Replica]

SECONDS = float(os.environ.get("MAINSTAY_FROZEN_SECONDS", "12"))
DEADLINE = 3.0
"""Of the test's project in this module."""
CLIENTS = 4


@contextmanager
def frozen(postgres: Database) -> Iterator[None]:
    pids = [postgres.server.pid]
    pids += [
        pid for (pid,) in postgres.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    ]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


class Visitors:
    """Some people who ask for one page again and again, and how each request went."""

    def __init__(self, replica: Replica, path: str, count: int = 1, pause: float = 0.05) -> None:
        self.answers: list[tuple[Response, float]] = []
        self._replica, self._path, self._pause = replica, path, pause
        self._gone = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _visit(self) -> None:
        while not self._gone.is_set():
            watch = Stopwatch()
            answer = self._replica.get(self._path, timeout=30)
            self.answers.append((answer, watch.elapsed()))
            self._gone.wait(self._pause)

    def leave(self) -> list[tuple[Response, float]]:
        self._gone.set()
        for thread in self._threads:
            thread.join()
        return self.answers


def statuses(answers: list[tuple[Response, float]]) -> set[int]:
    return {answer.status for answer, _ in answers}


@pytest.mark.timeout(int(SECONDS) + 90)
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_frozen_database_stops_what_needs_it_and_nothing_else(
    start: Start, postgres: Database, bugsink: Bugsink, interface: str
) -> None:
    issues = bugsink.issues()
    replica = start(
        interface,
        DATABASE_URL=postgres.fresh(),
        SHOP_DEADLINE=str(DEADLINE),
        SENTRY_DSN=bugsink.dsn,
        MAINSTAY_SYSTEM=f"frozen-{interface}",
    )
    assert replica.get("/database/1/").status == 200
    with frozen(postgres):
        probes = [Visitors(replica, path) for path in ("/livez", "/readyz")]
        pages = Visitors(replica, "/")
        waiting = Visitors(replica, "/database/1/", CLIENTS)
        time.sleep(SECONDS)
        alive, ready = (each.leave() for each in probes)
        untouched = pages.leave()
        watch = Stopwatch()
    refused = waiting.leave()
    while replica.get("/database/1/").status != 200:
        assert watch.elapsed() < 5.0, "it did not recover"
        time.sleep(0.05)
    print(f"{interface}: {len(refused)} asked, recovered {watch.elapsed():.2f} s after")

    assert statuses(alive) == statuses(ready) == {200}
    assert statuses(untouched) == {200}
    assert statistics.quantiles([took for _, took in untouched], n=20)[-1] < 1.0
    during = [(answer, took) for answer, took in refused if answer.status != 200]
    assert statuses(during) <= {503, 504}
    assert len(during) >= CLIENTS
    assert all("retry-after" in answer.headers for answer, _ in during if answer.status == 503)
    assert max(took for _, took in during) < DEADLINE + 2.0
    assert bugsink.issues() - issues <= 1, "thousands of failures are one thing that happened"


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_process_that_leaves_under_mixed_load_cuts_nothing(start: Start, interface: str) -> None:
    """Sync, async and streaming answers in flight: each is whole, or its connection was never taken."""
    replica = start(interface)
    whole = {"/slow/40/": b"slow", "/async-slow/40/": b"slow", "/stream/": b"onetwothree"}
    wrong: list[str] = []
    answered = dict.fromkeys(whole, 0)
    resets = dict.fromkeys(range(9), 0)

    def visit(number: int) -> None:
        path = list(whole)[number % len(whole)]
        while True:
            try:
                answer = replica.get(path)
            except ConnectionRefusedError:
                return
            except (
                ConnectionResetError
            ):  # it was in the queue of a socket that closed, and nobody had read it
                resets[number] += 1
                return
            except Exception as error:
                wrong.append(f"{path}: {type(error).__name__}: {error}")
                return
            if (answer.status, answer.body) != (200, whole[path]):
                wrong.append(f"{path}: {answer.status} {answer.body!r}")
            answered[path] += 1

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    replica.terminate()
    code = replica.wait()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert code == 0
    assert all(count > 5 for count in answered.values())
