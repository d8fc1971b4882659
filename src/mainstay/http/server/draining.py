"""
How a process leaves: when it may stop listening, and what happens when time runs out.

The supervisor takes a replica out of rotation before it sends SIGTERM, so usually
nothing arrives any more. What still does is served until it has been quiet for a
moment, within an upper limit, so that a busy client cannot keep the process alive.
"""

from __future__ import annotations

import logging
import os
import threading

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
    Enter the drain and set its end.

    The end needs a thread of its own: a view that blocks cannot be cancelled, and
    Python waits for its thread for ever. Repeating this, by a second signal, cuts at once.
    """
    if process.draining:
        cut(process)
    process.drain()
    _logger.info("draining", extra={"in_flight": process.in_flight})
    watchdog = threading.Timer(drain_timeout + GRACE, cut, [process])
    watchdog.daemon = True
    watchdog.start()


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
