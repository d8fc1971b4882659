"""``up`` and ``down`` as far as they ask others; what they start is tried in the integration tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.cli import up as verbs
from mainstay.cli.live import farewell
from mainstay.ops.supervise import proc
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.run import FAILURE, describe
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.system import System
from mainstay.ops.topology import load

from .conftest import Ended, Supervisor, row, told

Mainstay = Callable[..., Ended]


# --- down --------------------------------------------------------------------------------


def test_down_asks_and_waits_until_the_supervisor_has_ended(
    mainstay: Mainstay, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = [True, True, False]
    monkeypatch.setattr(proc, "start_time", lambda pid: 7)
    monkeypatch.setattr(proc, "alive", lambda pid, started: (pid, started) == (4242, 7) and alive.pop(0))
    supervisor.answers["down"] = {"pid": 4242}
    shown = mainstay("down", "--json")
    assert shown.code == 0
    assert shown.json == {"system": "shop", "stopped": True, "removed": None}
    assert alive == []


def test_down_of_what_does_not_run_is_done_already(mainstay: Mainstay) -> None:
    shown = mainstay("down")
    assert (shown.code, shown.out) == (0, "shop was not running\n")


def test_a_supervisor_that_goes_on_stopping_is_told_of(
    mainstay: Mainstay, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "DOWN_PATIENCE", 0.0)
    monkeypatch.setattr(proc, "alive", lambda pid, started: True)
    supervisor.answers["down"] = {"pid": 4242}
    shown = mainstay("down")
    assert shown.code == 2
    assert "down.too-slow" in shown.err
    assert "4242" in shown.err


@pytest.fixture
def kept(state: StateFolder) -> StateFolder:
    (state.node("postgres.1") / "data").mkdir(parents=True)
    return state


def test_data_is_kept_unless_asked_for(mainstay: Mainstay, kept: StateFolder) -> None:
    assert mainstay("down").code == 0
    assert kept.node("postgres.1").exists()


def test_volumes_are_named_before_they_go(
    mainstay: Mainstay, kept: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs.typer, "confirm", lambda *_, **__: False)
    shown = mainstay("down", "--volumes")
    assert shown.code == 2
    assert f"This deletes {kept.path}:" in shown.out
    assert "postgres.1" in shown.out
    assert "down.not-confirmed" in shown.err
    assert kept.node("postgres.1").exists()


def test_volumes_go_once_confirmed(mainstay: Mainstay, kept: StateFolder) -> None:
    shown = mainstay("down", "--volumes", "--yes", "--json")
    assert shown.json == {"system": "shop", "stopped": False, "removed": str(kept.path)}
    assert not kept.path.exists()


# --- up ---------------------------------------------------------------------------------------


class Started:
    """A supervisor process that has just been started."""

    pid = 4242

    def __init__(self, code: int | None) -> None:
        self.returncode = code

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """What happens when `up --detach` starts the supervisor."""

    def arrange(then: Callable[[], int | None]) -> list[list[str]]:
        commands: list[list[str]] = []

        def start(command: list[str], **_: Any) -> Started:
            commands.append(command)
            return Started(then())

        monkeypatch.setattr(subprocess, "Popen", start)
        return commands

    return arrange


@pytest.fixture
def answering(state: StateFolder, starting: Callable[..., Any]) -> Iterator[list[list[str]]]:
    """The supervisor answers as soon as it is started; the commands that start it."""
    begun: list[Supervisor] = []

    def answer() -> None:
        begun.append(Supervisor(state))
        begun[0].open()
        begun[0].answers["status"] = told(row("web.web.1", state="starting"), phase="starting")

    yield starting(answer)
    begun[0].close()


def test_detached_it_returns_once_the_supervisor_answers(
    mainstay: Mainstay, state: StateFolder, answering: list[list[str]], project: Path
) -> None:
    shown = mainstay("up", "--detach", "--json")
    assert (shown.code, shown.json) == (0, {"system": "shop", "pid": 4242})
    assert answering[0][1:] == [
        "-m",
        "mainstay.cli",
        "--file",
        str(project / "mainstay.toml"),
        "up",
        "--background",
    ]
    assert state.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("answering")
def test_detached_it_says_how_to_wait_for_this_system(mainstay: Mainstay, project: Path) -> None:
    shown = mainstay("--file", str(project), "up", "--detach")
    assert shown.out == (
        f"shop is starting (supervisor pid 4242); `mainstay --file {project} wait` waits for it\n"
    )


def test_detached_it_tells_why_the_start_failed(
    mainstay: Mainstay, state: StateFolder, starting: Callable[..., Any]
) -> None:
    def fail() -> int:
        state.save(FAILURE, describe(OperationFailed("port.busy", "127.0.0.1:8000 is in use", "stop it")))
        return 2

    starting(fail)
    shown = mainstay("up", "--detach", "--json")
    assert shown.code == 2
    assert shown.json["error"]["id"] == "port.busy"


def test_an_earlier_failure_does_not_pass_for_this_ones(
    mainstay: Mainstay, state: StateFolder, starting: Callable[..., Any]
) -> None:
    state.claim()
    state.save(FAILURE, describe(OperationFailed("port.busy", "long ago")))
    state.release()

    state.log("supervisor").write_text("Traceback of the run before\n")

    def end() -> int:
        with state.log("supervisor").open("a") as log:
            log.write("Killed\n")
        return 137

    starting(end)
    shown = mainstay("up", "--detach")
    assert "up.supervisor-ended" in shown.err
    assert "Killed" in shown.err
    assert "long ago" not in shown.err
    assert "Traceback" not in shown.err


def test_a_second_up_is_refused_and_starts_nothing(
    mainstay: Mainstay, supervisor: Supervisor, starting: Callable[..., Any]
) -> None:
    commands = starting(lambda: None)
    shown = mainstay("up", "--detach")
    assert shown.code == 2
    assert "state.already-running" in shown.err
    assert commands == []


def test_another_systems_folder_is_refused_and_nothing_is_started(
    mainstay: Mainstay, state: StateFolder, starting: Callable[..., Any]
) -> None:
    other = StateFolder(state.path, "bakery")
    other.claim()
    other.release()
    commands = starting(lambda: None)
    assert "state.other-system" in mainstay("up", "--detach").err
    assert commands == []


# --- the view of up ---------------------------------------------------------------------------


def test_who_stops_it_is_told_how_to_go_on(project: Path, state: StateFolder) -> None:
    system = System(load(project), state, Journal(state.events))
    system.phase = "stopped"
    assert farewell(system, project).endswith(f"`mainstay --file {project} up` goes on with it")
    assert farewell(system, None).endswith("`mainstay up` goes on with it")
