"""The words for whom a strike is meant."""

from __future__ import annotations

import os

import pytest

from mainstay.ops.prove.faults import targets
from mainstay.ops.prove.faults.fault import NotPossible, Strike
from mainstay.ops.prove.faults.targets import Absent, find
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.faults.fakes import FakeTarget, row


@pytest.fixture(autouse=True)
def running(target: FakeTarget) -> None:
    """Every process of the system is this one, which certainly runs."""
    for each in target.rows:
        each["pid"] = os.getpid()


async def chosen(target: FakeTarget, text: str, at: float = 0.0) -> list[str]:
    return [victim.name for victim in await find(Strike("kill", text, at), target)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("catalog.web.2", ["catalog.web.2"]),
        ("catalog.web.*", ["catalog.web.1", "catalog.web.2"]),
        ("orders", ["orders.web.1", "orders.worker.1"]),
        ("orders.worker", ["orders.worker.1"]),
        ("primary", ["postgres.1"]),
        ("standby", ["postgres.2"]),
        ("postgres.2", ["postgres.2"]),
        ("valkey", ["valkey.1"]),
        ("edge", ["edge.1"]),
    ],
)
async def test_a_word_means_these_processes(target: FakeTarget, text: str, names: list[str]) -> None:
    assert await chosen(target, text) == names


async def test_everything_is_every_process_but_the_proxies_of_the_proof(target: FakeTarget) -> None:
    every = [row["name"] for row in target.rows]
    target.rows.append(row("links.1", os.getpid()))
    assert await chosen(target, "everything") == every


async def test_one_of_a_kind_is_chosen_by_the_seed_alone(target: FakeTarget) -> None:
    first = await chosen(target, "catalog.web")
    target.rows.reverse()
    assert await chosen(target, "catalog.web") == first
    seen = set()
    for seed in range(20):
        target.seed = seed
        seen.update(await chosen(target, "catalog.web"))
    assert seen == {"catalog.web.1", "catalog.web.2"}


async def test_repeated_strikes_do_not_all_hit_the_same(target: FakeTarget) -> None:
    seen = {(await chosen(target, "catalog.web", float(at)))[0] for at in range(20)}
    assert len(seen) == 2


async def test_what_the_system_does_not_have_is_not_possible(target: FakeTarget) -> None:
    with pytest.raises(NotPossible, match=r"there is no nats\.1"):
        await chosen(target, "nats.1")


async def test_what_should_run_and_does_not_is_no_lack_of_means(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that is broken already must not be excused as one that cannot be tried."""
    monkeypatch.setattr(targets, "PATIENCE", 0.05)
    target.rows[3]["pid"] = None
    with pytest.raises(Absent, match=r"catalog\.web\.1 did not run"):
        await chosen(target, "catalog.web.1")


@pytest.mark.parametrize(
    "text", ["catalog", "catalog.web", "catalog.web.*", "primary", "standby", "everything", "edge", "valkey"]
)
def test_every_word_that_works_is_accepted(topology: Topology, text: str) -> None:
    assert text in targets.words(topology)
    assert targets.judge(text, ("process",), topology) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("catalogue.web", "did you mean 'catalog.web'?"),
        ("primry", "did you mean 'primary'?"),
        ("nats", "known: catalog"),
        ("", "known: catalog"),
    ],
)
def test_a_word_that_means_nobody_is_refused_with_the_nearest(
    topology: Topology, text: str, hint: str
) -> None:
    problem = targets.judge(text, ("process",), topology)
    assert problem is not None
    assert problem.id == "prove.unknown-target"
    assert hint in problem.hint


@pytest.mark.parametrize(
    "text",
    ["catalog->orders", "*->postgres", "edge->catalog.web", "standby->primary", "replication", "edge->*"],
)
def test_a_link_is_accepted_by_its_ends(topology: Topology, text: str) -> None:
    assert targets.judge(text, ("link",), topology) is None


@pytest.mark.parametrize(
    "text", ["catalog", "catalog->", "catalog->nats", "catalog.web->valkey", "a->b->c", "", "->"]
)
def test_a_link_between_nobodies_is_refused(topology: Topology, text: str) -> None:
    assert targets.judge(text, ("link",), topology) is not None
