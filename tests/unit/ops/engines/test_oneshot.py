from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import oneshot
from mainstay.ops.engines.oneshot import as_unprivileged, environment, run_once


async def test_both_streams_are_kept_in_order() -> None:
    done = await run_once(["sh", "-c", "echo one; echo two >&2; exit 3"])
    assert (done.ok, done.returncode, done.output) == (False, 3, "one\ntwo\n")


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(OperationFailed, match="/no/such/program") as failed:
        await run_once(["/no/such/program"])
    assert failed.value.id == "engine.cannot-run"


async def test_what_is_late_is_killed_with_all_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(OperationFailed, match="did not end within"):
        await run_once(["sh", "-c", f"sleep 30 & echo $! > {tmp_path}/pid; wait"], timeout=0.5)
    assert time.monotonic() - began < 10
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_what_is_cancelled_is_killed(tmp_path: Path) -> None:
    task = asyncio.create_task(run_once(["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 30"]))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(int((tmp_path / "pid").read_text()))


def test_the_callers_variables_do_not_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "production")
    assert "PGSERVICE" not in environment()
    assert environment({"PGSERVICE": "own"})["PGSERVICE"] == "own"
    assert environment()["PATH"] == os.environ["PATH"]


def test_an_ordinary_user_runs_the_command_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert as_unprivileged(["postgres", "-D", "x"]) == ("postgres", "-D", "x")


def test_root_opens_a_namespace_in_which_it_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(oneshot, "_namespace_prefix", lambda: ("unshare", "--user"))
    assert as_unprivileged(["postgres"]) == ("unshare", "--user", "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no privileges to give up")
async def test_root_is_given_up_and_files_stay_within_reach(tmp_path: Path) -> None:
    done = await run_once(["sh", "-c", f"id -u && echo mine > {tmp_path}/file"], unprivileged=True)
    assert done.output == "65534\n"
    assert (tmp_path / "file").stat().st_uid == os.getuid()


async def gone(pid: int) -> bool:
    """Whether a process ends within a second; one that nobody has waited for yet counts as ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.01)
    return False
