"""
A process with everything that belongs to it, named so that no later process is meant.

A family is what descends from a process, what shares its session, and for an engine what stands
in its folder: PostgreSQL's backends leave the session of their postmaster, and live on when it is
killed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mainstay.ops.prove.faults.waiting import until
from mainstay.ops.supervise import proc

TICKS = os.sysconf("SC_CLK_TCK")
ROUNDS = 50
"""Looks for more members of a family; each needs one that forked since the last, so few are enough."""


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """Exactly one process: its number and when it started, in clock ticks after boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(pid, proc.start_time(pid))

    @property
    def alive(self) -> bool:
        return proc.alive(self.pid, self.started)

    @property
    def stopped(self) -> bool:
        return self.alive and proc.state(self.pid) == "T"

    def send(self, number: signal.Signals) -> bool:
        """Signal it, and nothing that has got its number since; says whether it was there."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if proc.start_time(self.pid) != self.started:
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)

    def as_json(self) -> list[int]:
        return [self.pid, self.started]


Family = frozenset[Process]


def now() -> int:
    """This moment as `Process.started` counts it (proc(5): since boot, also while suspended)."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS)


def family(root: Process, folder: Path | None = None) -> Family:
    """Everything that belongs to a process at this moment, itself included; ``folder`` is an engine's own."""
    below = proc.descendants({root.pid}) if root.alive else set()
    pids = below | {pid for pid in proc.pids() if _session(pid) == root.pid or _stands_in(pid, folder)}
    found = (Process.of(pid) for pid in pids)
    return frozenset(each for each in found if each.started >= root.started and each.alive)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def _stands_in(pid: int, folder: Path | None) -> bool:
    if folder is None:
        return False
    place = proc.folder(pid)
    # What Mainstay starts has no terminal; a person who looks around there has one.
    return place is not None and place.is_relative_to(folder) and not proc.has_terminal(pid)


def kill(members: Iterable[Process], more: Callable[[], Family]) -> Family:
    """
    SIGKILL to all of them and to what they forked meanwhile; returns everything that was hit.

    ``more`` looks again. What started after this call is somebody else's: the supervisor
    replaces what it sees dying.
    """
    began = now()
    hit: set[Process] = set()
    found = frozenset(members)
    for _ in range(ROUNDS):
        for process in found:
            process.send(signal.SIGKILL)
        hit |= found
        found = frozenset(each for each in more() if each.started <= began) - hit
        if not found:
            break
    return frozenset(hit)


def freeze(found: Family, more: Callable[[], Family], before: Callable[[Family], None]) -> Family:
    """
    SIGSTOP to all of them and to what they forked meanwhile; returns everything that was hit.

    ``before`` is called with each group of processes before it is stopped.
    """
    hit: set[Process] = set()
    for _ in range(ROUNDS):
        before(found)
        for process in found:
            process.send(signal.SIGSTOP)
        hit |= found
        found = more() - hit
        if not found:
            break
    return frozenset(hit)


async def gone(processes: Iterable[Process], within: float) -> float | None:
    """Seconds until none of them was there any more; ``None`` when some stayed."""
    began = time.monotonic()
    left = list(processes)
    ended = await until(lambda: not any(process.alive for process in left), within, every=0.002)
    return time.monotonic() - began if ended else None


async def all_stopped(processes: Iterable[Process], within: float) -> bool:
    """Whether each of them was seen stopped, or had ended, in time; not when all had ended."""
    left = list(processes)
    await until(lambda: all(process.stopped or not process.alive for process in left), within)
    alive = [process for process in left if process.alive]
    return bool(alive) and all(process.stopped for process in alive)
