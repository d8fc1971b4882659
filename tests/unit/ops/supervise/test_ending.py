"""What a supervisor left behind tells why the system is down."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise.ending import why_down
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.run import FAILURE, describe
from mainstay.ops.supervise.state import StateFolder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    state = StateFolder(tmp_path / ".mainstay", "shop")
    state.claim()
    state.release()
    return state


@pytest.fixture
def noted(state: StateFolder) -> Journal:
    return Journal(state.events)


def test_of_a_system_that_never_ran_nothing_is_said(state: StateFolder) -> None:
    assert why_down(state) == ()


def test_the_error_of_the_last_start_is_told(state: StateFolder, noted: Journal) -> None:
    noted.note("system.starting", "shop")
    state.save(
        FAILURE, describe(OperationFailed("port.busy", "127.0.0.1:8000 is in use", details=("by nginx",)))
    )
    noted.note("system.stopped", "shop", "the start failed")
    assert why_down(state) == ("the last start failed: port.busy  127.0.0.1:8000 is in use", "by nginx")


def test_a_planned_stop_is_told_with_its_reason(state: StateFolder, noted: Journal) -> None:
    noted.note("system.running", "shop")
    entry = noted.note("system.stopped", "shop", "mainstay down")
    moment = datetime.fromisoformat(entry.time).astimezone()
    assert why_down(state) == (f"it was stopped at {moment:%Y-%m-%d %H:%M:%S}: mainstay down",)


def test_a_supervisor_that_was_killed_is_told_with_its_last_sign_of_life(
    state: StateFolder, noted: Journal
) -> None:
    noted.note("system.stopped", "shop", "an earlier run")
    noted.note("system.running", "shop")
    noted.note("process.ready", "web.web.1")
    with state.events.open("a") as stream:
        stream.write('{"time": "2026-01-01T10:00:00Z", "event": "system.sto')
    (state.path / "pids.json").write_text("{}")
    os.utime(state.path / "pids.json", (1_700_000_000, 1_700_000_000))
    moment = datetime.fromtimestamp(1_700_000_000).astimezone()
    assert why_down(state) == (
        f"the supervisor ended without taking leave, at about {moment:%Y-%m-%d %H:%M:%S}",
    )


def test_without_that_record_its_last_word_stands_for_it(state: StateFolder, noted: Journal) -> None:
    entry = noted.note("system.starting", "shop")
    moment = datetime.fromisoformat(entry.time).astimezone()
    assert why_down(state)[0].endswith(f"{moment:%Y-%m-%d %H:%M:%S}")
