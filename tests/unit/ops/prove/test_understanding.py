"""Everything that a person wrote wrongly is told at once, by whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.prove.plan import Options
from mainstay.ops.prove.understanding import sound, understand
from mainstay.ops.topology import examine
from tests.unit.ops.prove.systems import PLAIN, declared
from tests.unit.ops.prove.test_journeys import JOURNEYS
from tests.unit.ops.topology.projects import write_project

CLAIM = """
[[prove.claim]]
name = "{name}"
{more}
"""


def told(folder: Path, text: str) -> list[tuple[str, str]]:
    """What is said of a file that is wrong as a declaration already, with its lines."""
    return [(each.id, f"{each.where.rpartition('/')[2]}: {each.path}") for each in problems_of(folder, text)]


def problems_of(folder: Path, text: str) -> list[Problem]:
    write_project(folder / "web", "shop")
    (folder / "mainstay.toml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        sound(examine(folder), Options())
    return list(caught.value.problems)


def claim(name: str, more: str) -> str:
    return CLAIM.format(name=name, more=more)


def test_a_wrong_every_hides_nothing_else_of_its_claim_or_the_file(tmp_path: Path) -> None:
    text = PLAIN + '[prove]\njourneys = "proof.py"\n'
    text += claim(
        "a", 'faults = [{ fault = "kil", target = "web.web" }]\nevery = "1s"\nholds = ["eror = 0", "p99 = 0"]'
    )
    text += claim("b", 'peak = 3\nholds = ["figure.restart = 0"]')
    found = told(tmp_path, text)
    assert [(kind, place.partition(": ")[2]) for kind, place in found] == [
        ("topology.prove-every", "prove.claim[0].every"),
        ("prove.unknown-fault", "prove.claim[0].faults[0].fault"),
        ("prove.rule-name", "prove.claim[0].holds[0]"),
        ("prove.rule-hopeless", "prove.claim[0].holds[1]"),
        ("prove.rule-figure", "prove.claim[1].holds[0]"),
        ("prove.load-shape", "prove.claim[1].shape"),
        ("prove.journey-file-missing", ""),
    ]
    assert found[3][1].startswith("mainstay.toml:11: ")


def test_a_claim_that_cannot_be_read_keeps_the_others_at_their_places(tmp_path: Path) -> None:
    text = PLAIN + claim("Not A Name", 'holds = ["eror = 0"]') + claim("b", 'holds = ["p99 = 0"]')
    assert told(tmp_path, text) == [
        ("topology.bad-value", "mainstay.toml:6: prove.claim[0].name"),
        ("prove.rule-name", "mainstay.toml:7: prove.claim[0].holds[0]"),
        ("prove.rule-hopeless", "mainstay.toml:11: prove.claim[1].holds[0]"),
    ]


@pytest.mark.parametrize("first", ['name = "bad one"', 'says = "a claim without a name"'])
def test_a_name_that_cannot_be_read_hides_no_other_mistake_of_its_claim(tmp_path: Path, first: str) -> None:
    text = f"{PLAIN}\n[[prove.claim]]\n{first}\n"
    text += 'faults = [{ fault = "link.latencyy", target = "web->postgres" }, '
    text += '{ fault = "pause", target = "wbe", settings = { whole = 3 } }]\nholds = ["eror = 0"]\n'
    assert [(kind, place.partition(": ")[2]) for kind, place in told(tmp_path, text)][1:] == [
        ("prove.unknown-fault", "prove.claim[0].faults[0].fault"),
        ("prove.unknown-target", "prove.claim[0].faults[1].target"),
        ("prove.unknown-setting", "prove.claim[0].faults[1].settings.whole"),
        ("prove.rule-name", "prove.claim[0].holds[0]"),
    ]


def test_an_item_that_cannot_be_read_keeps_those_after_it_at_their_places(tmp_path: Path) -> None:
    """They were left out before anybody counted, so the next one was blamed, or its line."""
    text = PLAIN + claim(
        "a",
        'faults = [{ fault = 3 }, { fault = "kil", target = "web.web" }]\nholds = [7, "errors = 0", "eror = 0"]'
        '\njourneys = [1, "nobody"]',
    )
    found = [(kind, place.partition(": ")[2]) for kind, place in told(tmp_path, text)]
    assert [each for each in found if each[0].startswith("prove.")] == [
        ("prove.unknown-fault", "prove.claim[0].faults[1].fault"),
        ("prove.rule-name", "prove.claim[0].holds[2]"),
        ("prove.journey-unknown", "prove.claim[0].journeys[1]"),
    ]


def test_so_it_is_in_a_claim_without_a_name(tmp_path: Path) -> None:
    text = f"{PLAIN}\n[[prove.claim]]\n"
    text += 'faults = [{ fault = 3 }, { fault = "kil", target = "web.web" }]\nholds = ["errors = 0", 7, "eror = 0"]\n'
    found = [(kind, place.partition(": ")[2]) for kind, place in told(tmp_path, text)]
    assert [each for each in found if each[0].startswith("prove.")] == [
        ("prove.unknown-fault", "prove.claim[0].faults[1].fault"),
        ("prove.rule-name", "prove.claim[0].holds[2]"),
    ]


def test_rules_that_cannot_be_read_hide_no_fault(tmp_path: Path) -> None:
    text = PLAIN + claim("a", 'faults = [{ fault = "kil", target = "web.web" }]\nholds = 3')
    assert [kind for kind, _ in told(tmp_path, text)] == ["topology.wrong-type", "prove.unknown-fault"]


def test_what_rests_on_a_value_that_could_not_be_read_is_not_told(tmp_path: Path) -> None:
    """The peak stands at its default, which is no mistake of whoever wrote it."""
    text = PLAIN + claim("a", 'shape = "step"\npeak = "three"\nholds = ["errors = 0"]')
    assert [kind for kind, _ in told(tmp_path, text)] == ["topology.wrong-type"]


def test_whom_a_fault_hits_is_not_asked_of_a_system_that_is_wrong_itself(tmp_path: Path) -> None:
    text = '[service.web]\nroot = "web"\nreplicas = "two"\n'
    text += claim("a", 'faults = [{ fault = "kill", target = "wbe.web" }]\nholds = ["p99 = 0"]')
    assert [kind for kind, _ in told(tmp_path, text)] == ["topology.wrong-type", "prove.rule-hopeless"]


def test_a_file_without_mistakes_is_its_system(tmp_path: Path) -> None:
    topology = declared(tmp_path, PLAIN)
    assert sound(examine(tmp_path), Options()) == topology


def test_mistakes_of_claims_names_and_journeys_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "proof.py").write_text(JOURNEYS.replace('"lost.orders = 0"', '"lost.orders"'))
    text = '[prove]\njourneys = "proof.py"\n' + claim("a", 'journeys = ["bye"]\nholds = ["eror = 0"]')
    topology = declared(tmp_path, PLAIN + text)
    with pytest.raises(InvalidInput) as caught:
        understand(topology, Options(only=("a", "primary-lst")))
    assert [each.id for each in caught.value.problems] == [
        "prove.unknown-claim",
        "prove.rule-name",
        "prove.rule-form",
        "prove.journey-unknown",
    ]


def test_a_schedule_that_cannot_be_read_does_not_hide_journeys_that_do_not_import(tmp_path: Path) -> None:
    (tmp_path / "proof.py").write_text("raise KeyError\n")
    topology = declared(tmp_path, PLAIN + '[prove]\njourneys = "proof.py"\n')
    with pytest.raises(InvalidInput) as caught:
        understand(topology, Options(replay=tmp_path / "none.json"))
    assert [each.id for each in caught.value.problems] == ["prove.replay-unreadable", "prove.journey-broken"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("refused.keyed = 0", "journeys that do keyed"),
        ("first-write <= 1 s", "faults, as first-write counts from a strike"),
        ("lost.orders = 0", "journeys that report facts"),
        ("figure.ready-again <= 3 s", "a claim with faults"),
        ("growth.memory.wbe <= 1 %/h", "a process"),
    ],
)
def test_what_a_claim_can_never_answer_is_refused_before_the_start(
    tmp_path: Path, rule: str, expected: str
) -> None:
    topology = declared(tmp_path, PLAIN + claim("a", f'holds = ["errors = 0", "{rule}"]'))
    with pytest.raises(InvalidInput) as caught:
        understand(topology, Options())
    first = caught.value.problems[0]
    assert (first.id, first.where, first.path) == (
        "prove.rule-beyond",
        "mainstay.toml:7",
        "prove.claim[0].holds[1]",
    )
    assert f"needs {expected}" in first.expected


def test_claims_that_come_by_themselves_are_made_to_fit_whatever_is_found(tmp_path: Path) -> None:
    assert len(understand(declared(tmp_path, PLAIN), Options(size="full")).claims) > 10


def test_one_fault_of_many_strikes_is_told_once_and_at_its_place(tmp_path: Path) -> None:
    more = 'faults = [{ fault = "kill", target = "web.web" }, { fault = "kill", target = "wbe" }]\n'
    topology = declared(
        tmp_path, PLAIN + claim("a", more + 'every = "1s"\nduring = "9s"\nholds = ["errors = 0"]')
    )
    with pytest.raises(InvalidInput) as caught:
        understand(topology, Options())
    assert [each.path for each in caught.value.problems] == ["prove.claim[0].faults[1].target"]
