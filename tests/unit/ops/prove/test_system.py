"""Whom a proof may load, and what it says of a system that is not ready."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.claim import Claim, Load
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.faults import disk
from mainstay.ops.prove.faults.fault import NotPossible, Strike
from mainstay.ops.prove.history import History
from mainstay.ops.prove.plan import Options
from mainstay.ops.prove.proof import wall_clock_offset
from mainstay.ops.prove.system import (
    Somewhere,
    Supervised,
    SystemGone,
    check_address,
    opened,
    twin_folder,
)
from mainstay.ops.prove.twin import TwinSystem
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.faults.fakes import FakeGuard
from tests.unit.ops.prove.systems import PLAIN, declared


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    return declared(tmp_path, PLAIN)


@pytest.fixture
def folder(topology: Topology) -> Folder:
    return Folder.create(topology.folder, "quick", datetime(2026, 1, 1, tzinfo=UTC))


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://127.0.0.1",
        "http://127.9.8.7:80/",
        "http://localhost:8000",
        "http://[::1]:8000",
        "https://localhost:8443",
    ],
)
def test_this_machine_may_be_loaded(url: str) -> None:
    check_address(url, allowed=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:8000",
        "http://example.com",
        "http://0.0.0.0:8000",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost@192.0.2.1",
        "http://[2001:db8::1]",
    ],
)
def test_another_machine_has_to_be_allowed(url: str) -> None:
    with pytest.raises(OperationFailed, match="is not this machine") as caught:
        check_address(url, allowed=False)
    assert caught.value.id == "prove.not-loopback"
    assert "--allow-remote" in caught.value.hint
    check_address(url, allowed=True)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://127.0.0.1:8000/api/",
        " ",
    ],
)
@pytest.mark.parametrize("allowed", [False, True])
def test_what_is_no_address_of_a_server_is_refused(url: str, allowed: bool) -> None:
    with pytest.raises(OperationFailed) as caught:
        check_address(url, allowed=allowed)
    assert caught.value.id == "prove.bad-address"


async def test_an_address_is_never_broken_and_known_only_from_outside(
    topology: Topology, folder: Folder
) -> None:
    options = Options(against="http://127.0.0.1:8000/")
    async with opened(topology, options, folder, FakeGuard(), ()) as proved:
        assert isinstance(proved, Somewhere)
        assert proved.url == "http://127.0.0.1:8000"
        await proved.until_ready(0.0, "before")
        assert (await proved.processes(), await proved.events()) == ([], [])
        assert await proved.inside(History()) == {}
        with pytest.raises(NotPossible, match="--against"):
            _ = proved.target


# --- what a supervisor tells -----------------------------------------------------------------------


@dataclass
class Asked:
    """As much of a twin as is asked."""

    folder: Path
    topology: Topology
    ready_after: int = 0
    url: str = "http://127.0.0.1:8000"
    silent: bool = False
    noted: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    stopped: list[bool] = field(default_factory=list)
    there: bool = True

    async def status(self) -> dict[str, Any]:
        self.asked += 1
        if self.silent and self.asked > 1:
            raise OperationFailed("system.not-running", "nobody answers")
        row = {"name": "web.web.1", "state": "starting", "detail": "no answer", "pid": 1}
        return {
            "url": self.url,
            "ready": self.asked > self.ready_after,
            "durability": "degraded",
            "processes": [row],
        }

    async def events(self) -> list[dict[str, Any]]:
        return self.noted

    def why_ended(self) -> OperationFailed:
        return OperationFailed("prove.twin-ended", "killed by signal 9", details=("a line of its log",))

    async def stop(self, *, keep: bool = False) -> None:
        self.stopped.append(keep)

    def supervised(self) -> Supervised:
        return Supervised(self, self.url)  # type: ignore[arg-type]


async def test_it_waits_until_everything_is_ready(topology: Topology, tmp_path: Path) -> None:
    asked = Asked(tmp_path, topology, ready_after=3)
    await asked.supervised().until_ready(30.0, "before")
    assert asked.asked == 4


async def test_what_is_missing_is_named_when_it_is_too_late(topology: Topology, tmp_path: Path) -> None:
    asked = Asked(tmp_path, topology, ready_after=10**6)
    with pytest.raises(OperationFailed) as caught:
        await asked.supervised().until_ready(0.3, "after the faults")
    assert caught.value.what == "the system was not ready within 0.3 s after the faults"
    assert caught.value.details == ("web.web.1: starting no answer",)


async def test_a_supervisor_that_does_not_answer_is_a_system_that_is_not_ready(
    topology: Topology, tmp_path: Path
) -> None:
    asked = Asked(tmp_path, topology, ready_after=10**6, silent=True)
    supervised = asked.supervised()
    with pytest.raises(OperationFailed) as caught:
        await supervised.until_ready(0.3, "after the faults")
    assert caught.value.id == "prove.not-ready"
    assert await supervised.processes() == []


async def test_a_supervisor_that_ended_is_not_waited_for(topology: Topology, tmp_path: Path) -> None:
    asked = Asked(tmp_path, topology, ready_after=10**6, silent=True, there=False)
    with pytest.raises(SystemGone) as caught:
        await asked.supervised().until_ready(600.0, "after the faults")
    assert caught.value.details == ("killed by signal 9", "a line of its log")
    with pytest.raises(SystemGone):
        asked.supervised().check_there()


async def test_the_versions_of_its_engines_are_read_from_its_events(
    topology: Topology, tmp_path: Path
) -> None:
    noted = [
        {"event": "engine.found", "subject": "edge", "program": "haproxy", "version": "3.0"},
        {"event": "process.ended", "subject": "web.web.1"},
    ]
    supervised = await Supervised.of(Asked(tmp_path, topology, noted=noted))  # type: ignore[arg-type]
    assert supervised.versions == {"haproxy": "3.0"}
    assert supervised.url == "http://127.0.0.1:8000"


async def test_the_inside_counts_this_claim_alone(topology: Topology, tmp_path: Path) -> None:
    """Events of the claim before it, and of engines, are not its own."""
    history = History(began=time.monotonic() - 10.0)
    before = datetime.fromtimestamp(wall_clock_offset() + history.began - 5.0, UTC)
    now = datetime.fromtimestamp(wall_clock_offset() + history.began + 5.0, UTC)
    noted = [
        {"time": before.isoformat(), "event": "process.ended", "subject": "web.web.1"},
        {"time": now.isoformat(), "event": "process.ended", "subject": "web.web.1"},
        {"time": now.isoformat(), "event": "process.ended", "subject": "postgres.1"},
    ]
    supervised = Asked(tmp_path, topology, noted=noted).supervised()
    assert await supervised.inside(history) == {"restarts": 1.0, "left-ready": 0.0}


# --- where a twin lives ----------------------------------------------------------------------------


async def test_the_running_system_is_left_running(
    topology: Topology, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = Asked(topology.folder, topology)

    async def attach(*given: Any, **more: Any) -> Asked:
        return attached

    monkeypatch.setattr(TwinSystem, "attach", attach)
    async with opened(topology, Options(running=True), folder, FakeGuard(), ()) as proved:
        assert proved.url == attached.url
        assert attached.stopped == []
    # What was attached to is not ours: to stop is to let it go.
    assert attached.stopped == [False]


@pytest.fixture
def started(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which twins were started, without starting any."""
    places: list[Path] = []

    async def start(topology: Topology, place: Path, **more: Any) -> Asked:
        places.append(place)
        (place / "state" / "logs").mkdir(parents=True)
        (place / "state" / "logs" / "web.web.1.log").write_text("hello\npassword=hunter2\n")
        return Asked(place / "state", topology)

    monkeypatch.setattr(TwinSystem, "start", start)
    return places


async def test_two_proofs_never_share_a_twins_folder(
    topology: Topology, started: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence in two folders of one name would otherwise make one proof remove the other's running twin."""
    for number in (1, 2):
        monkeypatch.setattr(os, "getpid", lambda number=number: number)
        folder = Folder(tmp_path / str(number) / "proof")
        folder.path.mkdir(parents=True)
        async with opened(topology, Options(), folder, FakeGuard(), ()):
            pass
    assert len(set(started)) == 2
    assert {place.parent for place in started} == {topology.folder / ".mainstay" / "twins"}


async def test_a_twins_logs_are_evidence_without_its_secrets_and_its_folder_goes(
    topology: Topology, folder: Folder, started: list[Path]
) -> None:
    async with opened(topology, Options(), folder, FakeGuard(), ()):
        assert started == [twin_folder(topology, folder)]
    assert (folder.path / "logs" / "web.web.1.log").read_text() == "hello\npassword=(masked)\n"


DISK = Claim("disk", "", (Strike("disk-full", "primary"),), Load(1.0), ())


class Disk:
    """A small disk that is never mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed = False

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("claim", [DISK, replace(DISK, strikes=(Strike("kill", "primary"),))])
async def test_a_disk_is_put_under_a_twin_that_will_fill_it_and_taken_away_before_its_folder_goes(
    topology: Topology, folder: Folder, started: list[Path], monkeypatch: pytest.MonkeyPatch, claim: Claim
) -> None:
    prepared: list[Disk] = []

    def prepare(state: Path, guard: Any) -> Disk:
        prepared.append(Disk(state))
        return prepared[-1]

    monkeypatch.setattr(disk, "prepare", prepare)
    async with opened(topology, Options(), folder, FakeGuard(), (claim,)):
        assert started[0].exists()
    if claim is DISK:
        assert [(each.path, each.closed) for each in prepared] == [(started[0] / "state", True)]
        assert not started[0].exists()
    else:
        assert prepared == []


async def test_a_machine_without_the_means_for_a_disk_has_a_twin_all_the_same(
    topology: Topology, folder: Folder, started: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(state: Path, guard: Any) -> None:
        raise NotPossible("only root may mount")

    monkeypatch.setattr(disk, "prepare", prepare)
    async with opened(topology, Options(), folder, FakeGuard(), (DISK,)):
        assert len(started) == 1


@pytest.mark.parametrize("hint", ["the whole log: `mainstay logs web.web.1`", "the whole log: {log}"])
async def test_a_disk_is_taken_away_also_when_the_twin_does_not_come_up(
    topology: Topology, folder: Folder, monkeypatch: pytest.MonkeyPatch, hint: str
) -> None:
    """And what is said of its logs is where they are now, not where those of the system beside it are."""
    prepared: list[Disk] = []

    def prepare(state: Path, guard: Any) -> Disk:
        state.mkdir(parents=True)
        prepared.append(Disk(state))
        return prepared[-1]

    async def start(*given: Any, **more: Any) -> None:
        log = prepared[0].path / "logs" / "web.web.1.log"
        log.parent.mkdir()
        log.write_text("no stock today\npassword=hunter2\n")
        more["failed"](prepared[0].path)
        raise OperationFailed(
            "process.not-ready", "web.web.1 crashed", hint.format(log=log), details=(f"{log}",)
        )

    monkeypatch.setattr(disk, "prepare", prepare)
    monkeypatch.setattr(TwinSystem, "start", start)
    with pytest.raises(OperationFailed, match="crashed") as caught:
        async with opened(topology, Options(), folder, FakeGuard(), (DISK,)):
            pass
    log = folder.path / "logs" / "web.web.1.log"
    assert log.read_text() == "no stock today\npassword=(masked)\n"
    assert (caught.value.hint, caught.value.details) == (f"the whole log: {log}", (str(log),))
    assert prepared[0].closed
    assert not twin_folder(topology, folder).exists()
