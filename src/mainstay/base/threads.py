"""Threads that may not start: a process at its limit of threads or of memory has room again later."""

from __future__ import annotations

import threading
from collections.abc import Callable


def start_thread(target: Callable[[], object], name: str) -> threading.Thread | None:
    """
    A daemon thread that runs by now, or None where there is no room for one.

    Who gets None tries again at the next occasion. To keep the object of a thread that never ran would look as if
    it did its work, and to raise would blame whoever happened to come by.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # "can't start new thread"
        return None
    return thread
