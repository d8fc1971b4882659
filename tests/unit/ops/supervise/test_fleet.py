"""Processes are replaced one beside the other, and a failure leaves what was there before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise.fleet import Fleet
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.supervised import State
from mainstay.ops.supervise.units import WebReplica
from mainstay.ops.topology.values import Kind, Service

from .fakes import FakeEdge, FakeProcessOf


class Stage:
    """A fleet, the edge before it, and everything that happened in order."""

    def __init__(self, service: Service, replica: Callable[..., WebReplica], journal: Journal) -> None:
        self.story: list[str] = []
        self.edge = FakeEdge()
        self.edge.before_ack = self._ack
        self.rotation = Rotation(self.edge, journal)  # type: ignore[arg-type]
        self.failing: set[int] = set()
        """Generations that never become ready."""
        self.hired: list[FakeProcessOf] = []
        self.replica = replica
        kind = service.kind("web")
        self.fleet = Fleet(service, kind, self._hire, lambda: self.rotation, journal, 1.0)

    def _hire(self, service: Service, kind: Kind, number: int, generation: int) -> Any:
        unit = self.replica(number, generation, service)
        self.hired.append(FakeProcessOf(unit, self.story, ready=generation not in self.failing))
        return self.hired[-1]

    async def _ack(self) -> None:
        self.story.append("edge acknowledged")

    @property
    def names(self) -> list[str]:
        return [process.name for process in self.fleet.processes]

    @property
    def running(self) -> set[str]:
        return {each.tag for each in self.hired if each.state is not State.STOPPED}


@pytest.fixture
def stage(catalog: Service, replica: Callable[..., WebReplica], journal: Journal) -> Stage:
    return Stage(catalog, replica, journal)


async def test_a_fleet_starts_its_members_together_and_puts_them_in_rotation(stage: Stage) -> None:
    await stage.fleet.start()
    assert stage.names == ["catalog.web.1", "catalog.web.2"]
    assert stage.edge.serving == {"catalog.web.1.g1", "catalog.web.2.g2"}
    assert stage.story[:2] == ["catalog.web.1.g1 starting", "catalog.web.2.g2 starting"]


async def test_a_start_that_fails_quotes_the_process(stage: Stage) -> None:
    stage.failing = {2}
    with pytest.raises(OperationFailed) as failure:
        await stage.fleet.start()
    assert failure.value.id == "process.not-ready"
    assert failure.value.what == "catalog.web.2 did not become ready: /readyz answered 503"
    assert failure.value.details == ("ImproperlyConfigured: no such setting",)
    assert failure.value.hint.endswith("`mainstay logs catalog.web.2`")


async def test_a_replacement_serves_before_the_old_one_leaves(stage: Stage, catalog: Service) -> None:
    await stage.fleet.start()
    stage.story.clear()
    await stage.fleet.replace(1, catalog, "restart")
    assert stage.story == [
        "catalog.web.1.g3 starting",
        "catalog.web.1.g3 ready",
        "edge acknowledged",
        "catalog.web.1.g1 draining",
        "edge acknowledged",
        "catalog.web.1.g1 stopped",
    ]
    assert stage.edge.serving == {"catalog.web.1.g3", "catalog.web.2.g2"}
    assert stage.names == ["catalog.web.1", "catalog.web.2"]


async def test_while_it_is_replaced_the_old_one_is_shown_as_old(stage: Stage, catalog: Service) -> None:
    await stage.fleet.start()
    seen: list[list[str]] = []

    async def look() -> None:
        seen.append(stage.names)

    stage.edge.before_ack = look
    await stage.fleet.replace(1, catalog, "restart")
    assert seen[0] == ["catalog.web.1", "catalog.web.2", "catalog.web.1.old"]


async def test_when_the_new_one_does_not_become_ready_the_old_one_goes_on(
    stage: Stage, catalog: Service
) -> None:
    await stage.fleet.start()
    stage.failing = {3}
    stage.story.clear()
    with pytest.raises(OperationFailed, match=r"process.not-ready"):
        await stage.fleet.replace(1, catalog, "rolling update")
    assert stage.running == {"catalog.web.1.g1", "catalog.web.2.g2"}
    assert stage.edge.serving == {"catalog.web.1.g1", "catalog.web.2.g2"}
    assert "catalog.web.1.g1 draining" not in stage.story
    assert stage.names == ["catalog.web.1", "catalog.web.2"]


async def test_a_replacement_that_is_cut_off_leaves_the_old_one(stage: Stage, catalog: Service) -> None:
    await stage.fleet.start()
    hire = stage._hire

    def slow(*arguments: Any) -> Any:
        process = hire(*arguments)
        process.gate.clear()
        return process

    stage.fleet._hire = slow  # type: ignore[assignment]
    work = asyncio.create_task(stage.fleet.replace(1, catalog, "restart"))
    await asyncio.sleep(0)
    assert "catalog.web.1.g3" in stage.running
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert stage.running == {"catalog.web.1.g1", "catalog.web.2.g2"}
    assert stage.names == ["catalog.web.1", "catalog.web.2"]


async def test_an_edge_that_fails_leaves_no_old_process_behind(stage: Stage, catalog: Service) -> None:
    await stage.fleet.start()
    acknowledged = 0

    async def fail_second() -> None:
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged == 2:
            raise OperationFailed("edge.refused", "no")

    stage.edge.before_ack = fail_second
    with pytest.raises(OperationFailed, match=r"edge.refused"):
        await stage.fleet.replace(1, catalog, "restart")
    assert stage.running == {"catalog.web.1.g3", "catalog.web.2.g2"}
    assert stage.names == ["catalog.web.1", "catalog.web.2"]


async def test_an_edge_that_refuses_the_new_one_keeps_the_old_one(stage: Stage, catalog: Service) -> None:
    await stage.fleet.start()
    stage.edge.error = OperationFailed("edge.refused", "no")
    with pytest.raises(OperationFailed, match=r"edge.refused"):
        await stage.fleet.replace(1, catalog, "restart")
    assert stage.running == {"catalog.web.1.g1", "catalog.web.2.g2"}


async def test_scaling_up_numbers_on_and_scaling_down_takes_the_highest(stage: Stage) -> None:
    await stage.fleet.start()
    await stage.fleet.scale(4)
    assert stage.names == [f"catalog.web.{number}" for number in (1, 2, 3, 4)]
    await stage.fleet.scale(1)
    assert stage.names == ["catalog.web.1"]
    assert stage.edge.serving == {"catalog.web.1.g1"}
    assert stage.running == {"catalog.web.1.g1"}


async def test_a_number_is_used_again_but_never_a_backend(stage: Stage) -> None:
    await stage.fleet.start()
    await stage.fleet.scale(1)
    await stage.fleet.scale(2)
    assert stage.names == ["catalog.web.1", "catalog.web.2"]
    assert stage.edge.serving == {"catalog.web.1.g1", "catalog.web.2.g3"}


async def test_scaling_to_none_and_back(stage: Stage) -> None:
    await stage.fleet.start()
    await stage.fleet.scale(0)
    assert stage.names == []
    await stage.fleet.scale(2)
    assert stage.names == ["catalog.web.1", "catalog.web.2"]


async def test_a_scale_up_that_fails_changes_nothing(stage: Stage) -> None:
    await stage.fleet.start()
    stage.failing = {4}
    with pytest.raises(OperationFailed, match=r"process.not-ready"):
        await stage.fleet.scale(4)
    assert stage.names == ["catalog.web.1", "catalog.web.2"]
    assert stage.running == {"catalog.web.1.g1", "catalog.web.2.g2"}
    assert stage.edge.serving == {"catalog.web.1.g1", "catalog.web.2.g2"}


async def test_a_replacement_runs_what_the_new_declaration_says(stage: Stage, catalog: Service) -> None:
    await stage.fleet.start()
    newer = replace(catalog, settings="catalog.newer")
    await stage.fleet.replace(2, newer, "rolling update")
    assert stage.fleet.members[2].unit.declared.settings == "catalog.newer"  # type: ignore[attr-defined]
    assert stage.fleet.members[1].unit.declared.settings == catalog.settings  # type: ignore[attr-defined]


async def test_stopping_stops_every_member_at_the_same_time(stage: Stage) -> None:
    await stage.fleet.start()
    await stage.fleet.stop("mainstay down")
    assert stage.running == set()


async def test_one_that_is_scaled_down_is_seen_until_it_is_gone(stage: Stage) -> None:
    """Whoever ends everything has to find it: a second Ctrl-C, the record of pids, `status`."""
    await stage.fleet.start()
    seen: list[bool] = []

    async def look() -> None:
        seen.append(stage.hired[-1] in stage.fleet.processes)

    stage.edge.before_ack = look
    await stage.fleet.scale(len(stage.hired) - 1)
    assert seen == [True]
    assert stage.hired[-1] not in stage.fleet.processes


async def test_one_whose_leaving_is_cut_off_is_stopped_with_the_fleet(stage: Stage) -> None:
    await stage.fleet.start()
    leaver = stage.hired[-1]
    stopping = asyncio.Event()
    stop = leaver.stop

    async def slow(why: str, within: float | None = None) -> None:
        stopping.set()
        await asyncio.Event().wait()

    leaver.stop = slow  # type: ignore[method-assign]
    scaling = asyncio.create_task(stage.fleet.scale(len(stage.hired) - 1))
    await stopping.wait()
    scaling.cancel()
    await asyncio.wait({scaling})
    leaver.stop = stop  # type: ignore[method-assign]
    await stage.fleet.stop("mainstay down")
    assert stage.running == set()
