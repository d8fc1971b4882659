"""What ``/proc`` says about processes (proc(5)); every question answers for a vanished process too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (OSError, ValueError):
        return []
    # The second field is the name in parentheses, which may hold spaces and parentheses itself.
    return text.rpartition(")")[2].split()


def state(pid: int) -> str:
    """``R``, ``S``, ``D``, ``T`` (stopped), ``Z`` (zombie) …; empty when there is no such process."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def has_terminal(pid: int) -> bool:
    """Whether a person may sit in front of it: it belongs to a controlling terminal."""
    fields = _stat(pid)
    return bool(fields) and fields[4] != "0"


def ancestors(pid: int) -> set[int]:
    """The process itself and everything above it."""
    found: set[int] = set()
    while pid and pid not in found:
        found.add(pid)
        pid = parent(pid)
    return found


def start_time(pid: int) -> int:
    """Clock ticks after boot at which the process started; with the pid it names a process for good."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def cpu_ticks(pid: int) -> int:
    """User and system time used so far, in clock ticks."""
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def alive(pid: int, started: int) -> bool:
    """Whether exactly this process still runs; a zombie does not, nor does a later process with its pid."""
    return state(pid) not in ("", "Z", "X") and start_time(pid) == started


def pids() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def children(pid: int) -> list[int]:
    return [candidate for candidate in pids() if parent(candidate) == pid]


def descendants(roots: set[int]) -> set[int]:
    """The given processes and everything below them."""
    parents = {pid: parent(pid) for pid in pids()}
    found = {pid for pid in roots if pid in parents}
    while True:
        more = {pid for pid, above in parents.items() if above in found} - found
        if not more:
            return found
        found |= more


def environment(pid: int) -> dict[str, str]:
    """The variables a process was started with; empty when they may not be read."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.partition("=") for item in raw.decode(errors="replace").split("\0") if "=" in item)
    return {name: value for name, _, value in pairs}


def folder(pid: int) -> Path | None:
    """The current folder of a process; PostgreSQL's processes stand in their data folder."""
    try:
        return (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def memory(pid: int) -> int:
    """Proportional set size in bytes; the resident size where that may not be read."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def family_memory(pid: int) -> int:
    """Bytes of proportional set size of a process and everything below it."""
    return sum(memory(member) for member in descendants({pid}))


def listener(port: int) -> str:
    """``name (pid n)`` of the process that listens on a TCP port, as far as it can be known."""
    inodes = _listening_inodes(port)
    if not inodes:
        return ""
    for pid in pids():
        if _holds(pid, inodes):
            return f"{_name(pid)} (pid {pid})"
    return "a process of another user"


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _holds(pid: int, inodes: set[str]) -> bool:
    descriptors = PROC / str(pid) / "fd"
    try:
        return any(str(entry.readlink()) in inodes for entry in descriptors.iterdir())
    except OSError:
        return False


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "?"
