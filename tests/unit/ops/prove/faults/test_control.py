"""Planned changes as faults, and what is put back after them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.faults import catalogue, clock
from mainstay.ops.prove.faults.fault import Fault, NotPossible, Strike
from mainstay.ops.supervise.twin import STATE
from tests.unit.ops.prove.faults.fakes import FakeTarget, row

HALTED = OperationFailed("rollout.halted", "catalog: catalog.web.1 did not become ready: exit code 3")


async def bitten(fault: Fault) -> bool:
    return (await fault.evidence()).bit


async def test_a_rollout_names_its_service_or_takes_each_in_turn(target: FakeTarget) -> None:
    target.answers["rollout"] = {"replaced": 2}
    one = catalogue.make(Strike("rollout", "orders"), target)
    await one.inject()
    assert target.called == [("rollout", {"name": "orders"})]
    every = catalogue.make(Strike("rollout"), target)
    await every.inject()
    assert target.called[1:] == [("rollout", {"name": "catalog"}), ("rollout", {"name": "orders"})]
    assert await bitten(one)
    assert "4 processes of catalog, orders" in (await every.evidence()).what


async def test_a_rollout_that_is_refused_did_not_bite(target: FakeTarget) -> None:
    target.answers["rollout"] = OperationFailed("system.busy", "another change is under way")
    fault = catalogue.make(Strike("rollout", "orders"), target)
    await fault.inject()
    assert not await bitten(fault)


async def test_scaling_goes_back_to_what_was(target: FakeTarget) -> None:
    target.answers["scale"] = lambda name, replicas: {"name": name, "from": 2, "to": replicas}
    fault = catalogue.make(Strike("scale", "catalog", lasts=1, with_={"replicas": 5}), target)
    await fault.inject()
    await fault.undo()
    await fault.undo()
    assert target.called == [
        ("scale", {"name": "catalog.web", "replicas": 5}),
        ("scale", {"name": "catalog.web", "replicas": 2}),
    ]
    assert await bitten(fault)


async def test_an_edge_is_reloaded_by_one_more_replica(target: FakeTarget) -> None:
    target.answers["scale"] = lambda name, replicas: {"name": name, "from": 2, "to": replicas}
    fault = catalogue.make(Strike("edge.reload", "edge"), target)
    await fault.inject()
    await fault.undo()
    assert [arguments["replicas"] for _, arguments in target.called] == [3, 2]
    assert await bitten(fault)


async def test_a_scale_that_the_database_does_not_bear_is_not_possible(target: FakeTarget) -> None:
    target.answers["scale"] = OperationFailed("capacity.connections", "would need 99 connections")
    with pytest.raises(NotPossible, match="99 connections"):
        await catalogue.make(Strike("scale", "catalog", lasts=1), target).inject()


@pytest.fixture
def twin(target: FakeTarget, tmp_path: Path) -> Path:
    """The file in which the twin's differences stand."""
    target.folder = tmp_path / STATE
    target.folder.mkdir()
    file = tmp_path / "twin.json"
    file.write_text('{"seed": 7, "services": {"catalog": {"env": {"PYTHONPATH": "/own", "A": "b"}}}}')
    return file


def bad(target: FakeTarget, **settings: Any) -> Fault:
    return catalogue.make(Strike("bad-release", "catalog", with_=settings), target)


async def test_a_bad_release_is_written_before_the_rollout_and_taken_back_after_it(
    target: FakeTarget, twin: Path
) -> None:
    before = json.loads(twin.read_text())
    seen: list[Any] = []
    target.answers["rollout"] = lambda name: seen.append(json.loads(twin.read_text())) or {"replaced": 2}
    fault = bad(target, variant="errors")
    await fault.inject()
    (promised,) = target.guard.outstanding.values()
    assert (promised["kind"], json.loads(promised["text"])) == ("write", before)
    await fault.undo()
    bad_one, good = seen
    assert bad_one["services"]["catalog"]["application"] == "mainstay_bad_release:application"
    env = bad_one["services"]["catalog"]["env"]
    assert env["A"] == "b"
    assert env["MAINSTAY_BAD_RELEASE_OF"] == target.topology.service("catalog").application
    assert good == before == json.loads(twin.read_text())
    assert target.guard.outstanding == {}


async def test_a_crashing_release_bit_when_the_rollout_was_halted(target: FakeTarget, twin: Path) -> None:
    def crash(name: str) -> OperationFailed:
        (target.folder / f"{name}.bad-release.tally").touch()
        return HALTED

    target.answers["rollout"] = crash
    fault = bad(target, variant="crash")
    await fault.inject()
    await fault.undo()
    assert len(target.called) == 1, "what was halted need not be rolled back"
    assert await bitten(fault)


async def test_a_rollout_that_was_halted_before_the_bad_release_began_did_not_bite(
    target: FakeTarget, twin: Path
) -> None:
    """The good one may crash for a reason of its own; a file of an earlier strike says nothing either."""
    (target.folder / "catalog.bad-release.tally").touch()
    target.answers["rollout"] = HALTED
    fault = bad(target, variant="crash")
    await fault.inject()
    await fault.undo()
    evidence = await fault.evidence()
    assert not evidence.bit
    assert evidence.what.startswith("the bad release never started: catalog: catalog.web.1 did not")


async def test_a_crashing_release_that_went_through_did_not_bite(target: FakeTarget, twin: Path) -> None:
    target.answers["rollout"] = {"replaced": 2}
    fault = bad(target, variant="crash")
    await fault.inject()
    await fault.undo()
    assert not await bitten(fault)


async def test_a_release_that_spoiled_no_answer_did_not_bite(target: FakeTarget, twin: Path) -> None:
    target.answers["rollout"] = {"replaced": 2}
    fault = bad(target, variant="slow")
    await fault.inject()
    await fault.undo()
    assert not await bitten(fault)
    (target.folder / "catalog.bad-release.tally").write_bytes(b"...")
    assert "3 answers" in (await fault.evidence()).what
    assert await bitten(fault)


async def test_the_running_system_gets_no_bad_release(target: FakeTarget) -> None:
    with pytest.raises(NotPossible, match="only be rolled out to a twin"):
        await bad(target).inject()
    assert target.called == []


@pytest.mark.parametrize(
    ("offsets", "bit"), [([300.0, 297.0], True), ([300.0, 0.4], False), ([140.0], False), ([], False)]
)
async def test_a_clock_is_shifted_when_every_replica_says_so(
    target: FakeTarget, twin: Path, monkeypatch: pytest.MonkeyPatch, offsets: list[float], bit: bool
) -> None:
    before = json.loads(twin.read_text())
    answers = iter(offsets)

    async def offset(address: str) -> float:
        return next(answers)

    monkeypatch.setattr(clock, "find_library", lambda: Path("/lib/libfaketimeMT.so.1"))
    monkeypatch.setattr(clock, "offset", offset)
    target.rows = [row(f"catalog.web.{number}") for number, _ in enumerate(offsets, 1)]
    fault = catalogue.make(Strike("clock", "catalog", lasts=1, with_={"seconds": 300}), target)
    await fault.inject()
    assert json.loads(twin.read_text())["services"]["catalog"]["env"]["FAKETIME"] == "+300s"
    await fault.undo()
    assert json.loads(twin.read_text()) == before
    assert [verb for verb, _ in target.called] == ["rollout", "rollout"]
    assert await bitten(fault) is bit


async def test_a_release_that_was_asked_for_and_cut_off_is_taken_back(target: FakeTarget, twin: Path) -> None:
    target.answers["rollout"] = asyncio.CancelledError()
    fault = bad(target, variant="errors")
    with pytest.raises(asyncio.CancelledError):
        await fault.inject()
    target.answers["rollout"] = {"replaced": 2}
    await fault.undo()
    await fault.undo()
    assert len(target.called) == 2, "nobody knows whether it was rolled out, so the good one is"


async def test_two_changes_of_a_twin_are_taken_back_one_by_one(
    target: FakeTarget, twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = json.loads(twin.read_text())
    monkeypatch.setattr(clock, "find_library", lambda: Path("/lib/libfaketimeMT.so.1"))
    target.rows = []
    first = catalogue.make(Strike("clock", "catalog", lasts=1), target)
    second = bad(target, variant="errors")
    await first.inject()
    await second.inject()
    await first.undo()
    left = json.loads(twin.read_text())["services"]["catalog"]
    assert "FAKETIME" not in left["env"]
    assert left["application"] == "mainstay_bad_release:application", "this one is still on"
    await second.undo()
    assert json.loads(twin.read_text()) == before


async def test_scaling_that_was_cut_off_is_undone_here_and_promised_to_the_guard(target: FakeTarget) -> None:
    target.rows = [row("catalog.web.1"), row("catalog.web.2")]
    target.answers["scale"] = asyncio.CancelledError()
    fault = catalogue.make(Strike("scale", "catalog.web", lasts=1, with_={"replicas": 3}), target)
    with pytest.raises(asyncio.CancelledError):
        await fault.inject()
    (promised,) = target.guard.outstanding.values()
    assert promised["request"] == {"verb": "scale", "name": "catalog.web", "replicas": 2}
    target.answers["scale"] = {"from": 2, "to": 2}
    await fault.undo()
    assert target.called[-1] == ("scale", {"name": "catalog.web", "replicas": 2})
    assert target.guard.outstanding == {}
