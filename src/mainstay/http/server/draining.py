"""
How a process leaves: when it may stop listening, and what happens when time runs out.

The supervisor takes a replica out of rotation before it sends SIGTERM, so usually
nothing arrives any more. What still does is served until it has been quiet for a
moment, within an upper limit, so that a busy client cannot keep the process alive.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from functools import partial

from mainstay.base.threads import start_thread
from mainstay.health.lifecycle import Lifecycle

QUIET = 0.3
"""Seconds without a new request after which nobody is expected any more."""

LISTEN_LIMIT = 2.0
"""Most seconds of listening after the drain began."""

TICK = 0.05

GRACE = 0.5
"""Seconds beyond the drain for closing what is left, lifespan and pools."""

CUT = 1
"""Exit code when requests had to be cut: the drain ran out of time, or a second signal hurried it."""

_logger = logging.getLogger("mainstay.http")


def begin(process: Lifecycle, drain_timeout: float) -> None:
    """
    Enter the drain and set its end. To be called in the main thread, where signals are handled.

    The end needs a thread of its own: a view that blocks cannot be cancelled, and
    Python waits for its thread for ever. Without room for one, an alarm has to do, which the main thread hears between
    its steps. Repeating this, by a second signal, cuts at once.
    """
    if process.draining:
        cut(process)
    process.drain()
    _logger.info("draining", extra={"in_flight": process.in_flight})
    left = drain_timeout + GRACE
    if start_thread(partial(_cut_after, left, process), "mainstay-drain-end") is None:
        signal.signal(signal.SIGALRM, lambda *_: cut(process))
        signal.setitimer(signal.ITIMER_REAL, left)


def _cut_after(seconds: float, process: Lifecycle) -> None:
    time.sleep(seconds)
    cut(process)


def cut(process: Lifecycle) -> None:
    """End now, whatever is still being worked on, and say what that was."""
    _logger.error("drain cut short", extra={"in_flight": process.in_flight})
    logging.shutdown()
    os._exit(CUT)


def may_stop_listening(process: Lifecycle, now: float, drain_timeout: float) -> bool:
    """Whether it has been quiet long enough, or listening long enough."""
    since = now - (process.draining_since or now)
    limit = min(LISTEN_LIMIT, drain_timeout / 2)
    return since >= limit or process.quiet_for(now) >= QUIET
