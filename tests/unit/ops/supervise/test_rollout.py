"""Planned changes: one at a time, checked before they begin, taken back when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput, OperationFailed
from mainstay.ops.supervise.fleet import Fleet
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.rollout import Rollout
from mainstay.ops.supervise.rotation import Rotation
from mainstay.ops.supervise.supervised import State
from mainstay.ops.supervise.units import WebReplica
from mainstay.ops.topology import load
from mainstay.ops.topology.values import Kind, Service, Topology

from .fakes import FakeEdge, FakeProcessOf


class FakeEngine:
    """An engine's process as far as a restart is concerned."""

    patience = SimpleNamespace(ready=1.0)
    detail = "no answer"

    def __init__(self, name: str, *, ready: bool = True) -> None:
        self.name = name
        self.ready = ready
        self.restarted: list[str] = []

    async def restart(self, why: str) -> None:
        self.restarted.append(why)

    async def wait_ready(self, within: float) -> bool:
        return self.ready


class Stage:
    """A running system of two services, as `Rollout` sees one."""

    def __init__(self, topology: Topology, replica: Callable[..., WebReplica], journal: Journal) -> None:
        self.topology = topology
        self.journal = journal
        self.phase = "running"
        self.changing = asyncio.Lock()
        self.change: asyncio.Task[Any] | None = None
        self.engines: dict[str, FakeEngine] = {"valkey.1": FakeEngine("valkey.1")}
        self.prepared: list[str] = []
        self.adopted: list[str] = []
        self.failing: set[str] = set()
        """Names with generation of those that never become ready."""
        self.story: list[str] = []
        self.cannot_prepare = False
        self.seen = "old"
        """What a process that starts now would see."""
        self.replica = replica
        self.rotation = Rotation(FakeEdge(), journal)  # type: ignore[arg-type]
        self.fleets = {
            (service.name, kind.name): Fleet(service, kind, self._hire, lambda: self.rotation, journal, 1.0)
            for service in topology.services
            for kind in service.kinds
        }

    def read_again(self) -> Topology:
        return load(self.topology.file)

    def _hire(self, service: Service, kind: Kind, number: int, generation: int) -> Any:
        unit: Any = self.replica(number, generation, service)
        if kind.name != "web":
            unit = SimpleNamespace(name=f"{service.name}.{kind.name}.{number}", generation=generation)
        tag = f"{unit.name}.g{generation}"
        return FakeProcessOf(unit, self.story, ready=tag not in self.failing)

    @property
    def processes(self) -> list[Any]:
        return [*self.engines.values(), *(p for fleet in self.fleets.values() for p in fleet.processes)]

    async def prepare_service(self, service: Service) -> None:
        if self.cannot_prepare:
            raise OperationFailed("service.cannot-prepare", "preparing orders ended with exit code 1")
        self.prepared.append(service.name)

    def renew(self, service: Service, told: str = "") -> str:
        self.seen = f"new {service.name} {told}".strip()
        return "old"

    def go_back_to(self, before: str) -> None:
        self.seen = before

    async def adopt(self, service: Service) -> None:
        self.adopted.append(service.name)

    def note_targets(self) -> None:
        pass

    def fleet(self, service: str, kind: str) -> Fleet:
        return self.fleets[service, kind]

    def happened(self) -> list[str]:
        return [f"{entry.what} {entry.subject}" for entry in self.journal.latest if "rollout" in entry.what]

    def serving(self) -> set[str]:
        return {
            process.tag
            for fleet in self.fleets.values()
            for process in fleet.processes
            if process.state is State.READY
        }


@pytest.fixture
async def stage(topology: Topology, replica: Callable[..., WebReplica], journal: Journal) -> Stage:
    stage = Stage(topology, replica, journal)
    for fleet in stage.fleets.values():
        await fleet.start()
    return stage


@pytest.fixture
def rollout(stage: Stage) -> Rollout:
    return Rollout(stage)  # type: ignore[arg-type]


async def refusal(work: Any) -> OperationFailed:
    with pytest.raises(OperationFailed) as failure:
        await work
    return failure.value


# --- rolling update -------------------------------------------------------------------------


async def test_every_process_of_the_service_is_replaced_and_no_other(stage: Stage, rollout: Rollout) -> None:
    done = await rollout.rollout({"name": "catalog"})
    assert done["service"] == "catalog"
    assert done["replaced"] == 2
    assert stage.serving() == {
        "catalog.web.1.g3",
        "catalog.web.2.g4",
        "orders.web.1.g1",
        "orders.worker.1.g1",
    }
    assert stage.prepared == ["catalog"], "the new release's migrations come first"
    assert stage.adopted == ["catalog"]
    assert stage.seen == "new catalog"
    assert stage.happened() == ["rollout.started catalog", "rollout.done catalog"]


async def test_new_processes_are_told_the_release_that_was_named(stage: Stage, rollout: Rollout) -> None:
    await rollout.rollout({"name": "orders", "release": "1.4.3"})
    assert stage.seen == "new orders 1.4.3"


async def test_workers_are_replaced_too(stage: Stage, rollout: Rollout) -> None:
    await rollout.rollout({"name": "orders"})
    assert {"orders.web.1.g2", "orders.worker.1.g2"} <= stage.serving()


async def test_a_release_that_does_not_become_ready_is_taken_back(stage: Stage, rollout: Rollout) -> None:
    stage.failing = {"catalog.web.2.g4"}
    failure = await refusal(rollout.rollout({"name": "catalog"}))
    assert failure.id == "rollout.halted"
    assert failure.exit_code == 1
    assert failure.details == ("ImproperlyConfigured: no such setting",)
    assert {"catalog.web.1.g5", "catalog.web.2.g2"} <= stage.serving(), "both run what ran before"
    assert stage.adopted == []
    assert stage.seen == "old"
    assert stage.happened() == [
        "rollout.started catalog",
        "rollout.going-back catalog.web.1",
        "rollout.halted catalog",
    ]


async def test_a_release_whose_first_process_fails_changes_nothing(stage: Stage, rollout: Rollout) -> None:
    before = stage.serving()
    stage.failing = {"catalog.web.1.g3"}
    await refusal(rollout.rollout({"name": "catalog"}))
    assert stage.serving() == before


async def test_a_failing_migration_replaces_nothing(stage: Stage, rollout: Rollout) -> None:
    before = stage.serving()
    stage.cannot_prepare = True
    failure = await refusal(rollout.rollout({"name": "orders"}))
    assert failure.id == "rollout.halted"
    assert failure.what == "preparing orders ended with exit code 1", "whom it happened to is said once"
    assert stage.serving() == before


async def test_the_file_is_read_again(stage: Stage, rollout: Rollout) -> None:
    file = stage.topology.file
    file.write_text(file.read_text().replace("calls = ", 'env.NEW = "1"\ncalls = ').replace("env = {", "#"))
    await rollout.rollout({"name": "catalog"})
    assert stage.fleets["catalog", "web"].members[1].unit.declared.env == {"NEW": "1"}  # type: ignore[attr-defined]


async def test_a_file_that_became_wrong_stops_it_before_anything_happens(
    stage: Stage, rollout: Rollout
) -> None:
    stage.topology.file.write_text("[service.catalog]\nrotes = []\n")
    with pytest.raises(InvalidInput):
        await rollout.rollout({"name": "catalog"})
    assert stage.happened() == []


async def test_a_service_that_left_the_file_is_not_rolled_out(stage: Stage, rollout: Rollout) -> None:
    text = stage.topology.file.read_text()
    stage.topology.file.write_text(
        text[: text.index("[service.catalog]")] + '[service.orders]\nroot = "orders"\n'
    )
    assert (await refusal(rollout.rollout({"name": "catalog"}))).id == "rollout.gone"


async def test_an_unknown_service_is_answered_with_the_nearest(rollout: Rollout) -> None:
    failure = await refusal(rollout.rollout({"name": "catalogue"}))
    assert (failure.id, failure.hint) == ("system.unknown-name", "did you mean 'catalog'?")


# --- restart ----------------------------------------------------------------------------------


async def test_a_services_process_is_replaced_by_a_new_one_beside_it(stage: Stage, rollout: Rollout) -> None:
    assert await rollout.restart({"name": "catalog.web.2"}) == {"restarted": "catalog.web.2"}
    assert {"catalog.web.1.g1", "catalog.web.2.g3"} <= stage.serving()


async def test_an_engine_is_restarted_in_place(stage: Stage, rollout: Rollout) -> None:
    await rollout.restart({"name": "valkey.1"})
    assert stage.engines["valkey.1"].restarted == ["restart was asked for"]


async def test_an_engine_that_does_not_come_back_is_an_error(stage: Stage, rollout: Rollout) -> None:
    stage.engines["valkey.1"].ready = False
    assert (await refusal(rollout.restart({"name": "valkey.1"}))).id == "process.not-ready"


async def test_a_name_that_nothing_has_is_refused_with_the_nearest(rollout: Rollout) -> None:
    failure = await refusal(rollout.restart({"name": "valky.1"}))
    assert (failure.id, failure.hint) == ("system.unknown-name", "did you mean 'valkey.1'?")


# --- scale --------------------------------------------------------------------------------------


async def test_a_service_is_scaled_up_and_down(stage: Stage, rollout: Rollout) -> None:
    assert await rollout.scale({"name": "catalog", "replicas": 4}) == {
        "name": "catalog.web",
        "from": 2,
        "to": 4,
    }
    assert await rollout.scale({"name": "orders.worker", "replicas": 0}) == {
        "name": "orders.worker",
        "from": 1,
        "to": 0,
    }


@pytest.mark.parametrize("wanted", [-1, 0, 65])
async def test_a_number_out_of_range_is_refused(rollout: Rollout, wanted: int) -> None:
    assert (await refusal(rollout.scale({"name": "catalog", "replicas": wanted}))).id == "scale.out-of-range"


async def test_more_connections_than_the_server_has_are_refused_with_the_sum(
    stage: Stage, rollout: Rollout
) -> None:
    postgres = stage.topology.engines.postgres
    assert postgres is not None
    pool = stage.topology.service("catalog").pool
    too_many = (postgres.max_connections - postgres.reserved_connections) // pool + 1
    failure = await refusal(rollout.scale({"name": "catalog", "replicas": too_many}))
    assert failure.id == "capacity.connections"
    assert f"{too_many} × {pool} (catalog.web)" in failure.details[0]
    assert len(stage.fleets["catalog", "web"].members) == 2


# --- one at a time ----------------------------------------------------------------------------------


async def test_a_second_change_is_refused_while_one_is_under_way(stage: Stage, rollout: Rollout) -> None:
    first = asyncio.create_task(rollout.rollout({"name": "catalog"}))
    await asyncio.sleep(0)
    assert stage.change is first
    assert (await refusal(rollout.scale({"name": "orders", "replicas": 2}))).id == "system.busy"
    await first
    assert stage.change is None
    await rollout.scale({"name": "orders", "replicas": 2})


@pytest.mark.parametrize("phase", ["starting", "stopping"])
async def test_nothing_is_changed_before_the_system_runs_or_while_it_stops(
    stage: Stage, rollout: Rollout, phase: str
) -> None:
    stage.phase = phase
    assert (await refusal(rollout.restart({"name": "catalog.web.1"}))).id == "system.not-ready"


async def test_an_edge_that_does_not_answer_takes_the_rollout_back(stage: Stage, rollout: Rollout) -> None:
    """Also the replica whose successor was in already when the edge went silent."""
    apply, calls = stage.rotation.edge.apply, []

    async def silent(backends: Any) -> None:
        calls.append(backends)
        if len(calls) == 2:
            raise TimeoutError
        await apply(backends)

    stage.rotation.edge.apply = silent  # type: ignore[method-assign]
    failure = await refusal(rollout.rollout({"name": "catalog"}))

    assert failure.id == "rollout.halted"
    assert stage.adopted == []
    assert stage.seen == "old"
    assert "rollout.going-back catalog.web.1" in stage.happened()
