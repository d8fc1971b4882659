"""One process through everything that can happen to it; the processes are real and small."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.backoff import Backoff
from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Probe
from mainstay.ops.supervise import proc, supervised
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.supervised import Patience, State, Supervised

from .programs import FAILS, FATAL, SLEEPS, STUBBORN, WITH_CHILD, Program, no, nothing, yes

QUICK = Patience(ready=0.6, silence=0.3, liveness=0.8, fast=0.02, slow=0.05)


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "events.jsonl")
        self.made: list[Supervised] = []
        self.states: list[str] = []

    def start(self, code: str = SLEEPS, patience: Patience = QUICK, **facts: Any) -> Supervised:
        return self.begin(Program(self.folder, code, **facts), patience)

    def begin(self, unit: Program, patience: Patience = QUICK) -> Supervised:
        log = self.folder / f"{unit.name}.log"
        process = Supervised(unit, self.journal, log, patience=patience, changed=self._changed)
        self.made.append(process)
        process.start()
        return process

    def _changed(self, process: Supervised) -> None:
        if not self.states or self.states[-1] != process.state:
            self.states.append(str(process.state))

    def events(self, what: str) -> list[str]:
        return [entry.why for entry in self.journal.latest if entry.what == what]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    for process in stage.made:
        process.abandon()
        await process.stop("the test is over")


async def until(condition: Callable[[], object], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    return proc.state(pid) in ("", "Z")


# --- starting ------------------------------------------------------------------------------


async def test_it_is_ready_once_it_says_so_and_gone_once_stopped(stage: Stage) -> None:
    process = stage.start()
    assert process.state is State.STARTING
    assert await process.wait_ready(5)
    pid = process.pid
    assert pid is not None
    await process.stop("mainstay down")
    assert gone(pid)
    assert process.pid is None
    assert stage.states == ["starting", "ready", "draining", "stopped"]


async def test_its_pid_is_told_before_it_is_ready(stage: Stage) -> None:
    """Whoever kills the supervisor in this moment leaves a process that must be on record."""
    told: list[int | None] = []
    process = stage.start(answer=no)
    process._changed = lambda each: told.append(each.pid)
    await until(lambda: process.pid)
    assert told == [process.pid]


async def test_waiting_for_one_that_answers_no_ends_in_time(stage: Stage) -> None:
    process = stage.start(answer=no, patience=Patience(ready=30))
    assert not await process.wait_ready(0.2)
    assert process.detail == "/readyz answered 503"


async def test_one_that_is_not_ready_in_time_is_killed_and_tried_again(stage: Stage) -> None:
    process = stage.start(answer=no)
    await until(lambda: process.restarts == 1)
    assert stage.events("process.killed") == ["not ready within 0.6 s: /readyz answered 503"]


async def test_a_start_that_fails_is_tried_again(stage: Stage) -> None:
    process = stage.start(before=[OperationFailed("port.busy", "127.0.0.1:8000 is in use")])
    assert await process.wait_ready(5)
    assert stage.events("process.ended") == ["port.busy  127.0.0.1:8000 is in use"]


@pytest.mark.parametrize("error", [KeyError("secret"), RuntimeError("a mistake"), StopIteration()])
async def test_a_mistake_of_a_unit_does_not_end_the_supervision(stage: Stage, error: Exception) -> None:
    process = stage.start(before=[error])
    assert await process.wait_ready(5)
    assert type(error).__name__ in stage.events("supervisor.error")[0] or "RuntimeError" in str(
        stage.events("supervisor.error")
    )


async def test_a_program_that_is_not_there_is_named(stage: Stage) -> None:
    process = stage.start(patience=Patience())
    await process.stop("")
    unit = Program(stage.folder / "missing", name="orders.web.1")
    process = stage.begin(unit)
    await until(lambda: process.state is State.CRASH_LOOP)
    assert "process.cannot-start" in process.detail


# --- ending --------------------------------------------------------------------------------


async def test_a_killed_process_is_replaced_at_once(stage: Stage) -> None:
    process = stage.start()
    process._backoff = Backoff(first=60.0, ceiling=60.0)
    assert await process.wait_ready(5)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: process.pid not in (None, first) and process.state is State.READY)
    assert process.restarts == 1
    assert stage.events("process.ended") == ["killed by SIGKILL"]


async def test_five_quick_ends_are_a_crash_loop_that_quotes_the_log(stage: Stage) -> None:
    process = stage.start(FAILS, answer=no)
    assert not await process.wait_ready(15)
    assert process.state is State.CRASH_LOOP
    assert process.restarts == 4, "the first start was no restart"
    assert process.detail == "exit code 1"
    (entry,) = [entry for entry in stage.journal.latest if entry.what == "process.crash-loop"]
    assert entry.facts["log"][-1] == "ImproperlyConfigured: no such setting"  # type: ignore[index]
    await until(lambda: process.restarts == 5)
    assert process.state is State.CRASH_LOOP, "it stays so while it is tried again"


async def test_the_pause_between_two_starts_grows_up_to_its_ceiling(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = stage.start(answer=no)
    delays = [process._after_end("exit code 1") for _ in range(10)]
    assert delays == [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


async def test_exit_code_3_says_that_another_start_would_fail_the_same_way(stage: Stage) -> None:
    process = stage.start(FATAL, answer=no)
    assert not await process.wait_ready(10)
    assert process.state is State.CRASH_LOOP
    assert process.restarts == 0, "it was started once"
    assert [entry.facts for entry in stage.journal.latest if entry.what == "process.ended"] == [{}]
    assert process.last_lines() == ("port in use by settings",)


async def test_the_words_of_an_earlier_run_are_not_quoted_as_its_own(stage: Stage) -> None:
    """Else a start that fails without a word shows an error that was mended long ago."""
    (stage.folder / "catalog.web.1.log").write_text("KeyError: 'of the run before'\n")
    process = stage.start("raise SystemExit(3)", answer=no)
    assert not await process.wait_ready(10)
    assert process.last_lines() == ()
    (entry,) = [entry for entry in stage.journal.latest if entry.what == "process.crash-loop"]
    assert entry.facts["log"] == []


async def test_the_requests_of_the_one_that_it_shall_replace_are_not_quoted_as_its_own(stage: Stage) -> None:
    """They share a log, and are all that an operator would read of why an update failed."""
    code = 'print(\'{"event":"request","generation":"1"}\', flush=True)'
    process = stage.start(f"print('no such setting', flush=True)\n{code}\nraise SystemExit(3)", answer=no)
    process.unit.generation = 2  # type: ignore[attr-defined]
    assert not await process.wait_ready(10)
    assert process.last_lines() == ("no such setting",)


async def test_while_it_starts_again_the_words_of_its_last_end_stay(stage: Stage) -> None:
    once = stage.folder / "once"
    code = (
        f"import os, time\nif os.path.exists({str(once)!r}): time.sleep(600)\n"
        f"open({str(once)!r}, 'w').close()\nprint('no such setting', flush=True)\nraise SystemExit(1)"
    )
    process = stage.start(code, answer=no, patience=Patience(ready=30, fast=0.02))
    await until(lambda: process.restarts == 1 and process.pid is not None)
    assert process.last_lines() == ("no such setting",)


async def test_one_that_gets_well_leaves_the_crash_loop(stage: Stage) -> None:
    mended = stage.folder / "mended"
    code = f"import os, time\nif not os.path.exists({str(mended)!r}): raise SystemExit(3)\ntime.sleep(600)"

    async def answer() -> Probe:
        return Probe(mended.exists())

    process = stage.start(code, answer=answer)
    await until(lambda: process.state is State.CRASH_LOOP)
    mended.touch()
    await until(lambda: process.state is State.READY)
    assert await process.wait_ready(1)


# --- silence ------------------------------------------------------------------------------


class Switch:
    """An answer that a test changes while the process runs."""

    def __init__(self) -> None:
        self.answer: Callable[[], Any] = yes

    async def __call__(self) -> Probe:
        return await self.answer()  # type: ignore[no-any-return]


async def test_one_that_says_no_is_not_ready_and_not_killed(stage: Stage) -> None:
    switch = Switch()
    process = stage.start(answer=switch)
    assert await process.wait_ready(5)
    switch.answer = no
    await until(lambda: process.state is State.NOT_READY)
    assert not await process.wait_ready(0.1), "it was ready once; now it is not"
    await asyncio.sleep(1.2)
    assert process.restarts == 0
    switch.answer = yes
    assert await process.wait_ready(5)


async def test_a_silent_one_is_out_after_a_while_and_killed_after_a_longer_one(stage: Stage) -> None:
    switch = Switch()
    process = stage.start(answer=switch)
    assert await process.wait_ready(5)
    switch.answer = nothing
    began = time.monotonic()
    await until(lambda: process.state is State.NOT_READY)
    assert time.monotonic() - began > 0.25
    assert process.restarts == 0, "it is taken out before it is killed"
    assert process.pid is not None
    switch.answer = nothing
    await until(lambda: process.restarts == 1)
    assert stage.events("process.killed") == ["no answer for 1 s"]


async def test_the_last_one_that_may_still_answer_is_borne_longer(stage: Stage) -> None:
    switch = Switch()
    process = stage.start(answer=switch)
    process.is_spare = lambda: False
    assert await process.wait_ready(5)
    switch.answer = nothing
    await asyncio.sleep(1.5)
    assert process.restarts == 0
    await until(lambda: process.restarts == 1)


async def test_a_frozen_process_is_out_at_once_and_back_when_it_thaws(stage: Stage) -> None:
    switch = Switch()
    process = stage.start(answer=switch, patience=Patience(silence=60, liveness=60, slow=0.05))
    assert await process.wait_ready(5)
    assert process.pid is not None
    switch.answer = nothing
    os.kill(process.pid, signal.SIGSTOP)
    await until(lambda: process.state is State.NOT_READY)
    assert process.detail == "frozen by a signal"
    assert process.restarts == 0
    os.kill(process.pid, signal.SIGCONT)
    switch.answer = yes
    await until(lambda: process.state is State.READY)


async def test_a_frozen_one_is_killed_when_something_hangs_on_it(stage: Stage) -> None:
    switch = Switch()
    process = stage.start(answer=switch, patience=Patience(silence=60, liveness=60, slow=0.05))
    process.kill_when_frozen = True
    assert await process.wait_ready(5)
    first = process.pid
    assert first is not None
    switch.answer = nothing
    os.kill(first, signal.SIGSTOP)
    await until(lambda: gone(first))
    switch.answer = yes
    await until(lambda: process.state is State.READY)


async def test_a_probe_that_hangs_is_a_miss(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "PROBE_LIMIT", 0.1)
    switch = Switch()
    process = stage.start(answer=switch)
    assert await process.wait_ready(5)

    async def hang() -> Probe:
        await asyncio.sleep(600)
        return Probe(True)

    switch.answer = hang
    await until(lambda: process.restarts == 1)


async def test_a_probe_that_raises_is_a_miss(stage: Stage) -> None:
    switch = Switch()
    process = stage.start(answer=switch)
    assert await process.wait_ready(5)

    async def fail() -> Probe:
        raise RuntimeError("the driver has a mistake")

    switch.answer = fail
    await until(lambda: process.restarts == 1)
    switch.answer = yes
    await until(lambda: process.state is State.READY)


# --- stopping -----------------------------------------------------------------------------


async def test_one_that_ignores_the_signal_is_killed_when_patience_ends(stage: Stage) -> None:
    process = stage.start(STUBBORN, stop_timeout=0.3)
    assert await process.wait_ready(5)
    await until(lambda: "up" in process.last_lines())
    pid = process.pid
    began = time.monotonic()
    await process.stop("mainstay down")
    assert time.monotonic() - began >= 0.3
    assert pid is not None
    assert gone(pid)


async def test_a_frozen_process_can_be_stopped(stage: Stage) -> None:
    process = stage.start(stop_timeout=600.0)
    assert await process.wait_ready(5)
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: proc.state(pid) == "T")
    # Before its patience ends, as it is woken to hear the signal.
    await asyncio.wait_for(process.stop("mainstay down"), 20)


async def test_what_it_started_dies_with_it(stage: Stage) -> None:
    process = stage.start(WITH_CHILD)
    await until(process.last_lines)
    child = int(process.last_lines()[0])
    assert not gone(child)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await until(lambda: gone(child))


async def test_what_belongs_to_it_outside_its_group_dies_with_it(stage: Stage) -> None:
    """PostgreSQL's processes make sessions of their own."""
    stray = subprocess.Popen([sys.executable, "-c", SLEEPS], start_new_session=True)
    try:
        process = stage.start(belongs=[stray.pid])
        assert await process.wait_ready(5)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        assert await asyncio.to_thread(stray.wait, 5) == -signal.SIGKILL
    finally:
        stray.kill()
        stray.wait()


async def test_a_stop_during_the_preparation_starts_nothing(stage: Stage) -> None:
    entered = asyncio.Event()

    async def gate() -> None:
        entered.set()
        await asyncio.sleep(600)

    process = stage.start(gate=gate)
    await entered.wait()
    await asyncio.wait_for(process.stop("Ctrl-C"), 20)
    assert process.child is None
    assert process.state is State.STOPPED


async def test_a_preparation_that_cannot_be_cut_off_starts_nothing_after_a_stop(stage: Stage) -> None:
    entered = asyncio.Event()

    async def gate() -> None:
        entered.set()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            return

    process = stage.start(gate=gate)
    await entered.wait()
    await asyncio.wait_for(process.stop("Ctrl-C"), 20)
    assert process.child is None


async def test_a_stop_between_two_starts_ends_the_waiting(stage: Stage) -> None:
    process = stage.start(FAILS, answer=no)
    await until(lambda: process.restarts >= 3)
    await asyncio.wait_for(process.stop("Ctrl-C"), 20)
    assert process.state is State.STOPPED


async def test_one_that_ends_while_it_drains_is_not_started_again(stage: Stage) -> None:
    process = stage.start()
    assert await process.wait_ready(5)
    process.mark_draining("rolling update")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await until(lambda: process.pid is None)
    await asyncio.sleep(0.1)
    assert process.restarts == 0
    await process.stop("rolling update")
    assert stage.states == ["starting", "ready", "draining", "stopped"]


async def test_abandoned_processes_die_at_once_and_stay_dead(stage: Stage) -> None:
    process = stage.start(STUBBORN, stop_timeout=60)
    assert await process.wait_ready(5)
    stopping = asyncio.create_task(process.stop("first Ctrl-C"))
    await asyncio.sleep(0.05)
    process.abandon()
    await asyncio.wait_for(stopping, 20)
    assert process.pid is None


# --- planned restarts -----------------------------------------------------------------------


async def test_a_planned_restart_is_no_crash(stage: Stage) -> None:
    process = stage.start()
    assert await process.wait_ready(5)
    pids = {process.pid}
    for _ in range(6):
        await process.restart("asked for")
        assert await process.wait_ready(5)
        pids.add(process.pid)
    assert len(pids) == 7
    assert process.restarts == 6
    assert stage.events("process.ended") == []
    assert "crash-loop" not in stage.states


async def test_after_a_restart_ready_means_the_new_process(stage: Stage) -> None:
    """The old one may go on answering until it ends, and would pass for the new one."""
    process = stage.start(STUBBORN, stop_timeout=0.3)
    assert await process.wait_ready(5)
    await until(lambda: "up" in process.last_lines())
    first = process.pid
    restarting = asyncio.create_task(process.restart("asked for"))
    await asyncio.sleep(0.1)
    assert await process.wait_ready(5)
    assert process.pid not in (None, first)
    await restarting


async def test_a_restart_wakes_one_in_a_crash_loop(stage: Stage) -> None:
    mended = stage.folder / "mended"
    code = f"import os, time\nif not os.path.exists({str(mended)!r}): raise SystemExit(1)\ntime.sleep(600)"

    async def answer() -> Probe:
        return Probe(mended.exists())

    process = stage.start(code, answer=answer)
    await until(lambda: len(stage.events("process.ended")) >= 6, within=20)
    process._backoff = Backoff(first=60.0, ceiling=60.0)
    await until(lambda: len(stage.events("process.ended")) >= 7, within=20)
    await until(lambda: process.pid is None)
    mended.touch()
    await process.restart("asked for")
    assert await process.wait_ready(20), "the rest of the backoff is not waited for"


async def test_a_restart_of_a_stopped_process_does_nothing(stage: Stage) -> None:
    process = stage.start()
    assert await process.wait_ready(5)
    await process.stop("mainstay down")
    await process.restart("asked for")
    assert process.state is State.STOPPED


# --- leaks -----------------------------------------------------------------------------------


async def test_fifty_lives_leave_no_descriptor_task_or_process(stage: Stage) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counting, not reading

    # What other tests share, such as a database server, is there before.
    others = set(proc.children(os.getpid()))
    process = stage.start("import time\ntime.sleep(600)", patience=Patience(fast=0.005, slow=0.005))
    assert await process.wait_ready(5)
    before, tasks = descriptors(), len(asyncio.all_tasks())
    for _ in range(50):
        await process.restart("asked for")
        assert await process.wait_ready(5)
    await asyncio.sleep(0.05)
    assert descriptors() <= before + 1
    assert len(asyncio.all_tasks()) <= tasks + 1
    assert set(proc.children(os.getpid())) - others == {process.pid}
