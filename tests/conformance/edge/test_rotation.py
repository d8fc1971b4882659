"""Replicas come and go while requests flow, and no request of any method is lost."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.conformance.edge import talk
from tests.conformance.edge.load import GET, KEYED, POST, load
from tests.conformance.edge.stage import Replica, Stage


async def leave(stage: Stage, replica: Replica) -> None:
    """Out of rotation, wait for what is under way, stop: what the supervisor does."""
    staying = [each for each in stage.replicas if each is not replica]
    await stage.rotate(*staying)
    acknowledged = time.time()
    for _ in range(200):
        if not await stage.edge.in_flight(replica.backend.name):
            break
        await asyncio.sleep(0.02)
    await asyncio.to_thread(replica.kill)
    stage.replicas.remove(replica)
    assert time.time() - acknowledged < 4


async def test_a_drained_replica_costs_no_request_of_any_method(stage: Stage) -> None:
    """Even kill -9 after the drain goes unnoticed, because nothing is left there to break."""
    async with load(stage.address, GET, KEYED, POST) as report:
        await asyncio.sleep(0.5)
        await leave(stage, stage.replicas[0])
        await asyncio.sleep(0.7)
    assert report.failed.total() == 0, report
    assert report.sent[POST] > 100


async def test_requests_under_way_are_finished_before_in_flight_is_zero(stage: Stage) -> None:
    async with load(stage.address, POST, clients=6, target="/?do=slow&seconds=0.6") as report:
        await asyncio.sleep(0.4)
        assert await stage.edge.in_flight(stage.replicas[0].backend.name) > 0
        await leave(stage, stage.replicas[0])
    assert report.failed.total() == 0, report


async def test_no_request_arrives_after_the_acknowledgement(stage: Stage) -> None:
    leaving, staying = stage.replicas
    async with load(stage.address, GET, POST, clients=8):
        await asyncio.sleep(0.4)
        await stage.rotate(staying)
        while await stage.edge.in_flight(leaving.backend.name):
            await asyncio.sleep(0.02)
        before = len(stage.seen(f'"replica": "{leaving.backend.name}"'))
        await asyncio.sleep(0.5)
        assert len(stage.seen(f'"replica": "{leaving.backend.name}"')) == before
        assert before > 0


async def test_scaling_up_and_down_costs_no_request(stage: Stage) -> None:
    stage.add_replica("catalog.web.3.g1")
    stage.add_replica("catalog.web.4.g1")
    await asyncio.to_thread(stage.wait_for_replicas)
    async with load(stage.address, GET, POST) as report:
        await asyncio.sleep(0.3)
        await stage.rotate(*stage.replicas)
        await asyncio.sleep(0.4)
        for replica in stage.replicas[2:]:
            await leave(stage, replica)
    assert report.failed.total() == 0, report
    assert len(report.answered_by) == 4


async def test_a_rolling_update_costs_no_request(stage: Stage) -> None:
    """One new replica in, one old one out, twice, under the name of the old with a new generation."""
    async with load(stage.address, GET, POST) as report:
        for old in list(stage.replicas):
            stage.add_replica(old.backend.name.replace(".g1", ".g2"))
            await asyncio.to_thread(stage.wait_for_replicas)
            await stage.rotate(*stage.replicas)
            await leave(stage, old)
        await asyncio.sleep(0.3)
    assert report.failed.total() == 0, report
    assert {name for name in report.answered_by if name.endswith("g2")} == {
        replica.backend.name for replica in stage.replicas
    }


async def test_a_replica_that_moved_is_followed(stage: Stage) -> None:
    """The same name at another address, as after a restart on another port."""
    old = stage.replicas[0]
    new = stage.add_replica(old.backend.name)
    await asyncio.to_thread(stage.wait_for_replicas)
    stage.replicas.remove(old)
    await stage.rotate(*stage.replicas)
    old.kill()
    async with load(stage.address, GET, POST, clients=2) as report:
        await asyncio.sleep(0.5)
    assert report.failed.total() == 0, report
    assert report.answered_by[new.backend.name] > 0


async def test_a_replica_that_left_is_forgotten(stage: Stage) -> None:
    """Else a week of deployments fills the edge, and its metrics, with names of the dead."""
    gone, staying = stage.replicas
    async with load(stage.address, GET, POST, clients=2):
        await asyncio.sleep(0.3)
        await leave(stage, gone)
    await stage.rotate(staying)
    metrics = await asyncio.to_thread(talk.request, stage.monitor, "/metrics")
    assert metrics.status == 200
    assert gone.backend.name.encode() not in metrics.body


async def test_the_same_rotation_again_changes_nothing(stage: Stage) -> None:
    async with load(stage.address, GET, POST, clients=2) as report:
        for _ in range(3):
            await stage.rotate(*stage.replicas)
    assert report.failed.total() == 0, report


async def test_nothing_is_in_flight_on_an_unknown_replica(stage: Stage) -> None:
    assert await stage.edge.in_flight("nobody.web.1.g1") == 0


@pytest.mark.parametrize("changes", [8])
async def test_many_changes_in_a_row_cost_no_request(stage: Stage, changes: int) -> None:
    first, second = stage.replicas
    async with load(stage.address, GET, POST) as report:
        for number in range(changes):
            await stage.rotate(*((first, second), (second,), (second, first), (first,))[number % 4])
    assert report.failed.total() == 0, report
