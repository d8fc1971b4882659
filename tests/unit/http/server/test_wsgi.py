"""The main thread of a WSGI replica hears its signals, whichever thread the kernel gives them to."""

from __future__ import annotations

import signal
import threading
import time

from mainstay.http.server.wsgi import Attentive


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
