"""What each process holds, looked at while a claim is tried: memory, descriptors, connections."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from mainstay.ops.prove.judging.growth import Sample
from mainstay.ops.prove.system import ProvedSystem

EVERY = 2.0
"""Seconds between two looks; each costs about a tenth of a millisecond a process."""


class Sampler:
    """Collects `Sample` values until its task is cancelled."""

    def __init__(self, system: ProvedSystem) -> None:
        self._system = system
        self.samples: list[Sample] = []

    async def run(self) -> None:
        """Look again and again; what has just died is left out."""
        while True:
            rows = await self._system.processes()
            self.samples += await asyncio.to_thread(look, rows, time.monotonic())
            await asyncio.sleep(EVERY)


def look(rows: list[dict[str, object]], moment: float) -> list[Sample]:
    """One sample of each process that is there."""
    found = (_sample(str(row["name"]), row.get("pid"), moment) for row in rows)
    return [sample for sample in found if sample is not None]


def _sample(name: str, pid: object, moment: float) -> Sample | None:
    if not isinstance(pid, int):
        return None
    place = Path("/proc", str(pid))
    try:
        resident = int(place.joinpath("statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        targets = [_target(link) for link in place.joinpath("fd").iterdir()]
    except (OSError, IndexError, ValueError):
        return None
    sockets = sum(target.startswith("socket:") for target in targets)
    return Sample(moment, name, float(resident), float(len(targets)), float(sockets))


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
