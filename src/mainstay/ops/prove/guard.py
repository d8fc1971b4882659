"""
The guard: a small process beside prove that undoes what prove no longer can.

A fault that outlives its maker (a frozen process, a filled disk) is promised here before it is
injected. When the pipe to prove closes, or prove is gone, whatever was promised and not released
is undone, the latest first, and the guard ends. It has a session of its own and ignores what a
terminal sends, so only SIGKILL to both leaves anything behind.

Each line on its standard input is one JSON object, ``{"promise": {...}}`` or ``{"release": 3}``;
each is answered by one line once the guard has it. What can be promised stands in `UNDO`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from socket import AF_UNIX, socket
from types import TracebackType
from typing import Any, Self

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise import proc

Undo = Mapping[str, Any]

ANSWER_LIMIT = 5.0
"""Seconds in which the guard must say that it has a promise; it takes less than a millisecond."""

END_LIMIT = 30.0
"""Seconds in which everything outstanding must be undone when prove ends in order."""

ASK_LIMIT = 60.0
UNMOUNT_LIMIT = 20.0
"""Seconds in which a system that has lost its prover ends, and uses its disk no more."""

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)


class GuardProcess:
    """
    Prove's end of the pipe.

    Lifetime: from `start` until `close`, which undoes whatever is outstanding and waits for it.
    May be used from several threads.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._is_lost = False
        """Once an answer did not come, later ones would be taken for those of other questions."""
        self.pid = process.pid

    @classmethod
    def start(cls) -> GuardProcess:
        """
        Raises:
            OperationFailed: It could not be started.
        """
        try:
            process = subprocess.Popen(
                (sys.executable, "-m", __name__, str(os.getpid())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise OperationFailed("prove.no-guard", f"the guard could not be started: {error}") from error
        return cls(process)

    def promise(self, undo: Undo) -> int:
        """
        Remember how to undo something; the guard has it when this returns.

        Raises:
            OperationFailed: The guard is gone or silent, so nothing may be broken any more.
        """
        return int(self._ask({"promise": undo}))

    def release(self, number: int) -> None:
        """It has been undone. A guard that is gone has nothing to forget."""
        with contextlib.suppress(OperationFailed):
            self._ask({"release": number})

    def _ask(self, question: Mapping[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - both are pipes
        with self._lock:
            if self._is_lost:
                _lost("did not answer before")
            self._is_lost = True
            try:
                stdin.write(json.dumps(question).encode() + b"\n")
                stdin.flush()
                ready, _, _ = select.select([stdout], [], [], ANSWER_LIMIT)
                number = json.loads(stdout.readline())["number"] if ready else _lost("does not answer")
                self._is_lost = False
                return number
            except (OSError, ValueError) as error:
                return _lost(f"is gone: {error}")

    def close(self) -> None:
        """
        Let the guard undo what is outstanding, and wait until it has ended.

        Raises:
            OperationFailed: It did not end in time; it goes on by itself.
        """
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(END_LIMIT)
        except subprocess.TimeoutExpired as error:
            raise OperationFailed(
                "prove.guard-busy", f"the guard (pid {self.pid}) still undoes faults after {END_LIMIT:g} s"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _lost(how: str) -> Any:
    raise OperationFailed(
        "prove.guard-lost",
        f"the guard {how}, so a fault could outlive this run; nothing more is broken",
        hint="run it again; what was promised to the guard before is undone by the end of this run",
    )


# --- the process itself --------------------------------------------------------------------------


def main(prover: int) -> int:
    """Remember until the prover is gone, then undo; returns the exit code: 1 when something would not be undone."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")  # so that no folder is kept busy
    outstanding: dict[int, Undo] = {}
    for count, line in enumerate(_lines(prover), 1):
        _answer(_take(outstanding, count, json.loads(line)))
    return 0 if undo_all(list(outstanding.values())) else 1


def _take(outstanding: dict[int, Undo], count: int, question: Mapping[str, Any]) -> int:
    if "promise" in question:
        outstanding[count] = question["promise"]
        return count
    number = int(question["release"])
    outstanding.pop(number, None)
    return number


def _answer(number: int) -> None:
    # The asker may be gone already; what it promised counts all the same.
    with contextlib.suppress(OSError):
        os.write(1, json.dumps({"number": number}).encode() + b"\n")


def _lines(prover: int) -> Iterator[bytes]:
    """
    Whole lines of standard input, until it ends or the prover does.

    The prover's end is watched too, because a process that it forked may hold the pipe open.
    """
    try:
        ended = os.pidfd_open(prover)
    except ProcessLookupError:
        return
    buffer = b""
    os.set_blocking(0, False)
    while True:
        ready, _, _ = select.select([0, ended], [], [])
        piece = _read() if 0 in ready else None
        if piece == b"" or (piece is None and ended in ready):
            return
        *lines, buffer = (buffer + (piece or b"")).split(b"\n")
        yield from lines


def _read() -> bytes | None:
    try:
        return os.read(0, 1 << 20)
    except BlockingIOError:
        return None


def undo_all(promised: list[Undo]) -> bool:
    """Undo each, the latest first; one that fails does not keep the others from being undone."""
    done = True
    for undo in reversed(promised):
        try:
            UNDO[undo["kind"]](undo)
        except Exception:  # whatever it is, the others are undone all the same
            done = False
    return done


# --- what can be promised ------------------------------------------------------------------------


def _continue(undo: Undo) -> None:
    """SIGCONT to ``processes`` (``[pid, start time]`` each) and to whatever is below them."""
    known = {pid for pid, started in undo["processes"] if proc.alive(pid, started)}
    for pid in proc.descendants(known):
        _signal(pid, proc.start_time(pid), signal.SIGCONT)


def _kill(undo: Undo) -> None:
    """SIGKILL to ``processes``."""
    for pid, started in undo["processes"]:
        _signal(pid, started, signal.SIGKILL)


def _stop(undo: Undo) -> None:
    """SIGTERM to ``processes``, and SIGKILL to those that are still there ``within`` seconds later."""
    for pid, started in undo["processes"]:
        _signal(pid, started, signal.SIGTERM)
    deadline = time.monotonic() + float(undo["within"])
    while any(proc.alive(pid, started) for pid, started in undo["processes"]):
        if time.monotonic() > deadline:
            _kill(undo)
            return
        time.sleep(0.02)


def _signal(pid: int, started: int, number: signal.Signals) -> None:
    """To exactly this process: the descriptor names it for good, whatever gets its number later."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if proc.start_time(pid) == started:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _unlink(undo: Undo) -> None:
    """Delete the file at ``path``."""
    Path(undo["path"]).unlink(missing_ok=True)


def _write(undo: Undo) -> None:
    """Put ``text`` back as the whole content of the file at ``path``; without a text, there was no file."""
    path = Path(undo["path"])
    if undo["text"] is None:
        path.unlink(missing_ok=True)
        return
    draft = path.with_name(f".{path.name}.guard")
    draft.write_text(undo["text"])
    draft.replace(path)


def _unmount(undo: Undo) -> None:
    """Unmount ``path``; what is still used after a while is detached, and goes when its last user does."""
    deadline = time.monotonic() + UNMOUNT_LIMIT
    while os.path.ismount(undo["path"]):
        late = time.monotonic() > deadline
        command = ("umount", *(("--lazy",) if late else ()), undo["path"])
        subprocess.run(command, check=late, capture_output=True, timeout=ANSWER_LIMIT)
        time.sleep(0.05)


def _ask(undo: Undo) -> None:
    """Send ``request`` to the supervisor whose control socket is at ``path``, and wait for the answer."""
    with socket(AF_UNIX) as connection:
        connection.settimeout(ASK_LIMIT)
        connection.connect(undo["path"])
        connection.sendall(json.dumps(undo["request"]).encode() + b"\n")
        connection.recv(1)


UNDO: dict[str, Callable[[Undo], None]] = {
    "continue": _continue,
    "kill": _kill,
    "stop": _stop,
    "unlink": _unlink,
    "write": _write,
    "unmount": _unmount,
    "ask": _ask,
}
"""Each kind of promise and what keeps it."""


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
