"""The three questions a supervisor asks, and their answers as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mainstay.base import environment, wire
from mainstay.health.dependencies import WATCH, Observation, Watch
from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.health.pools import PoolWatch, find_pools
from mainstay.health.progress import PROGRESS, Progress

_pools = PoolWatch()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one probe; ``status`` is a word for people and a key for programs."""

    ok: bool
    status: str
    dependencies: Mapping[str, Observation] = field(default_factory=dict)
    """How they were when last asked; they have no say in ``ok``."""

    @property
    def code(self) -> int:
        return 200 if self.ok else 503

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "status": self.status,
            "kind": environment.text(wire.KIND, "web"),
            "release": environment.text(wire.RELEASE),
            "replica": environment.text(wire.REPLICA),
        }
        if self.dependencies:
            told["dependencies"] = {name: each.as_json() for name, each in self.dependencies.items()}
        return told


def liveness() -> Answer:
    """Alive is whatever can answer this."""
    return Answer(True, "live")


def startup(process: Lifecycle = PROCESS) -> Answer:
    return Answer(True, "started") if process.started else Answer(False, "starting")


def readiness(
    process: Lifecycle = PROCESS,
    pools: PoolWatch = _pools,
    watch: Watch = WATCH,
    progress: Progress | None = None,
) -> Answer:
    """
    Ready means started, not draining, own pools not wedged, and getting on with its work.

    A shared dependency has no say; how it was when last asked stands beside the answer. Progress is
    asked of processes that answer no requests (`work`), whose work nobody would miss otherwise.
    """
    dependencies = watch.observe()
    if not process.started:
        return Answer(False, "starting", dependencies)
    if process.draining:
        return Answer(False, "draining", dependencies)
    if wedged := pools.wedged(find_pools()):
        return Answer(False, f"pool wedged: {', '.join(wedged)}", dependencies)
    if progress is not None and (idle := progress.stalled()):
        return Answer(False, f"no progress for {idle:.0f} s", dependencies)
    return Answer(True, "ready", dependencies)


def work() -> Answer:
    """The readiness of a worker, a relay or whatever else is no web server."""
    return readiness(progress=PROGRESS)
