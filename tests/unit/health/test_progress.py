"""A worker that stops making progress is not ready; one that works is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.backends.signals import connection_created
from django.db.utils import ConnectionHandler, OperationalError
from django.dispatch import Signal

from mainstay.health import progress
from mainstay.health.builtin import database_check
from mainstay.health.dependencies import Dependency, Watch
from mainstay.health.lifecycle import Lifecycle
from mainstay.health.progress import PROGRESS, Progress
from mainstay.health.readiness import readiness


@pytest.fixture
def followed(
    monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any, tmp_path: Path
) -> Iterator[ConnectionHandler]:
    """Connections of a process that follows its statements, and that has made no progress yet."""
    # A file: Django closes none in memory, not even that of a thread which has ended.
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    handler = ConnectionHandler({"default": database})
    monkeypatch.setattr("django.db.connections", handler)
    monkeypatch.setattr(PROGRESS, "latest", 0.0)
    progress.follow_statements()
    with django_db_blocker.unblock():
        yield handler
        if handler["default"].connection is not None:
            handler["default"].connection.close()
    connection_created.disconnect(dispatch_uid="mainstay.health.progress")


def run(handler: ConnectionHandler, sql: str) -> None:
    with handler["default"].cursor() as cursor:
        cursor.execute(sql)


def test_whoever_made_no_progress_for_too_long_is_stalled() -> None:
    progress = Progress(within=60.0, latest=100.0)
    assert progress.stalled(159.0) == 0.0
    assert progress.stalled(175.0) == 75.0
    progress.beat()
    assert progress.stalled() == 0.0


def test_a_stalled_worker_is_not_ready_and_a_web_server_is_never_asked() -> None:
    process = Lifecycle()
    process.start()
    progress = Progress(within=0.0, latest=0.0)
    answer = readiness(process, watch=Watch(), progress=progress)
    assert not answer.ok
    assert answer.status.startswith("no progress for")
    assert readiness(process, watch=Watch()).ok


def test_a_finished_statement_is_progress_and_one_that_fails_is_none(followed: ConnectionHandler) -> None:
    with pytest.raises(OperationalError):
        run(followed, "SELECT nonsense")
    assert PROGRESS.latest == 0.0
    run(followed, "SELECT 1")
    assert PROGRESS.latest > 0.0


def test_a_stuck_worker_whose_database_is_well_is_still_stuck(followed: ConnectionHandler) -> None:
    """The question whether the database answers is asked in the worker itself, every five seconds."""
    watch = Watch()
    watch.add(Dependency("database:default", database_check("default"), limit=30.0))
    until = time.monotonic() + 30
    while watch.observe()["database:default"].ok is None:
        assert time.monotonic() < until
        time.sleep(0.005)
    assert watch.observe()["database:default"].ok
    assert PROGRESS.latest == 0.0


def test_a_heartbeat_of_celery_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to arrive every two seconds with Celery 5.7, which is no dependency of the tests."""
    signals = SimpleNamespace(heartbeat_sent=Signal())
    monkeypatch.setitem(sys.modules, "celery.signals", signals)
    progress.follow_celery()
    progress.follow_celery()
    monkeypatch.setattr(PROGRESS, "latest", 0.0)
    signals.heartbeat_sent.send(sender=None)
    assert PROGRESS.latest > 0.0
    assert len(signals.heartbeat_sent.receivers) == 1


def test_a_connection_that_is_made_again_is_followed_once(followed: ConnectionHandler) -> None:
    run(followed, "SELECT 1")
    connection_created.send(sender=None, connection=followed["default"])
    assert followed["default"].execute_wrappers.count(progress._count) == 1
