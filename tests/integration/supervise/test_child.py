"""No child outlives its supervisor unnoticed, however that one ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Launch
from mainstay.ops.supervise import child as module
from mainstay.ops.supervise import proc
from mainstay.ops.supervise.child import Child, open_log, reap_adopted

from .programs import SLEEPS, STUBBORN

SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from mainstay.ops.engines.engine import Launch
from mainstay.ops.supervise.child import Child, become_subreaper, open_log

async def main():
    become_subreaper()
    launch = Launch((sys.executable, "-c", {code!r}), Path("."), unprivileged={unprivileged})
    child = Child.start(launch, {{"PATH": "/usr/bin:/bin"}}, open_log(Path({log!r})))
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""


def gone(pid: int) -> bool:
    return proc.state(pid) in ("", "Z")


def until(condition: Callable[[], object], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


@pytest.fixture
def killed_later() -> Iterator[list[int]]:
    """Process ids that are gone at the end of the test, whatever it found."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)


def supervisor(code: str, log: Path, *, unprivileged: bool = False) -> tuple[subprocess.Popen[str], int]:
    text = SUPERVISOR.format(code=code, log=str(log), unprivileged=unprivileged)
    started = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    with started.stdout:
        return started, int(started.stdout.readline())


def start(code: str, log: Path, **facts: object) -> Child:
    launch = Launch((sys.executable, "-c", code), log.parent, **facts)  # type: ignore[arg-type]
    with open_log(log) as stream:
        return Child.start(launch, {"PATH": os.environ["PATH"]}, stream)


@pytest.mark.parametrize("unprivileged", [False, True], ids=["plain", "without-privileges"])
def test_a_child_is_told_to_stop_when_its_supervisor_is_killed(
    log: Path, unprivileged: bool, killed_later: list[int]
) -> None:
    code = "print('up', flush=True)\nimport time\ntime.sleep(600)"
    process, pid = supervisor(code, log, unprivileged=unprivileged)
    killed_later.append(pid)
    until(lambda: "up" in log.read_text())
    process.kill()
    process.wait()
    until(lambda: gone(pid), within=3)


def test_the_signal_is_the_one_that_stops_it_in_order(log: Path, killed_later: list[int]) -> None:
    """PostgreSQL takes SIGINT for *now* and SIGTERM for *once all clients have left*."""
    launch = Launch(("postgres",), log.parent, stop_signal=signal.SIGINT)
    assert module._with_death_signal(launch)[1:] == ["--pdeathsig", "INT", "postgres"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to lose")
def test_the_death_signal_is_set_after_privileges_are_dropped(log: Path) -> None:
    """Gaining credentials clears it, so the order of the two decides (prctl(2))."""
    argv = module._with_death_signal(Launch(("postgres",), log.parent, unprivileged=True))
    assert argv.index(next(word for word in argv if word.endswith("setpriv"))) > argv.index("--user")


async def test_each_child_leads_a_session_of_its_own(log: Path) -> None:
    child = start(SLEEPS, log)
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
        assert not proc.has_terminal(child.pid)
    finally:
        child.kill_group()
        await child.wait()


async def test_output_goes_to_the_log_as_it_is_written(log: Path) -> None:
    child = start("import sys\nprint('out')\nprint('err', file=sys.stderr)", log)
    await child.wait()
    assert sorted(log.read_text().split()) == ["err", "out"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("pass", "exit code 0"),
        ("import os\nos.kill(os.getpid(), 15)", "killed by SIGTERM"),
        ("import os\nos.kill(os.getpid(), 40)", "killed by signal 40"),
    ],
)
async def test_how_it_ended_is_told_in_words(log: Path, code: str, text: str) -> None:
    child = start(code, log)
    assert child.exit_text == "running"
    await child.wait()
    assert child.exit_text == text
    assert not child.alive


async def test_a_stop_takes_no_longer_than_it_was_given(log: Path) -> None:
    child = start(STUBBORN, log, stop_timeout=60.0)
    until(log.read_text)
    await asyncio.wait_for(child.stop(within=0.2), 20)
    assert child.exit_text == "killed by SIGKILL"


async def test_one_that_cannot_be_started_is_named(log: Path) -> None:
    with open_log(log) as stream, pytest.raises(OperationFailed) as failure:
        Child.start(Launch(("postgres",), log.parent / "nowhere"), {}, stream)
    assert failure.value.id == "process.cannot-start"


async def test_one_that_cannot_be_watched_is_not_left_running(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def full(pid: int) -> int:
        started.append(pid)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(module.os, "pidfd_open", full)
    with pytest.raises(OperationFailed, match=r"process.cannot-watch"):
        start(SLEEPS, log)
    assert gone(started[0])


ADOPTING = """
import os, subprocess, sys, time
from mainstay.ops.supervise.child import become_subreaper, reap_adopted
become_subreaper()
# The middle one ends at once; what it started is then this process's own child.
subprocess.run([sys.executable, "-c", "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'pass'])"])
from mainstay.ops.supervise import proc
deadline = time.monotonic() + 5
while not any(proc.state(pid) == "Z" for pid in proc.children(os.getpid())) and time.monotonic() < deadline:
    time.sleep(0.01)
first = reap_adopted(set(), set())
print(len(first), len(proc.children(os.getpid())))
reap_adopted(first, set())
print(len(proc.children(os.getpid())))
"""


def test_what_children_leave_behind_is_adopted_and_collected_at_the_second_look() -> None:
    """At the first it may be a short run of our own, which somebody else waits for."""
    done = subprocess.run([sys.executable, "-c", ADOPTING], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "0"]


async def test_a_child_of_ours_is_not_taken_for_an_adopted_one(log: Path) -> None:
    child = start("pass", log)
    until(lambda: proc.state(child.pid) == "Z")
    zombies = reap_adopted(set(), {child.pid})
    assert child.pid not in zombies
    reap_adopted({child.pid}, {child.pid})
    await child.wait()
    assert child.exit_text == "exit code 0"
