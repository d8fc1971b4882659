"""Claims come by themselves from a topology, and every one of them can be tried and judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from mainstay.base.errors import InvalidInput
from mainstay.ops.prove.claim import FROM_TOPOLOGY, Claim
from mainstay.ops.prove.claims import by_itself, claims, known_names
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.judging import rules
from mainstay.ops.prove.judging.measures import SHARES, needed
from mainstay.ops.prove.judging.vocabulary import Unit
from mainstay.ops.prove.plan import Options, chosen
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
    return [claim.name for claim in claims(topology, size=size)]


def named(topology: Topology, name: str) -> Claim:
    return next(claim for claim in claims(topology, size="full") if claim.name == name)


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


def test_a_larger_proof_tries_all_that_a_smaller_one_does(declare: Declare) -> None:
    topology = declare(BOXOFFICE)
    quick, normal, full = (names(topology, size) for size in ("quick", "normal", "full"))
    assert set(quick) < set(normal) < set(full)
    assert [name for name in full if name in quick] == quick


CLAIM = """
[[prove.claim]]
name = "{name}"
faults = [{{ fault = "pause", target = "web.web", at = "1s" }}, {{ fault = "kill", target = "web.web", lasts = 0 }}]
holds = ["errors.get = 0"]
"""


def test_a_claim_in_the_file_is_tried_in_every_size_as_it_is_written(declare: Declare) -> None:
    topology = declare(PLAIN + CLAIM.format(name="mine"))
    claim = claims(topology, size="quick")[-1]
    assert (claim.name, claim.source) == ("mine", "mainstay.toml: prove.claim mine")
    assert [(each.fault, each.at, each.lasts) for each in claim.strikes] == [
        ("pause", 1.0, -1.0),
        ("kill", 0.0, 0.0),
    ]
    assert claim.says == "pause web.web and kill web.web: errors.get = 0"
    assert claim.load.rate == topology.prove.rate


def test_a_claim_in_the_file_replaces_the_one_of_its_name(declare: Declare) -> None:
    topology = declare(PLAIN + CLAIM.format(name="primary-lost"))
    assert names(topology).count("primary-lost") == 1
    assert [each.fault for each in named(topology, "primary-lost").strikes] == ["pause", "kill"]


def test_what_the_file_leaves_out_is_still_known(declare: Declare) -> None:
    topology = declare(PLAIN + '[prove]\nwithout = ["primary-lost", "generator"]\n')
    assert not {"primary-lost", "generator"} & set(names(topology))
    assert {"primary-lost", "generator"} <= set(known_names(topology))


def test_claims_whose_names_would_clash_are_numbered(declare: Declare) -> None:
    """The worker ``replica`` would take the name of a killed replica, and one of them would never be tried."""
    text = PLAIN + 'processes.replica = { command = "python x.py", replicas = 1 }\n'
    topology = declare(text)
    assert [name for name in names(topology) if name.startswith("replica-killed")] == [
        "replica-killed-web",
        "replica-killed-web-2",
    ]
    assert named(topology, "replica-killed-web-2").strikes[0].target == "web.replica"


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
    everything = claims(topology, size="full")

    assert len({claim.name for claim in everything}) == len(everything)
    assert set(known_names(topology)) == {claim.name for claim in everything}
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


SOAK = """
[service.web]
root = "web"
[[prove.claim]]
name = "soak"
size = "named"
faults = [
    { fault = "kill", target = "web.web" },
    { fault = "edge.reload", target = "edge", at = "1s" },
]
every = "10s"
during = "50s"
holds = ["errors.get = 0"]
"""


def test_a_claim_may_strike_again_and_again(declare: Declare) -> None:
    claim = next(each for each in claims(declare(SOAK), size=None) if each.name == "soak")
    assert [(strike.fault, strike.at) for strike in claim.strikes] == [
        ("kill", 0.0),
        ("edge.reload", 11.0),
        ("kill", 20.0),
        ("edge.reload", 31.0),
        ("kill", 40.0),
    ]


@pytest.mark.parametrize(
    ("every", "during", "turns"),
    [("10s", "20s", 2), ("10s", "25s", 3), ("10s", "35s", 4), ("10s", "20.1s", 3), ("0.7s", "4.9s", 7)],
)
def test_it_strikes_as_long_as_it_may(declare: Declare, every: str, during: str, turns: int) -> None:
    """At 0, and so many seconds later: half a turn is one, whether the number before it is odd or even."""
    text = SOAK.replace('"10s"', f'"{every}"').replace('"50s"', f'"{during}"')
    claim = next(each for each in claims(declare(text), size=None) if each.name == "soak")
    assert len(claim.strikes) == turns


def test_a_claim_of_no_size_is_tried_only_by_name(declare: Declare) -> None:
    topology = declare(SOAK)
    assert all("soak" not in names(topology, size) for size in ("quick", "normal", "full"))
    assert [claim.name for claim in chosen(topology, Options(only=("soak",)))[0]] == ["soak"]
    assert "soak" not in [claim.name for claim in chosen(topology, Options(size="full"))[0]]


@pytest.mark.parametrize("text", [PLAIN, BOXOFFICE])
def test_no_claim_that_comes_by_itself_lacks_what_it_would_be_compared_with(
    declare: Declare, text: str
) -> None:
    """Three seconds of calm load are no yardstick for a p99, so it would be unknown for ever."""
    for claim in claims(declare(text), size=None):
        for rule in map(rules.parse, claim.holds):
            if rule.unit in (Unit.TIMES_STEADY, Unit.OF_STEADY) or rule.metric.startswith("added."):
                share = SHARES.get(rule.metric.removeprefix("added."), 0.0)
                assert claim.load.rate * claim.steady >= 2 * needed(share), (claim.name, str(rule))
