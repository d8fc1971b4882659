"""``status``, ``wait``, ``logs``, ``events``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.cli import inspect as verbs
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.run import FAILURE, describe
from mainstay.ops.supervise.state import StateFolder

from .conftest import Ended, Supervisor, row, told

Mainstay = Callable[..., Ended]
BROKEN = row(
    "orders.web.1",
    state="crash-loop",
    pid=None,
    restarts=5,
    detail="exit code 1\nand more",
    log=["Traceback", "KeyError: '[bold]x[/bold]'"],
)

# --- status ---------------------------------------------------------------------------------


def test_status_shows_each_process_and_ends_with_0_when_all_is_ready(
    mainstay: Mainstay, supervisor: Supervisor
) -> None:
    supervisor.answers["status"] = told(row("postgres.1", role="primary"), row("catalog.web.1"))
    shown = mainstay("status")
    assert shown.code == 0
    head, columns, first, second = shown.out.splitlines()
    assert head == "shop  running  http://127.0.0.1:8000  durability synchronous  100 MB"
    assert columns.split() == ["process", "state", "address", "pid", "restarts", "memory", "for"]
    assert first.split()[:5] == ["postgres.1", "ready", "primary", "127.0.0.1:21000", "4242"]
    assert second.split()[:2] == ["catalog.web.1", "ready"]


def test_status_ends_with_1_when_something_is_not_ready_and_quotes_it(
    mainstay: Mainstay, supervisor: Supervisor
) -> None:
    supervisor.answers["status"] = told(row("catalog.web.1"), BROKEN)
    shown = mainstay("status")
    assert shown.code == 1
    assert "exit code 1" in shown.out
    assert "and more" not in shown.out, "one row a process"
    assert "orders.web.1 │ KeyError: '[bold]x[/bold]'" in shown.out


def test_an_answer_of_a_dependency_that_is_not_of_now_has_its_age(
    mainstay: Mainstay, supervisor: Supervisor
) -> None:
    def lacks(age: int) -> dict[str, Any]:
        gone = {"role": "hard", "ok": False, "detail": "starting up", "age_ms": age, "took_ms": 1.0}
        return {"database:replica": gone}

    supervisor.answers["status"] = told(
        row("web.web.1", service="web", dependencies=lacks(3300)),
        row("web.web.2", service="web", dependencies=lacks(400)),
    )
    line = "web's database:replica is missing (hard): starting up; says web.web.1 (3 s ago), web.web.2"
    assert line in mainstay("status").out.splitlines()


def test_status_as_json_is_what_the_supervisor_told(mainstay: Mainstay, supervisor: Supervisor) -> None:
    supervisor.answers["status"] = told(row("catalog.web.1"), BROKEN)
    shown = mainstay("status", "--json")
    assert shown.code == 1
    assert shown.json == supervisor.answers["status"]
    assert {"system", "url", "durability", "processes"} <= set(shown.json)
    wanted = {"name", "service", "kind", "state", "pid", "address", "restarts", "since", "role"}
    assert wanted <= set(shown.json["processes"][0])


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_columns_that_do_not_fit_are_left_out_and_no_row_is_broken(
    mainstay: Mainstay, supervisor: Supervisor, width: int
) -> None:
    rows = [row(f"catalog.web.{number}") for number in range(1, 5)]
    supervisor.answers["status"] = told(*rows)
    lines = mainstay("status", width=width).out.splitlines()
    table = lines[-5:]
    assert table[0].startswith("process")
    assert all(line.startswith("catalog.web.") and "ready" in line for line in table[1:])
    assert all(len(line) <= width for line in table)
    assert ("memory" in table[0]) is (width >= 80)


@pytest.mark.parametrize(
    ("room", "ready", "code", "meaning"),
    [
        ("full", False, 1, "writes fail"),
        ("nearly-full", True, 0, "a database whose disk is full stops taking writes"),
    ],
)
def test_a_disk_without_room_is_told(
    mainstay: Mainstay, supervisor: Supervisor, room: str, ready: bool, code: int, meaning: str
) -> None:
    disk = {"state": room, "free": 3 * 2**20, "size": 512 * 2**20, "path": "/shop/[x].mainstay"}
    supervisor.answers["status"] = told(row("postgres.1"), ready=ready, disk=disk)
    shown = mainstay("status")
    assert shown.code == code
    assert f"disk {room}" in shown.out.splitlines()[0]
    assert shown.out.splitlines()[-1] == (
        f"disk {room}: 3 MB of 512 MB free under /shop/[x].mainstay; {meaning}"
    )


def test_wait_says_that_the_disk_is_full(mainstay: Mainstay, supervisor: Supervisor) -> None:
    disk = {"state": "full", "free": 0, "size": 2**30, "path": "/shop/.mainstay"}
    supervisor.answers["status"] = told(row("postgres.1"), ready=False, disk=disk)
    shown = mainstay("wait", "--timeout", "0.2")
    assert shown.code == 1
    assert "waiting for room on the disk under /shop/.mainstay, which is full" in shown.err


def test_without_a_terminal_there_are_no_control_sequences(
    mainstay: Mainstay, supervisor: Supervisor
) -> None:
    supervisor.answers["status"] = told(BROKEN, durability="degraded")
    assert "\x1b" not in mainstay("status").out


def test_a_system_that_does_not_run_is_said_why(mainstay: Mainstay, state: StateFolder) -> None:
    state.claim()
    state.save(FAILURE, describe(OperationFailed("port.busy", "127.0.0.1:8000 is in use")))
    state.release()
    shown = mainstay("status")
    assert shown.code == 1
    assert shown.err.splitlines()[:2] == [
        "system.not-running  the system is not running",
        "    the last start failed: port.busy  127.0.0.1:8000 is in use",
    ]


def test_a_system_that_does_not_run_is_said_to_not_run(mainstay: Mainstay) -> None:
    shown = mainstay("status")
    assert shown.code == 1
    assert "system.not-running" in shown.err
    assert "mainstay up" in shown.err
    assert shown.out == ""


def test_the_same_as_json(mainstay: Mainstay) -> None:
    shown = mainstay("status", "--json")
    assert shown.code == 1
    assert shown.json == {
        "error": {
            "id": "system.not-running",
            "what": "the system is not running",
            "hint": "`mainstay up` starts it",
            "details": [],
        },
        "exit_code": 1,
    }
    assert shown.err == ""


def test_a_wrong_file_is_exit_code_2_with_all_problems(mainstay: Mainstay, project: Any) -> None:
    (project / "mainstay.toml").write_text('[service.web]\nroot = "web"\nreplcas = 2\n[edge]\nprt = 1\n')
    shown = mainstay("status", "--json")
    assert shown.code == 2
    paths = {problem["path"] for problem in shown.json["error"]["problems"]}
    assert paths == {"service.web.replcas", "edge.prt"}


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h")]
)
def test_how_long_it_lasts_fits_a_column(monkeypatch: pytest.MonkeyPatch, seconds: int, shown: str) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return began + timedelta(seconds=seconds)

    monkeypatch.setattr(verbs, "datetime", Clock)
    assert verbs.lasting(began.isoformat()) == shown


# --- wait ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs.time, "sleep", lambda _: None)


def test_wait_returns_once_everything_is_ready(mainstay: Mainstay, supervisor: Supervisor) -> None:
    starting = told(row("catalog.web.1", state="starting"), phase="starting")
    supervisor.answers["status"] = [starting, starting, told(row("catalog.web.1"))]
    assert mainstay("wait").code == 0
    assert len(supervisor.asked) == 3


def test_wait_as_json_prints_the_status(mainstay: Mainstay, supervisor: Supervisor) -> None:
    supervisor.answers["status"] = told(row("catalog.web.1"))
    assert mainstay("wait", "--json").json == supervisor.answers["status"]


def test_wait_gives_up_in_time_and_says_for_whom(mainstay: Mainstay, supervisor: Supervisor) -> None:
    supervisor.answers["status"] = told(row("catalog.web.1"), row("orders.web.1", state="starting"))
    shown = mainstay("wait", "--timeout", "0.2")
    assert shown.code == 1
    assert "wait.time-out" in shown.err
    assert "waiting for orders.web.1" in shown.err


def test_wait_waits_for_durability_too(mainstay: Mainstay, supervisor: Supervisor) -> None:
    supervisor.answers["status"] = told(row("catalog.web.1"), durability="degraded", ready=False)
    assert "durability, which is degraded" in mainstay("wait", "--timeout", "0.2").err


def test_wait_tells_why_the_start_failed(mainstay: Mainstay, state: StateFolder) -> None:
    state.claim()
    failure = OperationFailed("process.not-ready", "orders.web.1 did not become ready", "", 1, ("KeyError",))
    state.save(FAILURE, describe(failure))
    state.release()
    shown = mainstay("wait")
    assert shown.code == 1
    assert "orders.web.1 did not become ready" in shown.err
    assert "KeyError" in shown.err


def test_a_reason_that_cannot_be_read_is_none(mainstay: Mainstay, state: StateFolder) -> None:
    state.claim()
    state.save(FAILURE, {"x": 1})
    state.release()
    shown = mainstay("wait")
    assert shown.code == 1
    assert "system.not-running" in shown.err


def test_wait_for_what_was_never_started_says_so(mainstay: Mainstay) -> None:
    shown = mainstay("wait")
    assert shown.code == 1
    assert "system.not-running" in shown.err


# --- logs ---------------------------------------------------------------------------------


@pytest.fixture
def logged(state: StateFolder) -> None:
    state.logs.mkdir(parents=True)
    state.log("catalog.web.1").write_text("one\n[red]two[/red]\n" + "x" * 300 + "\n")
    state.log("orders.worker.1").write_text("job done\n")


@pytest.mark.usefixtures("logged")
def test_logs_are_merged_by_time_and_each_line_says_whose_it_is(mainstay: Mainstay) -> None:
    shown = mainstay("logs", width=40)
    assert shown.code == 0
    assert shown.out.splitlines() == [
        "catalog.web.1   │ one",
        "catalog.web.1   │ [red]two[/red]",
        "catalog.web.1   │ " + "x" * 300,
        "orders.worker.1 │ job done",
    ]


@pytest.mark.usefixtures("logged")
def test_logs_of_one_service_from_its_last_lines_as_json(mainstay: Mainstay) -> None:
    shown = mainstay("logs", "catalog", "-n", "2", "--json")
    assert [json.loads(line) for line in shown.out.splitlines()] == [
        {"process": "catalog.web.1", "line": "[red]two[/red]"},
        {"process": "catalog.web.1", "line": "x" * 300},
    ]


def test_logs_into_a_pipe_are_short_if_asked(mainstay: Mainstay, state: StateFolder) -> None:
    state.logs.mkdir(parents=True)
    entry = {"time": "2026-11-22T13:52:39.509Z", "level": "info", "event": "ready", "replica": "orders.web.1"}
    state.log("orders.web.1").write_text(f"{json.dumps(entry)}\nplain\n")
    assert json.dumps(entry) in mainstay("logs").out
    first, second = mainstay("logs", "--short").out.splitlines()
    assert first.endswith(" info    ready")
    assert second == "orders.web.1 │ plain"
    assert json.loads(mainstay("logs", "--json").out.splitlines()[0]) == {
        "process": "orders.web.1",
        "entry": entry,
    }
    entry["exception"] = "Traceback\n  boom"
    state.log("orders.web.1").write_text(f"{json.dumps(entry)}\n")
    lines = mainstay("logs", "--short").out.splitlines()
    assert lines[1:] == ["orders.web.1 │ Traceback", "orders.web.1 │   boom"], "each is found by its name"
    refused = mainstay("logs", "--short", "--json")
    assert refused.code == 2
    assert json.loads(refused.out)["error"]["id"] == "logs.usage"


@pytest.mark.usefixtures("logged")
def test_logs_of_nobody_name_the_nearest(mainstay: Mainstay) -> None:
    shown = mainstay("logs", "orders.worker.2")
    assert shown.code == 2
    assert "logs.unknown-name" in shown.err
    assert "did you mean 'orders.worker.1'?" in shown.err


def test_logs_before_anything_ran_say_so(mainstay: Mainstay) -> None:
    for words in (("logs",), ("logs", "catalog")):
        shown = mainstay(*words)
        assert (shown.code, shown.out) == (1, "")
        assert "system.never-ran" in shown.err


# --- events -------------------------------------------------------------------------------


@pytest.fixture
def happened(state: StateFolder) -> None:
    state.path.mkdir()
    journal = Journal(state.events)
    journal.note("process.ended", "orders.web.1", "exit code 1\nand more", restarts=1)
    journal.note("process.crash-loop", "orders.web.1", "exit code 1", log=["a secret line"])
    journal.note("durability.degraded", "postgres.2", "standby lost [x]")


@pytest.mark.usefixtures("happened")
def test_events_are_told_with_their_reasons(mainstay: Mainstay) -> None:
    lines = mainstay("events").out.splitlines()
    assert len(lines) == 3
    assert lines[0][12:] == "  process.ended             orders.web.1  exit code 1  restarts=1"
    assert "a secret line" not in lines[1]
    assert lines[2].endswith("standby lost [x]")


@pytest.mark.usefixtures("happened")
def test_events_as_json_are_whole(mainstay: Mainstay) -> None:
    (line,) = mainstay("events", "-n", "1", "--json").out.splitlines()
    entry = json.loads(line)
    assert set(entry) == {"time", "event", "subject", "why"}
    assert entry["subject"] == "postgres.2"


@pytest.mark.usefixtures("happened")
@pytest.mark.parametrize(
    "line",
    ['{"time": "bad", "event": "a", "subject": "b", "why": ""}', '{"time": 3, "event": 4}', "[" * 5000],
)
def test_a_line_that_is_no_event_is_passed_over(mainstay: Mainstay, state: StateFolder, line: str) -> None:
    with state.events.open("a") as stream:
        stream.write(f"{line}\n")
    assert len(mainstay("events").out.splitlines()) == 3


def test_events_before_anything_ran_say_so(mainstay: Mainstay) -> None:
    shown = mainstay("events")
    assert (shown.code, shown.out) == (1, "")
    assert "system.never-ran" in shown.err
