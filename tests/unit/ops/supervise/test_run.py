"""
Why a start failed is kept, so that whoever waits for it learns the same as whoever started it; and that
whoever asks early for an end is heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput, OperationFailed, Problem
from mainstay.ops.supervise import run as module
from mainstay.ops.supervise.run import FAILURE, describe, last_failure
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.topology.values import Topology


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path, "shop")


def test_a_failure_comes_back_as_it_was(state: StateFolder) -> None:
    failure = OperationFailed(
        "process.not-ready", "catalog.web.1 …", "mainstay logs", 1, ("line 1", "line 2")
    )
    state.save(FAILURE, describe(failure))
    assert last_failure(state) == failure


def test_without_one_there_is_none(state: StateFolder) -> None:
    assert last_failure(state) is None
    state.save(FAILURE, {})
    assert last_failure(state) is None


def test_a_wrong_file_is_told_with_all_its_problems(state: StateFolder) -> None:
    problems = [Problem("topology.unknown-key", "mainstay.toml", key, "a key", "x") for key in ("a", "b")]
    state.save(FAILURE, describe(InvalidInput(problems)))
    failure = last_failure(state)
    assert failure is not None
    assert failure.id == "topology.unknown-key"
    assert [line for line in failure.details if "mainstay.toml: b" in line]


def test_an_error_of_the_machine_has_an_id_too(state: StateFolder) -> None:
    state.save(FAILURE, describe(OSError(24, "Too many open files")))
    failure = last_failure(state)
    assert failure is not None
    assert (failure.id, failure.exit_code) == ("supervisor.error", 2)
    assert "Too many open files" in failure.what


class NeverUp:
    """A system whose start takes for ever."""

    def __init__(self, *_: Any) -> None:
        self.wanted_down = asyncio.Event()

    async def start(self) -> None:
        await asyncio.sleep(3600)

    async def stop(self, reason: str) -> None:
        stopped.append(reason)


stopped: list[str] = []


def test_ctrl_c_before_anybody_listens_is_heard(
    topology: Topology, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Python would raise it wherever it is, and where that is ignored the system would start all the same."""
    stopped.clear()
    claim: Callable[[StateFolder], None] = StateFolder.claim

    def claim_and_be_told(state: StateFolder) -> None:
        with contextlib.suppress(KeyboardInterrupt):  # as in a callback of the import system
            os.kill(os.getpid(), signal.SIGINT)
        claim(state)

    async def nobody() -> None:
        return

    monkeypatch.setattr(StateFolder, "claim", claim_and_be_told)
    folder = StateFolder(tmp_path / ".mainstay", "shop")
    monkeypatch.setattr(module, "state_folder", lambda _: folder)
    monkeypatch.setattr(module, "System", NeverUp)
    monkeypatch.setattr(module, "end_adopted", nobody)
    before = signal.getsignal(signal.SIGINT)
    module.run(topology, lambda system: contextlib.nullcontext())
    folder.release()
    assert stopped == ["received SIGINT"]
    assert signal.getsignal(signal.SIGINT) is before
