"""What is claimed of a system: what comes by itself and what its file says, in every size of a proof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.claims import claims, known_names
from mainstay.ops.prove.plan import Options, chosen
from mainstay.ops.prove.proof import Size
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.systems import BOXOFFICE, PLAIN, declared

Declare = Callable[[str], Topology]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    return lambda text: declared(tmp_path, text)


def names(topology: Topology, size: Size = "full") -> list[str]:
    return [claim.name for claim in claims(topology, size=size)]


def named(topology: Topology, name: str) -> Claim:
    return next(claim for claim in claims(topology, size="full") if claim.name == name)


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
    assert known_names(topology) == tuple(names(declare(PLAIN)))


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
