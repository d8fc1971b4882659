"""A worker that stops making progress is not ready; one that works is."""

from __future__ import annotations

from mainstay.health.dependencies import Watch
from mainstay.health.lifecycle import Lifecycle
from mainstay.health.progress import Progress
from mainstay.health.readiness import readiness


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
