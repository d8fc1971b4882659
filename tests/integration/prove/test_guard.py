"""The guard keeps its promises however the proving process ends."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove import guard as module
from mainstay.ops.prove.guard import GuardProcess
from mainstay.ops.supervise import proc

PROVER = """
import json, sys, time
from mainstay.ops.prove.guard import GuardProcess

guard = GuardProcess.start()
for undo in json.loads(sys.argv[1]):
    guard.promise(undo)
print(guard.pid, flush=True)
time.sleep(600)
"""


def until(condition: Callable[[], object], within: float = 20.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, "it did not come to that"
        time.sleep(0.005)
    return time.monotonic() - began


def identity(pid: int) -> list[int]:
    return [pid, proc.start_time(pid)]


def gone(pid: int) -> bool:
    return proc.state(pid) in ("", "Z")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a Python program that is gone at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(code: str = "import time; time.sleep(600)", *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def proving(
    start: Callable[..., subprocess.Popen[bytes]], *promised: Any
) -> tuple[subprocess.Popen[bytes], int]:
    """A process that has promised all this; with the pid of its guard."""
    prover = start(PROVER, json.dumps(promised))
    assert prover.stdout is not None
    return prover, int(prover.stdout.readline())


def test_a_prover_that_is_killed_leaves_no_process_stopped(
    start: Callable[..., subprocess.Popen[bytes]],
) -> None:
    victim = start()
    prover, guard = proving(start, {"kind": "continue", "processes": [identity(victim.pid)]})
    victim.send_signal(signal.SIGSTOP)
    until(lambda: proc.state(victim.pid) == "T")
    prover.kill()
    until(lambda: proc.state(victim.pid) != "T")
    until(lambda: gone(guard))


def test_children_of_a_stopped_process_go_on_too(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    victim = start(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()"
    )
    assert victim.stdout is not None
    child = int(victim.stdout.readline())
    prover, _ = proving(start, {"kind": "continue", "processes": [identity(victim.pid)]})
    for pid in (victim.pid, child):
        os.kill(pid, signal.SIGSTOP)
        until(lambda pid=pid: proc.state(pid) == "T")
    prover.kill()
    until(lambda: "T" not in (proc.state(victim.pid), proc.state(child)))
    os.kill(child, signal.SIGKILL)


def test_what_was_promised_is_undone_the_latest_first(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    file = tmp_path / "twin.json"
    write = {"kind": "write", "path": str(file)}
    prover, guard = proving(start, {**write, "text": "first"}, {**write, "text": "second"})
    prover.kill()
    until(lambda: gone(guard))
    assert file.read_text() == "first"


def test_one_that_fails_does_not_keep_the_others(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    ballast = tmp_path / "ballast"
    ballast.touch()
    prover, guard = proving(
        start,
        {"kind": "unlink", "path": str(ballast)},
        {"kind": "unlink", "path": str(tmp_path)},
        {"kind": "no such kind"},
    )
    prover.kill()
    until(lambda: gone(guard))
    assert not ballast.exists()


def test_the_signals_of_a_terminal_do_not_end_it(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    victim = start()
    prover, guard = proving(start, {"kind": "kill", "processes": [identity(victim.pid)]})
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(guard, number)
    assert os.getsid(guard) == guard
    time.sleep(0.1)
    assert not gone(guard)
    prover.kill()
    until(lambda: gone(victim.pid))


def test_a_pipe_that_a_child_of_the_prover_holds_open_does_not_hold_it_up(
    start: Callable[..., subprocess.Popen[bytes]],
) -> None:
    victim = start()
    forking = PROVER.replace("time.sleep(600)", "import os\nos.fork()\ntime.sleep(60)")
    prover = start(forking, json.dumps([{"kind": "kill", "processes": [identity(victim.pid)]}]))
    assert prover.stdout is not None
    guard = int(prover.stdout.readline())
    until(lambda: len(proc.children(prover.pid)) == 2)
    holding = [pid for pid in proc.children(prover.pid) if pid != guard]
    prover.kill()
    try:
        until(lambda: gone(victim.pid))
        assert not gone(holding[0]), "it holds the pipe all the time"
    finally:
        os.kill(holding[0], signal.SIGKILL)


def test_a_later_process_with_the_same_number_is_not_touched(
    start: Callable[..., subprocess.Popen[bytes]],
) -> None:
    victim = start()
    pid, started = identity(victim.pid)
    prover, guard = proving(start, {"kind": "kill", "processes": [[pid, started + 1]]})
    prover.kill()
    until(lambda: gone(guard))
    assert not gone(victim.pid)


def test_who_does_not_end_when_asked_is_killed(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    stubborn = start(
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint(flush=True)\ntime.sleep(600)"
    )
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    prover, _ = proving(start, {"kind": "stop", "processes": [identity(stubborn.pid)], "within": 0.3})
    prover.kill()
    assert until(lambda: gone(stubborn.pid)) >= 0.2


def test_a_request_to_the_supervisor_is_sent(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    import socket

    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        server.settimeout(5)
        request = {"verb": "scale", "name": "catalog.web", "replicas": 2}
        prover, _ = proving(start, {"kind": "ask", "path": str(path), "request": request})
        prover.kill()
        connection, _ = server.accept()
        with connection:
            assert json.loads(connection.recv(1000)) == request
            connection.sendall(b'{"ok": {}}\n')


def test_what_was_released_is_left_alone_and_the_rest_is_undone_in_order(tmp_path: Path) -> None:
    kept, taken = tmp_path / "kept", tmp_path / "taken"
    kept.touch()
    taken.touch()
    with GuardProcess.start() as guard:
        number = guard.promise({"kind": "unlink", "path": str(kept)})
        guard.promise({"kind": "unlink", "path": str(taken)})
        guard.release(number)
    assert kept.exists()
    assert not taken.exists()
    assert gone(guard.pid)


def test_nothing_may_be_broken_once_the_guard_is_gone(tmp_path: Path) -> None:
    guard = GuardProcess.start()
    guard.promise({"kind": "unlink", "path": str(tmp_path / "x")})
    os.kill(guard.pid, signal.SIGKILL)
    until(lambda: gone(guard.pid))
    with pytest.raises(OperationFailed) as caught:
        guard.promise({"kind": "unlink", "path": str(tmp_path / "y")})
    assert caught.value.id == "prove.guard-lost"
    guard.release(1)
    guard.close()


def test_a_silent_guard_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guard = GuardProcess.start()
    guard.promise({"kind": "unlink", "path": str(tmp_path / "x")})
    monkeypatch.setattr(module, "ANSWER_LIMIT", 0.1)
    os.kill(guard.pid, signal.SIGSTOP)
    try:
        with pytest.raises(OperationFailed, match="does not answer"):
            guard.promise({"kind": "unlink", "path": str(tmp_path / "y")})
    finally:
        os.kill(guard.pid, signal.SIGCONT)
        guard.close()


def test_it_is_there_quickly_and_answers_at_once() -> None:
    """In processor time of its own: how long a busy machine lets it wait is not its doing."""
    with GuardProcess.start() as guard:
        guard.release(guard.promise({"kind": "unlink", "path": "/nonexistent/x"}))
        ready = proc.cpu_ticks(guard.pid)
        for _ in range(100):
            guard.release(guard.promise({"kind": "unlink", "path": "/nonexistent/x"}))
        answers = (proc.cpu_ticks(guard.pid) - ready) / 200
    second = os.sysconf("SC_CLK_TCK")
    assert ready / second < 0.5, "it takes 40 ms"
    assert answers / second < 0.005


def test_a_torn_line_is_no_promise(tmp_path: Path) -> None:
    """A prover killed in the middle of a line had no answer, so it has not broken anything yet."""
    file = tmp_path / "file"
    file.touch()
    process = subprocess.Popen(
        [sys.executable, "-m", module.__name__, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(json.dumps({"promise": {"kind": "unlink", "path": str(file)}}).encode())
        process.stdin.flush()
        assert select.select([process.stdout], [], [], 0.3)[0] == []
        process.stdin.close()
        assert process.wait(5) == 0
    assert file.exists()


def test_a_guard_that_was_silent_once_is_not_believed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its late answer would be taken for that of the next question, and another promise be released."""
    path = tmp_path / "file"
    with GuardProcess.start() as guard:
        guard.release(guard.promise({"kind": "unlink", "path": str(path)}))
        monkeypatch.setattr(module, "ANSWER_LIMIT", 0.1)
        os.kill(guard.pid, signal.SIGSTOP)
        with pytest.raises(OperationFailed):
            guard.promise({"kind": "write", "path": str(path), "text": "as it was"})
        os.kill(guard.pid, signal.SIGCONT)
        monkeypatch.undo()
        with pytest.raises(OperationFailed, match="did not answer before"):
            guard.promise({"kind": "unlink", "path": str(path)})
    assert path.read_text() == "as it was", "what it was told it keeps"
