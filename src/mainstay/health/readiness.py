"""The three questions a supervisor asks, and their answers as values."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base import environment, wire
from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.health.pools import PoolWatch, find_pools

_watch = PoolWatch()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one probe; ``status`` is a word for people and a key for programs."""

    ok: bool
    status: str

    @property
    def code(self) -> int:
        return 200 if self.ok else 503

    def as_json(self) -> dict[str, str]:
        return {
            "status": self.status,
            "kind": environment.text(wire.KIND, "web"),
            "release": environment.text(wire.RELEASE),
            "replica": environment.text(wire.REPLICA),
        }


def liveness() -> Answer:
    """Alive is whatever can answer this."""
    return Answer(True, "live")


def startup(process: Lifecycle = PROCESS) -> Answer:
    return Answer(True, "started") if process.started else Answer(False, "starting")


def readiness(process: Lifecycle = PROCESS, watch: PoolWatch = _watch) -> Answer:
    """Ready means started, not draining, own pools not wedged; a shared dependency has no say."""
    if not process.started:
        return Answer(False, "starting")
    if process.draining:
        return Answer(False, "draining")
    if wedged := watch.wedged(find_pools()):
        return Answer(False, f"pool wedged: {', '.join(wedged)}")
    return Answer(True, "ready")
