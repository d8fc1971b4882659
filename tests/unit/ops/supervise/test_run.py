"""Why a start failed is kept, so that whoever waits for it learns the same as whoever started it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.base.errors import InvalidInput, OperationFailed, Problem
from mainstay.ops.supervise.run import FAILURE, describe, last_failure
from mainstay.ops.supervise.state import StateFolder


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
