"""What is true now, as one value that the command line prints and programs read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mainstay.ops.supervise import proc
from mainstay.ops.supervise.cluster import Member
from mainstay.ops.supervise.supervised import Supervised
from mainstay.ops.supervise.units import BackgroundProcess, EngineUnit, WebReplica

if TYPE_CHECKING:
    from mainstay.ops.supervise.system import System


def snapshot(system: System, *, memory: bool = False) -> dict[str, Any]:
    """
    The whole system; ``memory`` adds the proportional set size in bytes of each process and what it started.

    Sizes cost about a millisecond a process to read, so they are asked for, not always given.
    """
    system.disk.look()
    return {
        "system": system.topology.name,
        "url": system.url,
        "phase": system.phase,
        "ready": system.ready,
        "durability": system.durability,
        "disk": system.disk.as_json(),
        "processes": [describe(system, process, memory=memory) for process in system.processes],
    }


def describe(system: System, process: Supervised, *, memory: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": process.name,
        "service": process.unit.service,
        "kind": process.unit.kind,
        "state": str(process.state),
        "role": system.role(process.name),
        "pid": process.pid,
        "address": address(process),
        "restarts": process.restarts,
        "since": datetime.fromtimestamp(process.since, UTC).isoformat(timespec="milliseconds"),
        "detail": process.detail,
    }
    if process.state.value == "crash-loop":
        row["log"] = list(process.last_lines())
    if memory:
        row["memory"] = size(process)
    return row


def address(process: Supervised) -> str:
    unit = process.unit
    if isinstance(unit, WebReplica | BackgroundProcess):
        return str(unit.address)
    if isinstance(unit, EngineUnit):
        return str(unit.engine.node.address)
    if isinstance(unit, Member):
        return str(unit.node.node.address)
    return ""


def size(process: Supervised) -> int:
    """Bytes of proportional set size of the process and everything below it."""
    return proc.family_memory(process.pid) if process.pid is not None else 0
