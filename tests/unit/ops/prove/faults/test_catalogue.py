"""The list of faults, and what it says of strikes before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.links import toxics
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.faults.link import TOXICS
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.faults.fakes import FakeTarget

NAMES = [kind.name for kind in catalogue.names()]
SOMEBODY = {
    "process": "catalog.web",
    "service": "catalog",
    "primary": "primary",
    "standby": "standby",
    "cache": "valkey",
    "edge": "edge",
    "machine": "machine",
    "link": "catalog->orders",
}


def strike(name: str) -> Strike:
    scopes = catalogue.CATALOGUE[name].targets
    return Strike(name, SOMEBODY[scopes[0]] if scopes else "", lasts=-1.0)


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_can_be_asked_for_with_its_defaults_and_made(
    name: str, topology: Topology, target: FakeTarget
) -> None:
    assert catalogue.check(strike(name), topology) == []
    fault = catalogue.make(strike(name), target)
    assert callable(fault.inject)


@pytest.mark.parametrize("name", NAMES)
async def test_a_fault_that_was_never_injected_can_be_undone_twice_and_did_not_bite(
    name: str, target: FakeTarget
) -> None:
    fault = catalogue.make(strike(name), target)
    await fault.undo()
    await fault.undo()
    assert not (await fault.evidence()).bit
    assert target.called == []


@pytest.mark.parametrize("toxic", TOXICS, ids=lambda toxic: toxic.name)
def test_the_proxies_know_what_a_link_fault_asks_of_them(toxic: object) -> None:
    kind = catalogue.CATALOGUE[f"link.{toxic.name}"]  # type: ignore[attr-defined]
    content = toxic.content(kind.read({}))  # type: ignore[attr-defined]
    assert toxics.parse([content])


@pytest.mark.parametrize(
    ("wrong", "id_", "hint"),
    [
        (Strike("kil", "catalog"), "unknown-fault", "did you mean 'kill'?"),
        (Strike("kill", "catalogue"), "unknown-target", "did you mean 'catalog'?"),
        (Strike("kill", ""), "unknown-target", "known: "),
        (Strike("kill", "catalog", with_={"hard": True}), "unknown-setting", ""),
        (Strike("kill", "catalog", at=-1), "wrong-moment", ""),
        (Strike("kill", "catalog", lasts=3), "wrong-duration", "leave it out"),
        (Strike("pause", "catalog", lasts=0), "wrong-duration", "leave it out for 3 s"),
        (Strike("pause", "catalog", lasts=float("nan")), "wrong-duration", ""),
        (Strike("kill.everything", "catalog"), "unknown-target", "leave it out"),
        (Strike("flush", "postgres", lasts=-1), "unknown-target", "known: valkey"),
        (Strike("lock", "catalog.web", lasts=2), "unknown-target", "did you mean 'catalog'?"),
        (
            Strike("link.latency", "catalog->orders", lasts=1, with_={"milisecond": 3}),
            "unknown-setting",
            "did you mean 'milliseconds'?",
        ),
        (
            Strike("bad-release", "catalog", with_={"variant": "crsh"}),
            "wrong-setting",
            "",
        ),
    ],
)
def test_a_strike_that_means_nothing_is_refused_before_anything_runs(
    topology: Topology, wrong: Strike, id_: str, hint: str
) -> None:
    (problem,) = catalogue.check(wrong, topology)
    assert problem.id == f"prove.{id_}"
    assert hint in problem.hint


def test_a_role_that_this_system_does_not_have_is_refused(topology: Topology) -> None:
    assert topology.engines.postgres is not None
    single = replace(
        topology,
        engines=replace(topology.engines, postgres=replace(topology.engines.postgres, standbys=0)),
    )
    (problem,) = catalogue.check(Strike("replay-delay", "standby", lasts=-1), single)
    assert problem.hint == "this system has none"


def test_a_strike_lasts_as_long_as_it_says_or_as_its_kind_does() -> None:
    assert catalogue.duration(Strike("pause", lasts=-1)) == 3.0
    assert catalogue.duration(Strike("pause", lasts=1.5)) == 1.5
    assert catalogue.duration(Strike("kill", lasts=-1)) == 0.0


def test_a_strike_that_nobody_checked_is_refused_when_it_is_made(target: FakeTarget) -> None:
    with pytest.raises(OperationFailed, match="kil cannot be made"):
        catalogue.make(Strike("kil", "catalog"), target)
    with pytest.raises(OperationFailed, match="hard"):
        catalogue.make(Strike("kill", "catalog", with_={"hard": True}), target)


def test_every_fault_says_what_it_does_in_one_line() -> None:
    for kind in catalogue.names():
        assert kind.says
        assert "\n" not in kind.says
        assert all(setting.says for setting in kind.settings)


def test_the_bad_release_is_beside_the_fault_and_nothing_else() -> None:
    """Its folder goes on the path of a service, which must not find anything else there."""
    from mainstay.ops.prove.faults import bad_release

    found = [path.name for path in Path(bad_release.FOLDER).iterdir() if path.name != "__pycache__"]
    assert found == ["mainstay_bad_release.py"]
