"""What will be tried is settled, and everything that means nothing is told, before anything is started."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.prove.calibration import CLAIM
from mainstay.ops.prove.claim import Claim, Load
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.plan import Options, chosen, estimate
from mainstay.ops.prove.replay import Replay, to_json
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.systems import PLAIN, declared

Declare = Callable[[str], Topology]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    return lambda text: declared(tmp_path, text)


@pytest.fixture
def plain(declare: Declare) -> Topology:
    return declare(PLAIN)


def names(topology: Topology, **options: Any) -> list[str]:
    return [claim.name for claim in chosen(topology, Options(**options))[0]]


def problems(topology: Topology, **options: Any) -> list[Problem]:
    with pytest.raises(InvalidInput) as caught:
        chosen(topology, Options(**options))
    return list(caught.value.problems)


# --- which claims ------------------------------------------------------------------------------


def test_a_claim_of_any_size_can_be_named(plain: Topology) -> None:
    assert names(plain, size="quick", only=("overload",)) == ["overload"]


def test_a_star_stands_for_anything_and_the_order_stays_that_of_the_claims(plain: Topology) -> None:
    assert names(plain, only=("primary-lost", "replica-*")) == [
        "replica-killed-web",
        "replica-paused-web",
        "primary-lost",
    ]


def test_a_name_that_is_none_is_told_with_the_nearest(plain: Topology) -> None:
    (found,) = problems(plain, only=("primary-lst", "calm"))
    assert (found.id, found.where, found.path) == ("prove.unknown-claim", "the command line", "--only")
    assert (found.found, found.hint) == ("'primary-lst'", "did you mean 'primary-lost'?")


def test_a_name_that_is_like_no_other_is_told_where_to_look(plain: Topology) -> None:
    (found,) = problems(plain, only=("xyz*",))
    assert "--list" in found.hint


def test_leaving_out_what_does_not_exist_is_a_problem_of_the_file(declare: Declare) -> None:
    topology = declare(PLAIN + '[prove]\nwithout = ["calm", "primary-lst"]\n')
    (found,) = problems(topology)
    assert (found.where, found.path) == ("mainstay.toml:5", "prove.without[1]")
    assert found.hint == "did you mean 'primary-lost'?"


def test_a_claim_that_is_left_out_is_not_tried(declare: Declare) -> None:
    topology = declare(PLAIN + '[prove]\nwithout = ["calm"]\n')
    assert "calm" in names(declare(PLAIN))
    assert "calm" not in names(topology)


# --- claims of the file ------------------------------------------------------------------------

WRONG = """
[[prove.claim]]
name = "first"
faults = [
    { fault = "kil", target = "web.web" },
    { fault = "pause", target = "web.wbe", at = "1s", settings = { deep = true } },
    { fault = "link.latency", target = "web->postgres", settings = { milliseconds = "soon", jiter = 3 } },
    { fault = "kill", target = "web.web", lasts = "3s" },
]
holds = ["errors.get = 0", "p99 <= 2", "lst = 0"]
[[prove.claim]]
name = "second"
shape = "spike"
holds = ["errors <= 3", "errors >= 4"]
[[prove.claim]]
name = "third"
peak = 3
holds = ["errors >= 0"]
"""


def test_everything_wrong_with_the_claims_of_a_file_is_told_at_once_with_its_place(declare: Declare) -> None:
    topology = declare(PLAIN + WRONG)
    found = problems(topology, size="quick", only=("calm",))
    assert [each.where for each in found[5:9]] == [
        "mainstay.toml:7",
        *["mainstay.toml:13"] * 2,
        "mainstay.toml:17",
    ]
    assert [(each.id, each.path) for each in found] == [
        ("prove.unknown-fault", "prove.claim[0].faults[0].fault"),
        ("prove.unknown-target", "prove.claim[0].faults[1].target"),
        ("prove.unknown-setting", "prove.claim[0].faults[1].settings.deep"),
        ("prove.wrong-setting", "prove.claim[0].faults[2].settings.milliseconds"),
        ("prove.unknown-setting", "prove.claim[0].faults[2].settings.jiter"),
        ("prove.wrong-duration", "prove.claim[0].faults[3].lasts"),
        ("prove.rule-unit", "prove.claim[0].holds[1]"),
        ("prove.rule-name", "prove.claim[0].holds[2]"),
        ("prove.rule-conflict", "prove.claim[1].holds[1]"),
        ("prove.load-peak", "prove.claim[1].peak"),
        ("prove.rule-idle", "prove.claim[2].holds[0]"),
        ("prove.load-shape", "prove.claim[2].shape"),
    ]
    assert found[0].hint == "did you mean 'kill'?"
    assert found[1].hint == "did you mean 'web.web'?"


def test_the_load_of_a_claim_is_told_with_its_shape_and_peak(declare: Declare) -> None:
    text = '[[prove.claim]]\nname = "x"\nshape = "ramp"\npeak = 4\nrate = 7\nholds = ["errors = 0"]\n'
    claims, _ = chosen(declare(PLAIN + text), Options(only=("x",)))
    assert claims[0].load == Load(7, "ramp", 4)


# --- what the options change -------------------------------------------------------------------


def test_the_options_change_rate_and_calm_stretches_of_every_claim(plain: Topology) -> None:
    """All but the prover's look at itself, which knows one rate only."""
    (generator, *claims), seed = chosen(plain, Options(size="full", rate=3.0, seconds=9.0, seed=42))
    assert (seed, generator) == (42, CLAIM)
    assert {claim.load.rate for claim in claims} == {3.0}
    assert {(claim.steady, claim.after) for claim in claims} == {(9.0, 9.0)}
    assert {claim.load.peak for claim in claims} == {1.0, 5.0}


def test_a_claim_that_is_repeated_has_a_name_each_time(plain: Topology) -> None:
    assert names(plain, only=("calm", "overload"), repeat=2) == [
        "calm.1",
        "calm.2",
        "overload.1",
        "overload.2",
    ]


def test_somebody_elses_address_is_only_loaded(declare: Declare) -> None:
    topology = declare(
        PLAIN
        + '[prove]\nrate = 7\n[[prove.claim]]\nname = "fast"\nholds = ["p99 <= 1 s"]\n'
        + '[[prove.claim]]\nname = "broken"\nfaults = [{fault = "kill", target = "web.web"}]\nholds = ["errors = 0"]\n'
    )
    claims, _ = chosen(topology, Options(against="http://127.0.0.1:8000"))
    assert [claim.name for claim in claims] == ["under-load", "fast"]
    assert [claim.strikes for claim in claims] == [(), ()]
    assert claims[0].load.rate == 7


def test_the_longer_the_faults_the_longer_it_takes(plain: Topology) -> None:
    """A fault that says nothing of its length lasts as long as its kind."""
    quick, _ = chosen(plain, Options(size="quick"))
    full, _ = chosen(plain, Options(size="full"))
    paused = Claim("x", "", (Strike("pause", "web.web", lasts=-1.0),), Load(1.0), ())
    killed = Claim("x", "", (Strike("kill", "web.web", lasts=-1.0),), Load(1.0), ())
    assert 30.0 < estimate(quick) < estimate(full)
    assert estimate([paused]) > estimate([killed]) > 0


# --- a schedule that was saved -----------------------------------------------------------------

SAVED = Claim(
    "primary-lost",
    "",
    (Strike("kill", "web.web.1"),),
    Load(5.0),
    ("errors.get = 0",),
    steady=2.0,
    after=2.0,
)


def saved(path: Path, claim: Claim = SAVED, **changes: Any) -> Path:
    file = path / "replay.json"
    file.write_text(json.dumps(to_json(Replay(claim, 99)) | changes))
    return file


def test_a_saved_schedule_is_all_that_is_tried_with_its_own_seed(plain: Topology, tmp_path: Path) -> None:
    claims, seed = chosen(plain, Options(size="full", seed=1, replay=saved(tmp_path)))
    assert ([claim.name for claim in claims], seed) == (["primary-lost"], 99)
    assert claims[0].strikes == SAVED.strikes
    assert claims[0].steady == 2.0


def test_a_saved_schedule_can_be_repeated(plain: Topology, tmp_path: Path) -> None:
    assert names(plain, replay=saved(tmp_path), repeat=2) == ["primary-lost.1", "primary-lost.2"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (None, "prove.replay-unreadable"),
        (b"\xff\xfe\x00", "prove.replay-unreadable"),
        (b"{", "prove.replay-syntax"),
        (b"[]", "prove.wrong-type"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_told(
    plain: Topology, tmp_path: Path, content: bytes | None, kind: str
) -> None:
    file = tmp_path / "replay.json"
    if content is not None:
        file.write_bytes(content)
    (found,) = problems(plain, replay=file)
    assert (found.id, found.where) == (kind, str(file))


def test_a_schedule_that_is_a_folder_is_told(plain: Topology, tmp_path: Path) -> None:
    assert problems(plain, replay=tmp_path)[0].id == "prove.replay-unreadable"


def test_a_schedule_of_another_system_is_told_where_it_does_not_fit(plain: Topology, tmp_path: Path) -> None:
    """The claim in it may have the name of one in the file: its problems are the schedule's all the same."""
    strikes = [
        {"fault": "kill", "target": "catalog.web.1", "at": 0.0},
        {"fault": "pause", "target": "web.web", "at": 0.0, "settings": {"x": 1}},
    ]
    file = saved(tmp_path, strikes=strikes)
    assert [(each.id, each.where, each.path) for each in problems(plain, replay=file)] == [
        ("prove.unknown-target", str(file), "strikes[0].target"),
        ("prove.unknown-setting", str(file), "strikes[1].settings.x"),
    ]


OWN = """
[[prove.claim]]
name = "{name}"
holds = ["errors.get = 0"]
"""


def test_a_claim_of_that_name_takes_the_place_of_the_one_about_load_alone(declare: Declare) -> None:
    claims, _ = chosen(
        declare(PLAIN + OWN.format(name="under-load")), Options(against="http://127.0.0.1:8000")
    )
    assert [(claim.name, claim.holds) for claim in claims] == [("under-load", ("errors.get = 0",))]


def test_the_check_of_the_generator_cannot_be_replaced(declare: Declare) -> None:
    (problem,) = problems(declare(PLAIN + OWN.format(name="generator")))
    assert (problem.id, problem.path) == ("prove.reserved-claim", "prove.claim[0].name")
