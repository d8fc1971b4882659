from __future__ import annotations

from mainstay.health.lifecycle import Lifecycle
from mainstay.health.pools import PoolWatch
from mainstay.health.readiness import readiness, startup


class Pool:
    def __init__(self, **stats: int) -> None:
        self.stats = stats

    def get_stats(self) -> dict[str, int]:
        return self.stats


def test_ready_means_started_and_not_draining() -> None:
    process = Lifecycle()
    assert (readiness(process).code, startup(process).code) == (503, 503)
    process.start()
    assert (readiness(process).code, startup(process).code) == (200, 200)
    process.drain()
    assert (readiness(process).status, readiness(process).code) == ("draining", 503)
    assert startup(process).code == 200


def test_start_and_drain_happen_once() -> None:
    process = Lifecycle()
    process.start()
    process.drain()
    first = (process.started_at, process.draining_since)
    process.start()
    process.drain()
    assert (process.started_at, process.draining_since) == first


def test_pool_without_progress_is_wedged_after_a_while() -> None:
    stuck = Pool(requests_waiting=2, pool_available=0, usage_ms=10)
    watch = PoolWatch(patience=30)
    assert watch.wedged({"default": stuck}, now=0) == []
    assert watch.wedged({"default": stuck}, now=29) == []
    assert watch.wedged({"default": stuck}, now=30) == ["default"]
    stuck.stats["usage_ms"] = 11
    assert watch.wedged({"default": stuck}, now=31) == []


def test_unreachable_server_is_no_wedge() -> None:
    """A shared dependency must not take the fleet out of rotation."""
    watch = PoolWatch(patience=30)
    for now in range(0, 100, 10):
        pool = Pool(requests_waiting=2, pool_available=0, usage_ms=10, connections_errors=now)
        assert watch.wedged({"default": pool}, now=now) == []


def test_wedged_pool_ends_readiness() -> None:
    process, watch = Lifecycle(), PoolWatch(patience=0)
    process.start()
    assert readiness(process, watch).ok
