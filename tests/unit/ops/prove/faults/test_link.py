"""Faults of links reach the links that are meant, and leave none of them ill."""

from __future__ import annotations

import pytest

from mainstay.ops.prove.faults import catalogue, link
from mainstay.ops.prove.faults.fault import NotPossible, Strike
from tests.unit.ops.prove.faults.fakes import FakeLinks, FakeTarget

ALL = (
    "edge->catalog.web.1",
    "catalog.web->postgres",
    "catalog->orders",
    "orders.worker->postgres",
    "orders.web->valkey",
    "postgres.2->postgres.1",
)
ROLES = {"postgres.1": "primary", "postgres.2": "standby"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("catalog->orders", ["catalog->orders"]),
        ("catalog->postgres", ["catalog.web->postgres"]),
        ("*->postgres", ["catalog.web->postgres", "orders.worker->postgres", "postgres.2->postgres.1"]),
        ("orders->*", ["orders.worker->postgres", "orders.web->valkey"]),
        ("edge->catalog.web", ["edge->catalog.web.1"]),
        ("replication", ["postgres.2->postgres.1"]),
        ("standby->primary", ["postgres.2->postgres.1"]),
        ("primary->standby", []),
        ("orders->nats", []),
    ],
)
def test_a_pattern_means_these_links(text: str, names: list[str]) -> None:
    assert list(link.matching(FakeLinks(*ALL), text, ROLES)) == names


@pytest.fixture
def links(target: FakeTarget) -> FakeLinks:
    target.links = FakeLinks(*ALL)
    return target.links


async def test_a_toxic_is_set_and_healed_and_its_counter_is_the_evidence(
    target: FakeTarget, links: FakeLinks
) -> None:
    strike = Strike("link.latency", "catalog->orders", lasts=1, with_={"milliseconds": 300, "jitter": 50})
    links.counted["catalog->orders"] = {"delayed": 3, "bytes": 100}
    fault = catalogue.make(strike, target)
    await fault.inject()
    (toxic,) = links.toxics["catalog->orders"]
    assert toxic["type"] == "latency"
    assert (toxic["latency"], toxic["jitter"]) == (0.3, 0.05)
    links.counted["catalog->orders"] = {"delayed": 8, "bytes": 900}
    await fault.undo()
    assert not any(links.toxics.values())
    evidence = await fault.evidence()
    assert evidence.bit
    assert "5 delayed on 1 link of" in evidence.what


async def test_a_link_without_traffic_did_not_bite(target: FakeTarget, links: FakeLinks) -> None:
    fault = catalogue.make(Strike("link.latency", "catalog->orders", lasts=1), target)
    links.counted["catalog->orders"] = {"delayed": 3, "bytes": 100}
    await fault.inject()
    await fault.undo()
    evidence = await fault.evidence()
    assert not evidence.bit
    assert "no traffic passed" in evidence.what


async def test_traffic_that_was_not_touched_is_no_bite_either(target: FakeTarget, links: FakeLinks) -> None:
    fault = catalogue.make(Strike("link.reset", "catalog->orders", lasts=1), target)
    await fault.inject()
    links.counted["catalog->orders"] = {"bytes": 100, "reset": 0}
    await fault.undo()
    evidence = await fault.evidence()
    assert not evidence.bit
    assert "none was touched" in evidence.what


async def test_counters_that_began_anew_prove_nothing(target: FakeTarget, links: FakeLinks) -> None:
    """Proxies that were replaced meanwhile count from nought: less than before is no sign of a bite."""
    links.counted["catalog->orders"] = {"delayed": 30, "bytes": 900}
    fault = catalogue.make(Strike("link.latency", "catalog->orders", lasts=1), target)
    await fault.inject()
    links.counted["catalog->orders"] = {"delayed": 0, "bytes": 40}
    await fault.undo()
    assert not (await fault.evidence()).bit


async def test_when_one_link_fails_those_before_it_are_healed(target: FakeTarget, links: FakeLinks) -> None:
    links.failing = {"orders.worker->postgres"}
    fault = catalogue.make(Strike("link.reset", "*->postgres", lasts=1), target)
    with pytest.raises(OSError, match="proxies"):
        await fault.inject()
    assert links.toxics["catalog.web->postgres"]
    await fault.undo()
    assert not any(links.toxics.values())


async def test_without_proxies_or_without_such_a_link_it_is_not_possible(target: FakeTarget) -> None:
    fault = catalogue.make(Strike("link.down", "catalog->orders", lasts=1), target)
    with pytest.raises(NotPossible, match="without fault proxies"):
        await fault.inject()
    target.links = FakeLinks("catalog->orders")
    fault = catalogue.make(Strike("link.down", "orders->catalog", lasts=1), target)
    with pytest.raises(NotPossible, match="there are catalog->orders"):
        await fault.inject()


async def test_two_faults_of_one_link_are_both_in_force_and_each_ends_for_itself(
    target: FakeTarget, links: FakeLinks
) -> None:
    first = catalogue.make(Strike("link.latency", "catalog->orders"), target)
    second = catalogue.make(Strike("link.bandwidth", "catalog->orders"), target)
    await first.inject()
    await second.inject()
    assert [toxic["type"] for toxic in links.toxics["catalog->orders"]] == ["latency", "bandwidth"]
    await first.undo()
    assert [toxic["type"] for toxic in links.toxics["catalog->orders"]] == ["bandwidth"]
    await second.undo()
    assert links.toxics["catalog->orders"] == []
