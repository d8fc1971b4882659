"""All fleets of a system: how their processes are made, and which of them the edge may use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise.fleets import Fleets
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.ports import Ports
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import State, Supervised
from mainstay.ops.supervise.units import BackgroundProcess, WebReplica
from mainstay.ops.topology.values import Service, Topology

from .fakes import FakeEdge


class Stage:
    """The fleets of a shop; their processes are made and never started."""

    def __init__(self, topology: Topology, folder: Path, journal: Journal) -> None:
        self.edge = FakeEdge()
        self.assembly: Any = SimpleNamespace(edge=SimpleNamespace(breaks_hanging=False), links=None)
        self.rotation = Rotation(self.edge, journal)  # type: ignore[arg-type]
        self.fleets = Fleets(
            topology,
            self.assembly,
            StateFolder(folder, "shop"),
            Ports({}),
            journal,
            self.rotation,
            lambda _: None,
        )

    def hire(self, service: str, kind: str, number: int = 1) -> Supervised:
        """A member that is there and not started."""
        fleet = self.fleets.fleet(service, kind)
        process = fleet._make(fleet.service, fleet.kind, number)
        fleet.members[number] = process
        return process


@pytest.fixture
def stage(topology: Topology, tmp_path: Path, journal: Journal) -> Stage:
    return Stage(topology, tmp_path / "state", journal)


def test_there_is_one_for_each_kind_of_each_service(stage: Stage) -> None:
    assert [fleet.name for fleet in stage.fleets.by_name.values()] == [
        "catalog.web",
        "orders.web",
        "orders.worker",
    ]
    with pytest.raises(OperationFailed) as unknown:
        stage.fleets.fleet("orders", "beat")
    assert unknown.value.hint == "known: catalog.web, orders.web, orders.worker"


@pytest.mark.parametrize("kind", ["web", "worker"])
def test_who_replaces_another_says_that_it_is_of_a_later_generation(stage: Stage, kind: str) -> None:
    """Both have one name and one log."""
    generations = [cast("Any", stage.hire("orders", kind).unit).generation for _ in range(3)]
    assert generations == [1, 2, 3]


def test_only_what_answers_requests_is_killed_when_it_is_frozen(stage: Stage) -> None:
    """And that only where the edge would leave its requests hanging."""
    web, worker = stage.hire("orders", "web"), stage.hire("orders", "worker")
    assert (type(web.unit), web.kill_when_frozen) == (WebReplica, True)
    assert (type(worker.unit), worker.kill_when_frozen) == (BackgroundProcess, False)
    stage.assembly.edge.breaks_hanging = True
    assert not stage.hire("orders", "web").kill_when_frozen


def test_a_process_is_spare_while_another_of_its_fleet_answers(stage: Stage) -> None:
    one, two = stage.hire("catalog", "web", 1), stage.hire("catalog", "web", 2)
    stage.hire("orders", "web").state = State.READY
    assert not one.is_spare()
    two.state = State.READY
    assert one.is_spare()
    assert not two.is_spare()


async def test_the_last_one_is_left_to_the_edge_although_it_is_slow(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervised, "pid", 4242)
    one, two = stage.hire("catalog", "web", 1), stage.hire("catalog", "web", 2)
    for process in (one, two):
        process.state = State.READY
        assert isinstance(process.unit, WebReplica)
        process.unit.address = process.unit.take_port()
        await stage.rotation.put_in(process.unit)
    for process, state in ((one, State.STARTING), (two, State.STARTING), (two, State.READY)):
        process.state = state
        await stage.fleets.report(process)
    first = "catalog.web.1.g1"
    assert stage.edge.told_down == [(first, True), (first, False), (first, True)]


async def test_what_was_rolled_out_is_what_the_fleet_is_from_then_on(
    stage: Stage, topology: Topology
) -> None:
    catalog: Service = replace(topology.service("catalog"), pool=3)
    await stage.fleets.adopt(catalog)
    assert stage.fleets.fleet("catalog", "web").service is catalog
    assert stage.fleets.fleet("orders", "web").service is topology.service("orders")
