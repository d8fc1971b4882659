"""What each process holds is looked at from outside, and what has just died is left out."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.prove import sampling
from mainstay.ops.prove.sampling import Sampler, look


def mine(name: str = "web.web.1") -> dict[str, Any]:
    return {"name": name, "pid": os.getpid()}


def test_a_process_is_seen_with_its_memory_files_and_sockets(tmp_path: Path) -> None:
    opening = "input(); held = open(sys.argv[1], 'w'), socket.socket(), socket.socket(); print(1, flush=True); input()"
    code = f"import socket, sys; print(0, flush=True); {opening}"
    command = [sys.executable, "-c", code, str(tmp_path / "file")]
    # A process of its own: what other tests left in this one may open and close anything meanwhile.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        process = {"name": "web.web.1", "pid": child.pid}
        child.stdout.readline()
        (before,) = look([process], 1.0)
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        (after,) = look([process], 2.0)
        child.communicate(b"\n")
    assert (before.process, before.moment, after.moment) == ("web.web.1", 1.0, 2.0)
    assert before.memory > 1_000_000
    assert after.descriptors - before.descriptors == 3
    assert after.connections - before.connections == 2


def test_what_runs_below_a_process_is_counted_with_it() -> None:
    """A leak of a worker behind its parent, or of a database session, is one of that process."""
    code = "held = bytearray(50_000_000); import socket; s = socket.socket(); print(1, flush=True); input()"
    (before,) = look([mine()], 1.0)
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        (after,) = look([mine()], 2.0)
        both = look([mine(), {"name": "web.web.2", "pid": child.pid}], 3.0)
    finally:
        child.communicate(b"\n")
    assert after.memory - before.memory > 45_000_000
    assert after.connections - before.connections == 1
    assert (after.pid, before.pid) == (os.getpid(), os.getpid())
    assert {sample.process for sample in both} == {"web.web.1", "web.web.2"}
    assert next(sample.memory for sample in both if sample.pid == os.getpid()) < after.memory - 45_000_000


def test_the_proxies_of_the_twin_are_no_part_of_what_grows() -> None:
    assert look([{**mine("links.1"), "kind": "links"}], 1.0) == []


@pytest.mark.parametrize("pid", [None, 0, 2**22 + 1, "12", True])
def test_what_is_not_there_is_left_out(pid: object) -> None:
    gone = [{"name": "web.web.2", "pid": pid}] if pid is not True else [{"name": "web.web.2"}]
    assert [sample.process for sample in look([*gone, mine()], 1.0)] == ["web.web.1"]


class System:
    """One process of it ends after the first look."""

    def __init__(self) -> None:
        self.asked = 0

    async def processes(self) -> list[dict[str, Any]]:
        self.asked += 1
        return [mine("web.web.1"), mine("web.web.2")] if self.asked == 1 else [mine("web.web.2")]


async def test_it_looks_again_and_again_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "EVERY", 0.01)
    held = io.StringIO()
    sampler = Sampler(System(), held)  # type: ignore[arg-type]
    task = asyncio.create_task(sampler.run())
    until = time.monotonic() + 10.0
    while len(sampler.samples) < 4 and time.monotonic() < until:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    seen = [sample.process for sample in sampler.samples]
    assert seen[:4] == ["web.web.1", "web.web.2", "web.web.2", "web.web.2"]
    rounds = [sample.moment for sample in sampler.samples]
    assert rounds[0] == rounds[1] < rounds[2] < rounds[3]
    header, *lines = csv.reader(held.getvalue().splitlines())
    assert header == ["moment", "process", "pid", "memory", "descriptors", "connections"]
    assert [line[1] for line in lines[:4]] == seen[:4]
    assert [float(line[3]) for line in lines] == [sample.memory for sample in sampler.samples[: len(lines)]]
