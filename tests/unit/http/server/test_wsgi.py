"""The main thread of a WSGI replica hears its signals, whichever thread gets them, and acts on them."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.server import draining
from mainstay.http.server.loading import Assignment
from mainstay.http.server.wsgi import Attentive, OrderlyServer
from tests.unit.conftest import NoRoom


def test_a_signal_that_another_thread_was_given_is_heard() -> None:
    """Python notes it in that thread and runs the handler in the main one, which nothing wakes."""
    event, done, heard = Attentive(), threading.Event(), []
    gave_up = threading.Event()

    def deliver() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        if not done.wait(20):
            gave_up.set()
        event.set()  # so that a main thread that has not heard it goes on

    before = signal.signal(signal.SIGUSR1, lambda *_: (heard.append(gave_up.is_set()), event.set()))
    thread = threading.Thread(target=deliver, daemon=True)
    try:
        thread.start()
        assert event.wait()
        done.set()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [False]


def test_it_waits_no_longer_than_it_is_told() -> None:
    assert Attentive().wait(0.01) is False


@pytest.mark.parametrize("rooms_missing", [0, 1])
def test_it_leaves_also_without_room_for_a_thread(
    no_room: NoRoom, monkeypatch: pytest.MonkeyPatch, rooms_missing: int
) -> None:
    """An error in the handler of a signal would end the main thread, and with it every request under way."""
    monkeypatch.setattr(draining, "begin", lambda process, _: process.drain())
    assignment = Assignment("", "wsgi", "127.0.0.1", 0, 1, 1, drain_timeout=0.1)
    server = OrderlyServer(assignment, 1, Lifecycle())
    no_room(rooms_missing)
    server.signal_handler_interrupt()
    assert server.main_loop_interrupt.wait(10)
    assert server.interrupt_signal
