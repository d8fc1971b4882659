"""Out of rotation is something the edge has said, not something waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise import rotation as module
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.units import WebReplica

from .fakes import FakeEdge

Make = Callable[..., WebReplica]


@pytest.fixture
def edge() -> FakeEdge:
    return FakeEdge()


@pytest.fixture
def rotation(edge: FakeEdge, journal: Journal) -> Rotation:
    return Rotation(edge, journal)  # type: ignore[arg-type]


async def test_the_edge_is_told_the_whole_set_each_time(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    await rotation.put_in(replica(1))
    await rotation.put_in(replica(2))
    await rotation.take_out(replica(1))
    told = [[backend.name for backend in backends] for backends in edge.applied]
    assert told == [["catalog.web.1.g1"], ["catalog.web.1.g1", "catalog.web.2.g1"], ["catalog.web.2.g1"]]


async def test_changes_are_made_one_at_a_time(rotation: Rotation, edge: FakeEdge, replica: Make) -> None:
    """`FakeEdge` fails when it is asked for a second change before it has acknowledged the first."""
    await asyncio.gather(*(rotation.put_in(replica(number)) for number in range(1, 6)))
    changes = [rotation.take_out(replica(number)) for number in range(1, 4)]
    reports = [rotation.report(replica(number), lambda: False) for number in range(4, 6)]
    await asyncio.gather(*changes, *reports)
    assert edge.serving == {"catalog.web.4.g1", "catalog.web.5.g1"}


async def test_leaving_waits_for_the_requests_under_way(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    await rotation.put_in(replica(1))
    edge.open["catalog.web.1.g1"] = 2
    leaving = asyncio.create_task(rotation.take_out(replica(1)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not edge.serving, "no new request reaches it"
    assert not leaving.done(), "those under way still do"
    edge.open.clear()
    await asyncio.wait_for(leaving, 20)


async def test_open_sockets_are_not_waited_for_without_end(
    rotation: Rotation, edge: FakeEdge, replica: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.0)
    await rotation.put_in(replica(1))
    edge.open["catalog.web.1.g1"] = 1
    await asyncio.wait_for(rotation.take_out(replica(1)), 20)


async def test_taking_out_what_is_not_in_asks_for_nothing(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    await rotation.take_out(replica(1))
    assert edge.applied == []


async def test_a_replica_on_another_port_is_moved_and_one_on_the_same_is_not(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    one = replica(1)
    await rotation.put_in(one)
    await rotation.moved(one)
    assert len(edge.applied) == 1
    one.address = Address("127.0.0.1", 29999)
    await rotation.moved(one)
    assert edge.applied[-1][0].address.port == 29999


async def test_the_edge_is_told_of_a_silent_replica_once_and_of_its_return_once(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    one = replica(1)
    await rotation.put_in(one)
    for answering in (True, False, False, True, True):
        await rotation.report(one, lambda answering=answering: answering)
    assert edge.told_down == [("catalog.web.1.g1", True), ("catalog.web.1.g1", False)]


async def test_nothing_is_reported_of_a_replica_that_is_not_in(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    await rotation.report(replica(1), lambda: False)
    assert edge.told_down == []


async def test_a_report_that_was_overtaken_by_a_leave_is_dropped(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    one = replica(1)
    await rotation.put_in(one)
    await asyncio.gather(rotation.take_out(one), rotation.report(one, lambda: False))
    assert edge.told_down == []


async def test_a_report_the_edge_refused_is_made_again(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    one = replica(1)
    await rotation.put_in(one)
    edge.error = OperationFailed("edge.refused", "no")
    with pytest.raises(OperationFailed):
        await rotation.report(one, lambda: False)
    edge.error = None
    await rotation.report(one, lambda: False)
    assert edge.told_down == [("catalog.web.1.g1", True)]


async def test_a_lost_report_is_made_up_for_even_after_a_change_that_was_taken(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    one = replica(1)
    await rotation.put_in(one)
    await rotation.report(one, lambda: False)
    edge.error = OperationFailed("edge.refused", "no")
    with pytest.raises(OperationFailed):
        await rotation.report(one, lambda: True)
    edge.error = None
    await rotation.put_in(replica(2))
    await rotation.settle()
    assert dict(edge.told_down) == {"catalog.web.1.g1": False, "catalog.web.2.g1": False}
    told = len(edge.told_down)
    await rotation.settle()
    assert len(edge.told_down) == told, "nothing is owed any more"


async def test_a_replica_the_edge_refused_is_not_sent_again_with_the_next_change(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    """Whoever put it in stops it when that fails, and requests would reach a dead address."""
    await rotation.put_in(replica(1))
    edge.error = OperationFailed("edge.refused", "no")
    with pytest.raises(OperationFailed):
        await rotation.put_in(replica(2))
    edge.error = None
    await rotation.put_in(replica(3))
    assert edge.serving == {"catalog.web.1.g1", "catalog.web.3.g1"}


async def test_a_move_the_edge_refused_is_made_with_the_next_change(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    one = replica(1)
    await rotation.put_in(one)
    one.address = Address("127.0.0.1", 29999)
    edge.error = OperationFailed("edge.refused", "no")
    with pytest.raises(OperationFailed):
        await rotation.moved(one)
    edge.error = None
    await rotation.put_in(replica(2))
    assert [backend.address.port for backend in edge.applied[-1]] == [29999, 20021]


async def test_a_replacement_with_the_same_name_is_another_backend(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    await rotation.put_in(replica(1, generation=1))
    await rotation.put_in(replica(1, generation=2))
    await rotation.take_out(replica(1, generation=1))
    assert edge.serving == {"catalog.web.1.g2"}
    assert replica(1, generation=2) in rotation
    assert replica(1, generation=1) not in rotation


async def test_a_replica_that_is_back_before_the_edge_was_told_is_not_left_out(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    """The two reports overlap; what counts is what is true when each one's turn has come."""
    one = replica(1)
    await rotation.put_in(one)
    answers = False
    set_down = edge.set_down

    async def slow(backend: str, down: bool) -> None:
        nonlocal answers
        await asyncio.sleep(0)
        answers = True
        await set_down(backend, down)

    edge.set_down = slow  # type: ignore[method-assign]
    await asyncio.gather(rotation.report(one, lambda: answers), rotation.report(one, lambda: answers))
    assert one.backend not in rotation._down


async def test_a_change_that_the_edge_did_not_take_is_said_again(
    rotation: Rotation, edge: FakeEdge, replica: Make
) -> None:
    await rotation.put_in(replica(1), replica(2))
    edge.error = TimeoutError()
    with pytest.raises(OperationFailed, match=r"edge\.no-answer"):
        await rotation.take_out(replica(1))
    edge.error = None
    assert edge.serving == {replica(1).backend, replica(2).backend}
    await rotation.settle()
    assert edge.serving == {replica(2).backend}
