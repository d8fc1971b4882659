"""Rounds that go on whatever happens in one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.ops.supervise import housekeeping as module
from mainstay.ops.supervise import leftovers
from mainstay.ops.supervise.housekeeping import Housekeeping
from mainstay.ops.supervise.state import StateFolder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / ".mainstay", "shop")


async def test_a_round_that_fails_is_told_and_the_next_one_comes(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)
    rounds = iter((ValueError("once"), None))
    told: list[Exception] = []
    over = asyncio.Event()

    async def also() -> None:
        error = next(rounds, None)
        if error is not None:
            raise error
        over.set()

    keeping = asyncio.create_task(Housekeeping(state, list).run(also, told.append))
    async with asyncio.timeout(5.0):
        await over.wait()
    keeping.cancel()
    assert [str(error) for error in told] == ["once"]


def test_the_processes_that_run_are_remembered(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: list[Any] = []
    monkeypatch.setattr(leftovers, "remember", lambda _, running: remembered.append(running))
    processes: list[Any] = [
        SimpleNamespace(name="web.web.1", child=SimpleNamespace(pid=7, started=70, alive=True)),
        SimpleNamespace(name="web.web.2", child=SimpleNamespace(pid=8, started=80, alive=False)),
        SimpleNamespace(name="web.web.3", child=None),
    ]
    Housekeeping(state, lambda: processes).remember_pids()
    assert remembered == [{"web.web.1": (7, 70)}]
