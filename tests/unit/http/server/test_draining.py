from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.server import draining
from mainstay.http.server.draining import GRACE, LISTEN_LIMIT, QUIET, may_stop_listening
from tests.unit.conftest import NoRoom

AGES = 1e6
"""Seconds; the end of such a drain is not met by a test that comes after."""


def process(draining_since: float, last_arrival: float) -> Lifecycle:
    return Lifecycle(draining_since=draining_since, last_arrival=last_arrival)


def test_listens_until_it_has_been_quiet() -> None:
    assert not may_stop_listening(process(100, 50), 100.1, 12)
    assert may_stop_listening(process(100, 50), 100.01 + QUIET, 12)


def test_late_arrivals_prolong_it() -> None:
    assert not may_stop_listening(process(100, 100.2), 100.2 + QUIET / 2, 12)


@pytest.mark.parametrize(("drain", "limit"), [(12, LISTEN_LIMIT), (1, 0.5)])
def test_busy_clients_cannot_prolong_it_for_ever(drain: float, limit: float) -> None:
    now = 100 + limit
    assert may_stop_listening(process(100, now), now, drain)
    assert not may_stop_listening(process(100, now - 0.01), now - 0.01, drain)


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The threads in which a drain was cut short."""
    found: list[str] = []
    monkeypatch.setattr(draining, "cut", lambda _: found.append(threading.current_thread().name))
    before = signal.getsignal(signal.SIGALRM)
    yield found
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("rooms_missing", "thread"), [(0, "mainstay-drain-end"), (1, "MainThread")])
def test_a_drain_ends_also_without_room_for_a_thread(
    cuts: list[str], no_room: NoRoom, rooms_missing: int, thread: str
) -> None:
    leaving = Lifecycle()
    no_room(rooms_missing)
    draining.begin(leaving, 0.1 - GRACE)
    assert leaving.draining
    until = time.monotonic() + 10
    while not cuts and time.monotonic() < until:
        time.sleep(0.01)
    assert cuts == [thread]


def test_a_second_signal_cuts_at_once(cuts: list[str]) -> None:
    leaving = Lifecycle()
    draining.begin(leaving, AGES)
    assert cuts == []
    draining.begin(leaving, AGES)
    assert cuts == ["MainThread"]
