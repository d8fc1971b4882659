"""What only the inside knows: processes that ended or stopped being ready, and requests that arrived twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.prove.inside import arrived, repeated_writes, seen, supervised
from tests.unit.ops.prove.runs import Run

BEGAN = datetime(2026, 1, 1, 10, tzinfo=UTC)


def told(*events: tuple[float, str, str]) -> dict[str, float]:
    """Of a minute in which these happened: seconds, event, subject."""
    noted = [
        {"time": (BEGAN + timedelta(seconds=after)).isoformat(), "event": event, "subject": subject}
        for after, event, subject in events
    ]
    return supervised(noted, {"web", "orders"}, BEGAN.timestamp(), BEGAN.timestamp() + 60.0)


def test_a_quiet_time_has_no_restarts() -> None:
    assert told((1, "engine.found", "postgres"), (2, "process.ready", "web.web.1")) == {
        "restarts": 0.0,
        "left-ready": 0.0,
    }


def test_without_any_word_of_the_supervisor_nothing_is_claimed() -> None:
    assert told() == {}


def test_a_process_that_ended_and_came_back_is_a_restart_and_did_not_leave_ready() -> None:
    found = told(
        (1, "process.ended", "web.web.1"),
        (2, "process.starting", "web.web.1"),
        (3, "process.started", "web.web.1"),
        (4, "process.ready", "web.web.1"),
    )
    assert found == {"restarts": 1.0, "left-ready": 0.0}


def test_a_process_that_ended_and_is_not_back_yet_is_only_a_restart() -> None:
    found = told((58, "process.ended", "web.web.1"), (59, "process.starting", "web.web.1"))
    assert found == {"restarts": 1.0, "left-ready": 0.0}


@pytest.mark.parametrize("after", ["process.ready", "process.ended", ""])
def test_a_process_that_runs_and_is_not_ready_any_more_left_ready(after: str) -> None:
    later = [(2.0, after, "web.web.1")] if after else []
    assert told((1.0, "process.not-ready", "web.web.1"), *later)["left-ready"] == 1.0


def test_one_that_crashes_again_and_again_does_not_hide_that_another_left_ready() -> None:
    found = told(
        (1, "process.ended", "orders.web.1"),
        (2, "process.started", "orders.web.1"),
        (3, "process.ended", "orders.web.1"),
        (4, "process.started", "orders.web.1"),
        (5, "process.not-ready", "web.web.2"),
        (6, "process.ready", "web.web.2"),
    )
    assert found == {"restarts": 2.0, "left-ready": 1.0}


def test_a_planned_restart_is_neither() -> None:
    found = told((1, "process.starting", "web.web.1"), (2, "process.started", "web.web.1"))
    assert found == {"restarts": 0.0, "left-ready": 0.0}


def test_engines_and_other_times_are_not_counted() -> None:
    found = told(
        (-1, "process.ended", "web.web.1"),
        (1, "process.ended", "postgres.1"),
        (2, "process.not-ready", "postgres.1"),
        (3, "process.ended", "webshop.web.1"),
        (4, "process.ended", "orders.worker.1"),
        (61, "process.ended", "web.web.1"),
    )
    assert found == {"restarts": 0.0, "left-ready": 0.0}


# --- requests that arrived twice -----------------------------------------------------------------


def access(identifier: str, path: str = "/api/holds/") -> str:
    return json.dumps({"logger": "mainstay.access", "request_id": identifier, "path": path}) + "\n"


def sent(*operations: tuple[str, str, str]) -> Run:
    """A run with these operations: kind, name, request id."""
    run = Run()
    for number, (kind, name, identifier) in enumerate(operations):
        run.operation(number, kind=kind, request_id=identifier)  # type: ignore[arg-type]
        run.history.operations[-1].name = name
    return run


ONE_WRITE = ("write", "POST /api/holds/", "a")


def repeated(run: Run, logs: Path, **files: str) -> dict[str, float]:
    for name, text in files.items():
        (logs / f"{name.replace('_', '.')}.log").write_text(text)
    return repeated_writes(run.history, seen(run.history, logs))


def test_a_write_that_reached_two_processes_is_counted(tmp_path: Path) -> None:
    run = sent(ONE_WRITE, ("write", "POST /api/holds/", "b"))
    logs = {"web_web_1": access("a") + access("b"), "web_web_2": "no JSON at all\n" + access("a")}
    assert repeated(run, tmp_path, **logs) == {"repeated.write": 1.0}


def test_writes_that_arrived_once_are_none(tmp_path: Path) -> None:
    assert repeated(sent(ONE_WRITE), tmp_path, web_web_1=access("a")) == {"repeated.write": 0.0}


def test_what_one_service_asks_another_under_the_same_id_is_no_repetition(tmp_path: Path) -> None:
    logs = {"web_web_1": access("a"), "pay_web_1": access("a", "/charges/")}
    assert repeated(sent(ONE_WRITE), tmp_path, **logs) == {"repeated.write": 0.0}


@pytest.mark.parametrize(
    "operation",
    [
        ("keyed", "POST /api/holds/", "a"),
        ("get", "GET /api/holds/", "a"),
        ("write", "DELETE /api/holds/{}/", "a"),
        ("write", "POST /api/holds/", ""),
    ],
)
def test_what_may_be_repeated_is_not_looked_at(tmp_path: Path, operation: tuple[str, str, str]) -> None:
    assert repeated(sent(operation), tmp_path, web_web_1=access("a") * 2) == {}


def test_nothing_is_claimed_where_no_process_wrote_of_it(tmp_path: Path) -> None:
    assert repeated(sent(ONE_WRITE), tmp_path, web_web_1=access("z"), web_worker_1=access("a")) == {}
    assert repeated(sent(ONE_WRITE), tmp_path / "missing") == {}


def test_what_was_rotated_is_counted_too(tmp_path: Path) -> None:
    (tmp_path / "web.web.1.log.1").write_text(access("a"))
    assert repeated(sent(ONE_WRITE), tmp_path, web_web_1=access("z")) == {"repeated.write": 0.0}
    assert repeated(sent(ONE_WRITE), tmp_path, web_web_2=access("a")) == {"repeated.write": 1.0}


def test_a_line_that_is_torn_is_left_out(tmp_path: Path) -> None:
    torn: dict[str, Any] = {"web_web_1": access("a") + access("a")[:-9]}
    assert repeated(sent(ONE_WRITE), tmp_path, **torn) == {"repeated.write": 0.0}


# --- how often requests arrived ------------------------------------------------------------------


def test_requests_at_the_processes_are_those_of_the_load_with_all_that_they_caused(tmp_path: Path) -> None:
    """Repeats of the edge and calls between services, but not what a journey asked before and after the load."""
    run = sent(("get", "GET /", "a"), ("keyed", "POST /", "b"), ("get", "GET /", "c"), ("get", "GET /", "d"))
    for unanswered in run.history.operations[1:3]:
        unanswered.status = 0
    run.operation(32, request_id="final")
    (tmp_path / "web.web.1.log").write_text(access("a", "/") + access("b") + access("final") + access("else"))
    (tmp_path / "web.web.2.log").write_text(access("a", "/"))
    (tmp_path / "pay.web.1.log").write_text(access("b", "/charges/"))
    found = arrived(run.history, seen(run.history, tmp_path))
    assert found == {"backend.requests": 4.0, "backend.untold": 1.0}


def test_a_request_without_an_answer_that_is_in_a_log_is_told(tmp_path: Path) -> None:
    run = sent(ONE_WRITE)
    run.history.operations[0].status = 0
    logs = {"web_web_1": access("a"), "web_web_2": access("a")}
    assert repeated(run, tmp_path, **logs) == {"repeated.write": 1.0}
    assert arrived(run.history, seen(run.history, tmp_path))["backend.untold"] == 0.0


def test_without_access_lines_nobody_counted(tmp_path: Path) -> None:
    run = sent(("get", "GET /", "a"))
    assert arrived(run.history, seen(run.history, tmp_path)) == {}
