"""What each process holds, looked at while a claim is tried: memory, descriptors, connections."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from mainstay.ops.prove.faults.targets import PROXIES
from mainstay.ops.prove.judging.growth import Sample
from mainstay.ops.prove.system import ProvedSystem
from mainstay.ops.supervise import proc

EVERY = 2.0
"""Seconds between two looks."""

COLUMNS = ("moment", "process", "pid", "memory", "descriptors", "connections")

MOST_BUSY = 0.02
"""The share of its time that looking may take: a system of many processes is looked at less often."""


class Sampler:
    """Collects `Sample` values until its task is cancelled, and writes each down as comma-separated values."""

    def __init__(self, system: ProvedSystem, held: IO[str] | None = None) -> None:
        self._system = system
        self._held = held
        self.samples: list[Sample] = []
        if held is not None:
            held.write(f"{','.join(COLUMNS)}\n")

    async def run(self) -> None:
        """Look again and again; what has just died is left out."""
        while True:
            rows = await self._system.processes()
            began = time.monotonic()
            found = await asyncio.to_thread(look, rows, began)
            self.samples += found
            if self._held is not None:
                self._held.writelines(map(_line, found))
            await asyncio.sleep(max(EVERY, (time.monotonic() - began) / MOST_BUSY))


def _line(sample: Sample) -> str:
    return f"{','.join(str(getattr(sample, name)) for name in COLUMNS)}\n"


def look(rows: list[dict[str, object]], moment: float) -> list[Sample]:
    """One sample of each process that is there, with everything below it; none of the twin's own fault proxies."""
    named = {str(row["name"]): row.get("pid") for row in rows if row.get("kind") != PROXIES}
    heads = {name: pid for name, pid in named.items() if isinstance(pid, int)}
    found = families(heads.values())
    samples = (_sample(name, pid, found[pid], moment) for name, pid in heads.items())
    return [sample for sample in samples if sample is not None]


def _sample(name: str, pid: int, members: set[int], moment: float) -> Sample | None:
    own = _held(pid)
    if own is None:
        return None
    held = [own, *(each for member in members - {pid} if (each := _held(member)) is not None)]
    memory, descriptors, connections = (sum(each) for each in zip(*held, strict=True))
    return Sample(moment, name, memory, descriptors, connections, pid)


def families(heads: Iterable[int]) -> dict[int, set[int]]:
    """Each of these processes with everything below it, in one look at the table of processes."""
    parents = {pid: proc.parent(pid) for pid in proc.pids()}
    found: dict[int, set[int]] = {pid: set() for pid in heads}
    for pid in parents:
        above: int | None = pid
        while above and above not in found:
            above = parents.get(above)
        if above:
            found[above].add(pid)
    return found


def _held(pid: int) -> tuple[float, float, float] | None:
    """Memory, descriptors and connections of one process."""
    place = Path("/proc", str(pid))
    try:
        fields = place.joinpath("statm").read_text().split()
        targets = [_target(link) for link in place.joinpath("fd").iterdir()]
        own = (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None
    sockets = sum(target.startswith("socket:") for target in targets)
    return float(own), float(len(targets)), float(sockets)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
