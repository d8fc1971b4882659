from __future__ import annotations

import threading

from mainstay.base.threads import start_thread
from tests.unit.conftest import NoRoom


def test_a_thread_runs_or_there_is_none(no_room: NoRoom) -> None:
    ran = threading.Event()
    no_room(1)
    assert start_thread(ran.set, "mainstay-test") is None
    assert not ran.is_set()
    thread = start_thread(ran.set, "mainstay-test")
    assert thread is not None
    assert thread.daemon
    assert ran.wait(10)
