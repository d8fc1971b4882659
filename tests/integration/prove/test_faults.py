"""Faults hit real processes, all of them and no others, and show that they did."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.faults import catalogue, clock, disk, family, process, schedule
from mainstay.ops.prove.faults.clock import PLACES, environment, find_library, offset
from mainstay.ops.prove.faults.family import Process
from mainstay.ops.prove.faults.fault import NotPossible, Strike
from mainstay.ops.prove.guard import GuardProcess
from mainstay.ops.supervise import proc

from .trees import ANSWERING, TREE, System, wait


@pytest.fixture
def guard() -> Iterator[GuardProcess]:
    with GuardProcess.start() as started:
        yield started


@pytest.fixture
def system(tmp_path: Path, guard: GuardProcess) -> Iterator[System]:
    made = System(tmp_path, guard)
    try:
        yield made
    finally:
        made.end()


@contextlib.asynccontextmanager
async def supervised(system: System) -> AsyncIterator[None]:
    task = asyncio.create_task(system.supervise())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


# --- killed -----------------------------------------------------------------------------------------


async def test_a_killed_process_takes_its_whole_family_with_it(system: System) -> None:
    victim, other = system.start("catalog.web.1"), system.start("catalog.web.2")
    async with supervised(system):
        (bite,) = await schedule.run([Strike("kill", "catalog.web.1")], system)
    assert victim.states == ["", "", ""]
    assert other.states == ["S", "S", "S"]
    assert system.restarts == {"catalog.web.1": 1}
    assert bite.evidence.bit
    assert "all 3 of the family gone" in bite.evidence.what


async def test_an_orphan_that_stands_in_an_engines_folder_is_of_its_family(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What left both the session and the parent of a database server still can acknowledge a commit."""
    monkeypatch.setattr(process, "NOTICED_LIMIT", 0.0)
    tree = system.start(
        "postgres.1",
        TREE.replace(
            "start_new_session=True",
            "start_new_session=True, preexec_fn=lambda: os.fork() and os._exit(0)",
        ),
    )
    folder = system.folder / "nodes" / "postgres.1"

    def inside() -> list[int]:
        return [pid for pid in proc.pids() if proc.folder(pid) == folder and proc.state(pid) not in ("", "Z")]

    wait(lambda: len(inside()) == 3)
    orphans = [pid for pid in inside() if proc.parent(pid) != tree.process.pid and pid != tree.process.pid]
    assert orphans
    await schedule.run([Strike("kill", "postgres.1")], system)
    assert inside() == []


async def test_killed_alone_a_parent_leaves_its_children(system: System) -> None:
    victim = system.start("catalog.web.1")
    async with supervised(system):
        (bite,) = await schedule.run([Strike("kill.parent", "catalog.web.1")], system)
    assert victim.states == ["", "S", "S"]
    assert bite.evidence.bit


async def test_everything_is_killed_at_once(system: System) -> None:
    trees = [system.start(name) for name in ("catalog.web.1", "orders.web.1", "valkey.1")]
    async with supervised(system):
        (bite,) = await schedule.run([Strike("kill.everything")], system)
    assert [tree.states for tree in trees] == [["", "", ""]] * 3
    assert set(system.restarts) == {"catalog.web.1", "orders.web.1", "valkey.1"}
    assert "all 9 of the family gone" in bite.evidence.what


async def test_what_was_restarted_meanwhile_is_not_hit(system: System) -> None:
    """The supervisor replaces what it sees dying; its replacement stands in the same folder."""
    old = system.start("valkey.1")
    members = family.family(Process.of(old.process.pid), old.cwd)
    rounds = []

    def more() -> family.Family:
        if not rounds:
            time.sleep(0.03)
            system._old.append(old)
            rounds.append(system.start("valkey.1"))
        return family.family(Process.of(old.process.pid), old.cwd)

    family.kill(members, more)
    wait(lambda: old.states == ["", "", ""])
    assert rounds[0].states == ["S", "S", "S"]


async def test_a_process_with_a_reused_number_is_not_signalled(system: System) -> None:
    tree = system.start("catalog.web.1")
    earlier = Process(tree.process.pid, proc.start_time(tree.process.pid) - 1)
    assert not earlier.send(signal.SIGKILL)
    assert not earlier.alive
    assert tree.states[0] == "S"


async def test_one_that_is_asked_to_end_does_so(system: System) -> None:
    system.start("catalog.web.1")
    async with supervised(system):
        pid = system.trees["catalog.web.1"].process.pid
        (bite,) = await schedule.run([Strike("terminate", "catalog.web.1")], system)
    assert bite.evidence.bit
    assert proc.state(pid) in ("", "Z")


async def test_one_that_refuses_to_end_was_not_bitten(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GONE_LIMIT", -14.7)
    stubborn = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{TREE}"
    system.start("catalog.web.1", stubborn)
    (bite,) = await schedule.run([Strike("terminate", "catalog.web.1")], system)
    assert not bite.evidence.bit


# --- paused -----------------------------------------------------------------------------------------


async def test_a_paused_family_stands_still_and_goes_on(system: System) -> None:
    tree = system.start("catalog.web.1")
    task = asyncio.create_task(schedule.run([Strike("pause", "catalog.web.1", lasts=0.3)], system))
    await asyncio.sleep(0.15)
    assert tree.states == ["T", "T", "T"]
    (bite,) = await task
    assert tree.states == ["S", "S", "S"]
    assert bite.evidence.bit
    assert bite.ended - bite.began >= 0.3


async def test_the_first_of_two_pauses_to_end_does_not_end_the_other(system: System) -> None:
    tree = system.start("catalog.web.1")
    strikes = [Strike("pause", "catalog.web.1", lasts=0.2), Strike("pause", "catalog.web.1", lasts=1.0)]
    task = asyncio.create_task(schedule.run(strikes, system))
    await asyncio.sleep(0.6)
    assert tree.states == ["T", "T", "T"], "the longer one lasts"
    await task
    assert tree.states == ["S", "S", "S"]


async def test_paused_alone_a_parents_children_work_on(system: System) -> None:
    tree = system.start("catalog.web.1")
    task = asyncio.create_task(schedule.run([Strike("pause.parent", "catalog.web.1", lasts=0.3)], system))
    await asyncio.sleep(0.15)
    assert tree.states == ["T", "S", "S"]
    (bite,) = await task
    assert tree.states == ["S", "S", "S"]
    assert bite.evidence.bit


async def test_a_paused_server_does_not_answer(system: System) -> None:
    system.start("catalog.web.1", ANSWERING)
    (bite,) = await schedule.run([Strike("pause", "catalog.web.1", lasts=0.5)], system)
    assert bite.evidence.bit
    assert "nothing answered" in bite.evidence.what


async def test_one_that_goes_on_although_it_was_paused_was_not_bitten(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = system.start("catalog.web.1", ANSWERING)
    original = family.all_stopped

    async def woken(processes: family.Family, within: float) -> bool:
        seen = await original(processes, within)
        os.kill(tree.process.pid, signal.SIGCONT)
        return seen

    monkeypatch.setattr(family, "all_stopped", woken)
    (bite,) = await schedule.run([Strike("pause", "catalog.web.1", lasts=0.5)], system)
    assert not bite.evidence.bit
    assert "answered although" in bite.evidence.what


async def test_a_cancelled_run_leaves_nobody_stopped(system: System) -> None:
    tree = system.start("catalog.web.1")
    task = asyncio.create_task(schedule.run([Strike("pause", "catalog.web.1", lasts=30)], system))
    await asyncio.to_thread(wait, lambda: tree.states == ["T", "T", "T"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree.states == ["S", "S", "S"]


async def test_without_a_guard_nobody_is_stopped(system: System, tmp_path: Path) -> None:
    lost = GuardProcess.start()
    os.kill(lost.pid, signal.SIGKILL)
    system.guard = lost
    tree = system.start("catalog.web.1")
    with pytest.raises(OperationFailed, match="nothing more is broken"):
        await schedule.run([Strike("pause", "catalog.web.1", lasts=0.1)], system)
    assert tree.states == ["S", "S", "S"]
    lost.close()


# --- the machine ------------------------------------------------------------------------------------


async def test_burners_use_processor_time_and_are_gone_afterwards(system: System) -> None:
    (bite,) = await schedule.run([Strike("cpu", lasts=0.6, with_={"processes": 1})], system)
    assert bite.evidence.bit, bite.evidence.what
    assert not [pid for pid in proc.children(os.getpid()) if "monotonic() < end" in _command(pid)]


def _command(pid: int) -> str:
    try:
        return (proc.PROC / str(pid) / "cmdline").read_text()
    except OSError:
        return ""


@pytest.fixture
def mounting() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a tmpfs")


@pytest.fixture
async def small(system: System, guard: GuardProcess, mounting: None) -> AsyncIterator[disk.SmallDisk]:
    try:
        made = disk.prepare(system.folder, guard, size=16 * 2**20)
    except NotPossible as error:
        pytest.skip(str(error))
    yield made
    await made.close()


async def test_a_full_disk_refuses_every_byte_and_has_room_again(
    system: System, small: disk.SmallDisk
) -> None:
    file = small.path / "data"
    file.write_bytes(b"x" * 2**20)
    task = asyncio.create_task(schedule.run([Strike("disk-full", lasts=0.4)], system))
    await asyncio.sleep(0.2)
    with pytest.raises(OSError, match="No space left"):
        (small.path / "new").write_bytes(b"y")
    file.write_bytes(b"")  # what is freed is taken again
    await asyncio.sleep(0.12)
    with pytest.raises(OSError, match="No space left"):
        (small.path / "new").write_bytes(b"y" * 2**16)
    (bite,) = await task
    assert bite.evidence.bit, bite.evidence.what
    (small.path / "new").write_bytes(b"y" * 2**20)
    assert not (small.path / disk.BALLAST).exists()


def test_no_ballast_grows_beyond_a_disk_that_may_be_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever became of the check before: the disk under this test is somebody's own."""
    monkeypatch.setattr(disk, "LARGEST", 2**20)
    with (tmp_path / "ballast").open("ab") as stream:
        assert disk._take(stream.fileno()) == 2**20
        assert disk._take(stream.fileno()) == 0


async def test_a_disk_of_somebodys_own_is_not_filled(system: System) -> None:
    (system.folder / "nodes").mkdir()
    with pytest.raises(NotPossible, match="no small disk"):
        await schedule.run([Strike("disk-full", lasts=0.4)], system)


async def test_a_system_that_has_nodes_gets_no_other_disk(
    system: System, guard: GuardProcess, mounting: None
) -> None:
    (system.folder / "nodes" / "postgres.1").mkdir(parents=True)
    with pytest.raises(NotPossible, match="is not empty"):
        disk.prepare(system.folder, guard)


def test_an_ordinary_user_is_told_why(
    tmp_path: Path, guard: GuardProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotPossible, match="only root may do"):
        disk.prepare(tmp_path, guard)


def test_the_guard_frees_and_unmounts_what_nobody_else_did(tmp_path: Path, mounting: None) -> None:
    with GuardProcess.start() as guard:
        try:
            made = disk.prepare(tmp_path, guard, size=2**20)
        except NotPossible as error:
            pytest.skip(str(error))
        assert made.path.is_mount()
    assert not made.path.is_mount()


def test_a_shifted_clock_needs_a_library_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "PLACES", ("/nonexistent/*.so",))
    with pytest.raises(NotPossible, match="install the package libfaketime"):
        find_library()


async def test_a_shifted_clock_shows_in_what_a_process_says(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        library = find_library()
    except NotPossible as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error} ({', '.join(PLACES)})")
    for name, value in environment(library, -3600).items():
        monkeypatch.setenv(name, value)
    tree = system.start("catalog.web.1", ANSWERING)
    assert abs(await offset(f"127.0.0.1:{tree.said[0]}") + 3600) < 60


# --- none of it possible ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strike", "why"),
    [
        (Strike("link.latency", "catalog->orders", lasts=1), "without fault proxies"),
        (Strike("primary.lost", "primary"), "without fault proxies"),
        (Strike("kill", "catalog.web.1"), "there is no"),
        (Strike("flush", "valkey"), "there is no valkey"),
    ],
)
async def test_what_lacks_its_means_says_which(system: System, strike: Strike, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        await schedule.run([strike], system)


async def test_lack_of_means_for_one_leaves_what_the_others_did_and_undoes_it(system: System) -> None:
    tree = system.start("catalog.web.1")
    strikes = [Strike("pause", "catalog.web.1", lasts=0.3), Strike("kill", "orders.web.1", at=0.1)]
    paused, killed = await schedule.run(strikes, system)
    assert (paused.evidence.bit, killed.evidence.bit) == (True, False)
    assert tree.states == ["S", "S", "S"]


async def test_lack_of_means_before_anything_was_done_is_told(system: System) -> None:
    with pytest.raises(NotPossible):
        await schedule.run([Strike("kill", "orders.web.1")], system)


def test_all_faults_are_named_in_the_catalogue() -> None:
    names: Callable[[], list[str]] = lambda: [kind.name for kind in catalogue.names()]  # noqa: E731
    assert {"kill", "pause", "rollout", "primary.lost", "flush"} <= set(names())
