"""What a killed supervisor left is ended, and nothing else is."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mainstay.ops.supervise import leftovers, proc
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.state import StateFolder

from .programs import SLEEPS, STUBBORN


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    state = StateFolder(tmp_path / ".mainstay", "shop")
    (state.path / "nodes" / "postgres.1" / "data").mkdir(parents=True)
    return state


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that nothing of Mainstay waits for."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(code: str = SLEEPS, **facts: object) -> subprocess.Popen[bytes]:
        facts = {"start_new_session": True, "stdin": subprocess.DEVNULL, **facts}
        started.append(subprocess.Popen([sys.executable, "-c", code], **facts))  # type: ignore[call-overload]
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def end(state: StateFolder) -> list[int]:
    return leftovers.end(state, Journal(state.events))


def remember(state: StateFolder, **processes: subprocess.Popen[bytes]) -> None:
    leftovers.remember(
        state, {name: (each.pid, proc.start_time(each.pid)) for name, each in processes.items()}
    )


def test_nothing_left_is_nothing_done(state: StateFolder) -> None:
    assert end(state) == []
    assert not state.events.exists()


def test_a_recorded_process_is_ended(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    left = start()
    remember(state, web=left)
    assert end(state) == [left.pid]
    assert left.wait(5) == -signal.SIGTERM
    assert "supervisor.cleanup" in state.events.read_text()


def test_a_frozen_one_is_ended_too(state: StateFolder, start: Callable[..., subprocess.Popen[bytes]]) -> None:
    """The signal of the supervisor's death waits in it, and would for ever."""
    left = start()
    remember(state, web=left)
    os.kill(left.pid, signal.SIGSTOP)
    end(state)
    assert left.wait(5) == -signal.SIGTERM


def test_one_that_ignores_the_signal_is_killed(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE", 0.2)
    left = start(STUBBORN, stdout=subprocess.PIPE)
    assert left.stdout is not None
    with left.stdout:
        left.stdout.readline()
    remember(state, web=left)
    end(state)
    assert left.wait(5) == -signal.SIGKILL


def test_what_it_started_is_ended_with_it(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    said = tmp_path / "said"
    left = start(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(said)!r}, 'w').write(str(child.pid) + '.')\n"
        "time.sleep(600)"
    )
    while not said.exists() or not said.read_text().endswith("."):
        time.sleep(0.01)
    below = int(said.read_text()[:-1])
    remember(state, web=left)
    assert set(end(state)) == {left.pid, below}


def test_a_database_server_is_found_by_where_it_stands(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """PostgreSQL's processes make sessions of their own and outlive their main process."""
    left = start(cwd=state.path / "nodes" / "postgres.1" / "data")
    assert end(state) == [left.pid]


def test_an_orphan_in_the_group_of_a_dead_one_is_ended(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    said = tmp_path / "said"
    env = {**os.environ, "MAINSTAY_STATIC_ROOT": str(state.path / "static" / "catalog")}
    left = start(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(said)!r}, 'w').write(str(child.pid))",
        env=env,
    )
    remember(state, web=left)
    left.wait()
    assert end(state) == [int(said.read_text())]


# --- and nothing else -----------------------------------------------------------------------


def alive(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None and proc.state(process.pid) not in ("", "Z")


def test_a_process_that_got_the_number_later_is_left_alone(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    other = start()
    leftovers.remember(state, {"web": (other.pid, proc.start_time(other.pid) - 1)})
    assert end(state) == []
    assert alive(other)


def test_another_systems_process_that_got_the_number_later_is_left_alone(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    static = tmp_path / "other" / ".mainstay" / "static" / "catalog"
    env = {**os.environ, "MAINSTAY_REPLICA": "catalog.web.1", "MAINSTAY_STATIC_ROOT": str(static)}
    other = start(env=env)
    leftovers.remember(state, {"catalog.web.1": (other.pid, 1)})
    assert end(state) == []
    assert alive(other)


def test_numbers_of_an_earlier_boot_mean_nothing(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = start()
    monkeypatch.setattr(leftovers, "_boot", lambda: "before")
    remember(state, web=other)
    monkeypatch.setattr(leftovers, "_boot", lambda: "after")
    assert end(state) == []
    assert alive(other)


def test_a_person_who_looks_around_in_the_folder_is_left_alone(state: StateFolder) -> None:
    """A shell, a pager or an editor that stands there; it has a terminal, and nothing of ours has."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(state.path / "nodes" / "postgres.1" / "data")
        os.execv(sys.executable, [sys.executable, "-c", "print('up', flush=True)\n" + SLEEPS])
    try:
        assert b"up" in os.read(terminal, 100)
        assert end(state) == []
        assert proc.state(pid) not in ("", "Z")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_whoever_runs_the_supervisor_from_there_is_left_alone(
    state: StateFolder, start: Callable[..., subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = start(cwd=state.path / "nodes" / "postgres.1")
    monkeypatch.setattr(leftovers.os, "getpid", lambda: script.pid)
    assert end(state) == []
    assert alive(script)
