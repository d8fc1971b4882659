from __future__ import annotations

from typing import Any

import pytest

from mainstay.ops.engines.postgres import replication
from mainstay.ops.engines.postgres.replication import Standby, Status, Waiting


class FakeSession:
    """Answers with what a test put in; remembers whom it was told to end."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, ...]] = []
        self.ended: list[object] = []

    async def rows(self, statement: str, parameters: tuple[object, ...] = (), *, within: float) -> list[Any]:
        if statement == replication.TERMINATE:
            self.ended.extend(parameters)
            return []
        return self.waiting


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr(replication.time, "monotonic", lambda: clock[0])
    return clock


async def test_only_commits_that_still_wait_after_the_limit_are_ended(now: list[float]) -> None:
    session, waiting = FakeSession(), Waiting()
    session.waiting = [(1, "10:00"), (2, "10:00")]
    assert await waiting.terminate(session, 1.0) == 0  # type: ignore[arg-type]
    now[0] += 1.5
    session.waiting = [(1, "10:00"), (2, "10:01")]
    assert await waiting.terminate(session, 1.0) == 1  # type: ignore[arg-type]
    assert session.ended == [1]


async def test_a_commit_that_went_through_is_forgotten(now: list[float]) -> None:
    session, waiting = FakeSession(), Waiting()
    session.waiting = [(1, "10:00")]
    await waiting.terminate(session, 1.0)  # type: ignore[arg-type]
    session.waiting = []
    await waiting.terminate(session, 1.0)  # type: ignore[arg-type]
    now[0] += 5
    session.waiting = [(1, "10:00")]
    assert await waiting.terminate(session, 1.0) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "sync_state", "synchronous"),
    [
        ("streaming", "sync", True),
        ("streaming", "quorum", True),
        ("streaming", "async", False),
        ("streaming", "potential", False),
        ("catchup", "sync", False),
    ],
)
def test_only_a_streaming_node_that_commits_wait_for_is_synchronous(
    state: str, sync_state: str, synchronous: bool
) -> None:
    standby = Standby("postgres.2", state, sync_state, 0)
    assert standby.synchronous is synchronous
    assert Status(False, 1, 0, (standby,)).standby("postgres.2") is standby
    assert Status(False, 1, 0, (standby,)).standby("postgres.3") is None
