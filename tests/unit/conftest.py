"""Fixtures that several folders of unit tests use."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

NoRoom = Callable[[int], None]


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> NoRoom:
    """``no_room(2)``: the next two threads of ours cannot be started, as in a process at its limit of them."""
    start, refused = threading.Thread.start, [0]

    def start_or_refuse(thread: threading.Thread) -> None:
        if refused[0] and thread.name.startswith("mainstay-"):
            refused[0] -= 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)

    def refuse(count: int) -> None:
        refused[0] = count

    return refuse
