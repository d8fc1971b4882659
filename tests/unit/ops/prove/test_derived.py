"""Claims come by themselves from a topology, and every one of them can be tried and judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from mainstay.base.errors import InvalidInput
from mainstay.ops.prove.claim import FROM_TOPOLOGY
from mainstay.ops.prove.derived import by_itself
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.judging import rules
from mainstay.ops.prove.judging.measures import SHARES, needed
from mainstay.ops.prove.judging.vocabulary import Unit
from mainstay.ops.prove.proof import Size
from mainstay.ops.topology import understand
from mainstay.ops.topology.load import Source
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.systems import BOXOFFICE, PLAIN, contents, declared
from tests.unit.ops.topology.projects import write_project

Declare = Callable[[str], Topology]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    return lambda text: declared(tmp_path, text)


def names(topology: Topology, size: Size = "full") -> list[str]:
    return [claim.name for claim in by_itself(topology).values() if size in claim.tags]


def test_a_plain_project_claims_something_of_its_own_at_once(declare: Declare) -> None:
    assert names(declare(PLAIN), "quick") == [
        "generator",
        "replica-killed-web",
        "replica-paused-web",
        "rollout-web",
        "primary-lost",
        "standby-lost",
        "everything-killed",
    ]


def test_a_service_of_one_process_without_a_database_claims_only_what_it_can_keep(declare: Declare) -> None:
    found = names(declare(PLAIN + "replicas = 1\nneeds = []\n"))
    assert found == [
        "generator",
        "calm",
        "rollout-web",
        "bad-release-web",
        "edge-reloaded",
        "overload",
        "everything-killed",
    ]


def test_without_a_standby_a_lost_primary_has_to_come_back_itself(declare: Declare) -> None:
    found = names(declare(PLAIN + "[engine.postgres]\nstandbys = 0\n"))
    assert "primary-killed" in found
    assert not {"primary-lost", "standby-lost", "standby-frozen"} & set(found)


def test_every_part_of_a_large_system_has_its_claim(declare: Declare) -> None:
    found = set(names(declare(BOXOFFICE)))
    services = ("catalog", "orders", "payments")
    assert {f"replica-killed-{name}" for name in services} <= found
    assert {f"rollout-{name}" for name in services} <= found
    assert {"valkey-killed", "valkey-flushed", "valkey-frozen", "nats-killed"} <= found
    assert {"worker-killed-orders", "sweeper-killed-orders"} <= found
    assert {"slow-orders-for-catalog", "slow-payments-for-orders"} <= found
    assert {"primary-lost", "standby-lost", "standby-frozen", "disk-full", "table-locked-catalog"} <= found
    assert "memcached-killed" not in found


def test_a_service_that_no_load_reaches_claims_nothing_of_its_replicas(declare: Declare) -> None:
    found = names(declare(BOXOFFICE.replace('calls = ["payments"]\n', "")))
    assert "replica-killed-payments" not in found
    assert "rollout-payments" in found


def test_claims_whose_names_would_clash_are_numbered(declare: Declare) -> None:
    """The worker ``replica`` would take the name of a killed replica, and one of them would never be tried."""
    text = PLAIN + 'processes.replica = { command = "python x.py", replicas = 1 }\n'
    topology = declare(text)
    assert [name for name in names(topology) if name.startswith("replica-killed")] == [
        "replica-killed-web",
        "replica-killed-web-2",
    ]
    assert by_itself(topology)["replica-killed-web-2"].strikes[0].target == "web.replica"


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=contents())
def test_whatever_the_system_each_of_its_claims_means_something(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    topology = understood(tmp_path, content)
    everything = by_itself(topology).values()

    assert len({claim.name for claim in everything}) == len(everything)
    for claim in everything:
        assert claim.says.endswith(".")
        assert "full" in claim.tags
        assert claim.name == "generator" or claim.source == FROM_TOPOLOGY
        assert rules.check(claim.holds) == ()
        assert [problem for strike in claim.strikes for problem in catalogue.check(strike, topology)] == []
        assert claim.load.shape == "steady" or claim.load.peak > 1


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=contents())
def test_something_is_claimed_of_every_service(tmp_path: Path, content: dict[str, Any]) -> None:
    topology = understood(tmp_path, content)
    found = by_itself(topology).values()
    for service in topology.services:
        targets = {strike.target for claim in found for strike in claim.strikes}
        assert service.name in targets
        for kind in service.kinds:
            if kind.name != "web" and kind.replicas:
                assert f"{service.name}.{kind.name}" in targets


def understood(folder: Path, content: dict[str, Any]) -> Topology:
    if not (folder / "web").exists():
        write_project(folder / "web", "shop")
    try:
        return understand(Source(folder / "mainstay.toml", "", "", content))
    except InvalidInput:
        assume(False)
        raise


@pytest.mark.parametrize("text", [PLAIN, BOXOFFICE])
def test_no_claim_that_comes_by_itself_lacks_what_it_would_be_compared_with(
    declare: Declare, text: str
) -> None:
    """Three seconds of calm load are no yardstick for a p99, so it would be unknown for ever."""
    for claim in by_itself(declare(text)).values():
        for rule in map(rules.parse, claim.holds):
            if rule.unit in (Unit.TIMES_STEADY, Unit.OF_STEADY) or rule.metric.startswith("added."):
                share = SHARES.get(rule.metric.removeprefix("added."), 0.0)
                assert claim.load.rate * claim.steady >= 2 * needed(share), (claim.name, str(rule))
