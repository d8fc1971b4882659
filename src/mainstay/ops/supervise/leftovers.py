"""
What a supervisor that was killed left running, ended before the next start.

Normally nothing: children are told to stop when their parent dies. But one that was
frozen, or that was started in the same instant, may still be there, and would hold a
port or a data folder. Each child's pid and start time is on disk, and of which boot they
are, so that no other process that happens to have the number is touched; nor is a person
who looks around in the state folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from mainstay.base import wire
from mainstay.ops.supervise import proc
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.state import StateFolder

RECORD = "pids"
PATIENCE = 5.0


def remember(state: StateFolder, children: dict[str, tuple[int, int]]) -> None:
    """Record ``{name: (pid, start time)}`` of everything that runs now."""
    pids = {name: list(pair) for name, pair in children.items()}
    state.save(RECORD, {"boot": _boot(), "pids": pids}, durable=False)


def end(state: StateFolder, journal: Journal) -> list[int]:
    """End everything an earlier supervisor of this folder left; returns what was still alive."""
    found = _recorded(state) | _standing_in(state.path)
    if not found:
        return []
    journal.note(
        "supervisor.cleanup", state.system, "left behind by a supervisor that was killed", pids=sorted(found)
    )
    for number in (signal.SIGTERM, signal.SIGKILL):
        _send(found, number)
        if _gone(found, PATIENCE if number is signal.SIGTERM else 2.0):
            break
    return sorted(found)


def _boot() -> str:
    try:
        return (proc.PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _recorded(state: StateFolder) -> set[int]:
    record = state.load_if_whole(RECORD)
    if record.get("boot") != _boot():
        return set()
    pids = record.get("pids")
    known = [
        (pid, started)
        for pair in (pids.values() if isinstance(pids, dict) else ())
        if isinstance(pair, list) and len(pair) == 2
        for pid, started in [pair]
        if isinstance(pid, int) and isinstance(started, int)
    ]
    roots = {pid for pid, started in known if proc.alive(pid, started)}
    groups = {pid for pid, _ in known}
    in_groups = {pid for pid in proc.pids() if proc.state(pid) not in ("", "Z") and _group(pid) in groups}
    return proc.descendants(roots) | {pid for pid in in_groups if _is_ours(pid, state.path)}


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _is_ours(pid: int, folder: Path) -> bool:
    static = proc.environment(pid).get(wire.STATIC_ROOT)
    if static is not None and Path(static).is_relative_to(folder):
        return True
    place = proc.folder(pid)
    return place is not None and place.is_relative_to(folder)


def _standing_in(folder: Path) -> set[int]:
    """
    Processes whose current folder is inside the state folder: database servers and their backends.

    What Mainstay starts has no terminal; a shell, a pager or an editor there has one.
    """
    inside = set()
    for pid in proc.pids():
        place = proc.folder(pid)
        if place is not None and place.is_relative_to(folder / "nodes") and proc.state(pid) != "Z":
            inside.add(pid)
    return {pid for pid in inside if not proc.has_terminal(pid)} - proc.ancestors(os.getpid())


def _send(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)


def _gone(pids: set[int], limit: float) -> bool:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if not any(proc.state(pid) not in ("", "Z") for pid in pids):
            return True
        time.sleep(0.05)
    return False
