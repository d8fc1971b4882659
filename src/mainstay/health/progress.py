"""
Whether a process that nobody asks anything gets on with its work.

A worker, a relay or a beat is alive long after it has stopped doing anything. Each finished database statement
of its own, each heartbeat of Celery and each `beat` counts as progress; what a probe or a scrape asks the
database does not, since that goes on however stuck the work is. What has made none for a while is not ready; it
is not killed for that, because a long task may be the reason.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from mainstay.observability.asking import is_onlooker

WITHIN = 60.0
"""Seconds without progress after which a process is not ready; workers poll about once a second."""


@dataclass
class Progress:
    """The latest sign of work. Written by any thread, read by the probe."""

    within: float = WITHIN
    latest: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        self.latest = time.monotonic()

    def stalled(self, now: float | None = None) -> float:
        """Seconds without progress, when that is longer than it may be; else 0."""
        idle = (time.monotonic() if now is None else now) - self.latest
        return idle if idle > self.within else 0.0


PROGRESS = Progress()
"""Of this process."""


def beat() -> None:
    """Say that this process got on; call it in a loop that neither ends nor asks the database anything."""
    PROGRESS.beat()


def follow_statements() -> None:
    """Let every finished database statement of this process count as progress, but for those of who `only_look`."""
    from django.db.backends.signals import connection_created

    connection_created.connect(_wrap, dispatch_uid="mainstay.health.progress")


def follow_celery() -> None:
    """
    Let each heartbeat of a Celery worker count: one that waits for its broker has nothing to ask a database.

    The heartbeat leaves the loop that also takes tasks, every two seconds, unless the worker was started with
    ``--without-heartbeat``. Celery imports its signals before Django is set up; without it this does nothing.
    """
    heartbeat = getattr(sys.modules.get("celery.signals"), "heartbeat_sent", None)
    if heartbeat is not None:
        heartbeat.connect(_on_heartbeat, weak=False, dispatch_uid="mainstay.health.progress")


def _on_heartbeat(**_: object) -> None:
    PROGRESS.beat()


def _wrap(sender: object, connection: object, **_: object) -> None:
    wrappers = connection.execute_wrappers  # type: ignore[attr-defined]
    if _count not in wrappers:
        wrappers.append(_count)


def _count(execute, sql, params, many, context):  # type: ignore[no-untyped-def]  # as Django calls it
    result = execute(sql, params, many, context)
    if not is_onlooker():
        PROGRESS.beat()
    return result
