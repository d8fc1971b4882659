"""
One child process, in a session of its own, that cannot outlive the supervisor unnoticed.

Linux gives three means and all are used: a parent-death signal asks the child to
stop when the supervisor is killed; a session of its own lets the whole group be
signalled; and the supervisor is a child subreaper, so that what a child left behind
becomes its own child and can be found and ended (prctl(2), PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Launch
from mainstay.ops.engines.oneshot import as_unprivileged
from mainstay.ops.supervise import proc

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Adopt what dying children leave behind; without this an orphan would go to process 1."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """
    A running process and its group.

    Lifetime: from `start` until `wait` has returned; `pid` stays readable afterwards.
    """

    def __init__(self, popen: subprocess.Popen[bytes], launch: Launch) -> None:
        self.pid = popen.pid
        self.started = proc.start_time(popen.pid)
        self.launch = launch
        self._popen = popen
        self._exited = asyncio.Event()
        self._fd = os.pidfd_open(popen.pid)
        asyncio.get_running_loop().add_reader(self._fd, self._reap)

    @classmethod
    def start(cls, launch: Launch, env: dict[str, str], log: BinaryIO) -> Child:
        """
        Start the process; its output goes straight to ``log``, so that no slow reader can block it.

        Raises:
            OperationFailed: The program could not be started.
        """
        argv = _with_death_signal(launch)
        try:
            popen = subprocess.Popen(
                argv,
                cwd=launch.cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise OperationFailed("process.cannot-start", f"{launch.argv[0]}: {error}") from error
        try:
            return cls(popen, launch)
        except OSError as error:  # no descriptor left to watch it with
            popen.kill()
            popen.wait()
            raise OperationFailed("process.cannot-watch", f"{launch.argv[0]}: {error}") from error

    @property
    def alive(self) -> bool:
        return not self._exited.is_set()

    @property
    def exit_text(self) -> str:
        """How it ended, in words: ``exit code 3`` or ``killed by SIGKILL``."""
        code = self._popen.returncode
        if code is None:
            return "running"
        if code < 0:
            return f"killed by {_signal_name(-code)}"
        return f"exit code {code}"

    @property
    def exit_code(self) -> int | None:
        return self._popen.returncode

    async def wait(self) -> None:
        await self._exited.wait()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process itself."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """SIGKILL to the whole session; a stopped process dies of it too."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, within: float | None = None) -> None:
        """Ask by the stop signal, then kill the group ``within`` seconds later (default: the launch's)."""
        self.signal(self.launch.stop_signal)
        self.signal(signal.SIGCONT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), self.launch.stop_timeout if within is None else within)
        self.kill_group()
        await self.wait()

    def _reap(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        os.close(self._fd)
        self._popen.wait()
        self._exited.set()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name there
        return f"signal {number}"


def reap_adopted(seen_before: set[int], known: set[int]) -> set[int]:
    """
    Collect the exit status of adopted processes, which nobody else waits for.

    Only a zombie that was already one at the previous call is taken, because a
    short-lived program of ours has its own waiter. Returns the zombies seen now.
    """
    zombies = {pid for pid in proc.children(os.getpid()) if pid not in known and proc.state(pid) == "Z"}
    for pid in zombies & seen_before:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return zombies


async def end_adopted(patience: float = 2.0) -> None:
    """
    End what our children left behind in sessions of their own, such as a command that made itself a daemon.

    To be called when nothing of ours runs any more: every child of this process goes.
    """
    deadline = asyncio.get_running_loop().time() + patience
    number = signal.SIGTERM
    while left := [pid for pid in proc.children(os.getpid()) if proc.state(pid) not in ("", "Z")]:
        if asyncio.get_running_loop().time() > deadline:
            number = signal.SIGKILL
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        await asyncio.sleep(0.05)


def with_death_signal(argv: Sequence[str], number: signal.Signals) -> tuple[str, ...]:
    """
    The same command, told by this signal when its parent dies (prctl(2), PR_SET_PDEATHSIG).

    Raises:
        OperationFailed: There is no setpriv, which is part of util-linux.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise OperationFailed(
            "process.no-setpriv", "the program setpriv is missing", hint="install the package util-linux"
        )
    return (setpriv, "--pdeathsig", number.name.removeprefix("SIG"), *argv)


def _with_death_signal(launch: Launch) -> list[str]:
    # Set after the user namespace is entered: gaining credentials clears it (prctl(2)).
    argv = with_death_signal(launch.argv, launch.stop_signal)
    return list(as_unprivileged(argv) if launch.unprivileged else argv)


def open_log(path: Path) -> BinaryIO:
    """The log file for appending; append mode is what makes truncation by rotation safe."""
    return path.open("ab", buffering=0)
