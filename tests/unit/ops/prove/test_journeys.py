"""Where the load comes from is settled, and fits the claims, before anything is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.prove.journeys import Source
from mainstay.ops.prove.loading import derive
from mainstay.ops.prove.plan import Options, chosen
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.proved import Ask
from tests.unit.ops.prove.systems import PLAIN, declared

JOURNEYS = """
from mainstay.ops.prove import Client, Journey

class Browse(Journey):
    async def step(self, client: Client, number: int) -> None:
        await client.get("/")

class Buy(Browse):
    writes = True
    rules = ("lost.orders = 0",)
"""

Make = Callable[..., Topology]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(claims: str = "", *, code: str | None = JOURNEYS) -> Topology:
        if code is None:
            return declared(tmp_path, PLAIN + claims)
        (tmp_path / "proof.py").write_text(code)
        return declared(tmp_path, f'{PLAIN}[prove]\njourneys = "proof.py"\n{claims}')

    return make


def source(topology: Topology, **options: Any) -> Source:
    chosen_options = Options(**options)
    return Source(topology, chosen_options, chosen(topology, chosen_options)[0])


def problems(topology: Topology, **options: Any) -> list[Problem]:
    with pytest.raises(InvalidInput) as caught:
        source(topology, **options)
    return list(caught.value.problems)


async def test_each_claim_gets_journeys_of_its_own(make: Make) -> None:
    of = source(make())
    first, second = await of.fresh("http://127.0.0.1:9"), await of.fresh("http://127.0.0.1:9")
    assert [each.name for each in first] == ["browse", "buy"]
    assert not set(map(id, first)) & set(map(id, second))


async def test_without_a_file_pages_are_looked_for_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def journeys(base: str) -> list[Ask]:
        asked.append(base)
        return [Ask()]

    monkeypatch.setattr(derive, "journeys", journeys)
    of = source(make(code=None))
    assert of.notes == ()
    for _ in range(2):
        assert [each.name for each in await of.fresh("http://127.0.0.1:9")] == ["ask"]
    assert asked == ["http://127.0.0.1:9"]
    assert of.notes == ("there is no file of journeys, so nothing was written: the load only read ask",)


async def test_of_many_pages_some_are_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def journeys(base: str) -> list[Ask]:
        return [Ask() for _ in range(9)]

    monkeypatch.setattr(derive, "journeys", journeys)
    of = source(make(code=None))
    await of.fresh("http://127.0.0.1:9")
    assert of.notes[0].endswith("ask, ask, ask, ask, ask, ask, and 3 more")


async def test_journeys_that_were_written_need_no_note(make: Make) -> None:
    of = source(make())
    await of.fresh("http://127.0.0.1:9")
    assert of.notes == ()


@pytest.mark.parametrize("options", [{"running": True}, {"against": "http://127.0.0.1:9"}])
async def test_a_system_in_use_is_only_read_unless_somebody_says_otherwise(
    make: Make, options: dict[str, Any]
) -> None:
    topology = make()
    read = await source(topology, **options).fresh("http://127.0.0.1:9")
    written = await source(topology, **options, writes=True).fresh("http://127.0.0.1:9")
    assert [each.name for each in read] == ["browse"]
    assert [each.name for each in written] == ["browse", "buy"]


def test_a_system_in_use_is_not_loaded_when_every_journey_writes(make: Make) -> None:
    topology = make(
        code=JOURNEYS.replace("class Browse(Journey):", "class Browse(Journey):\n    writes = True")
    )
    (found,) = problems(topology, running=True)
    assert (found.id, found.found) == ("prove.journey-writes", "2 that write")
    assert "--writes" in found.hint


def test_a_file_that_raises_is_told_with_its_line(make: Make) -> None:
    (found,) = problems(make(code="import os\nraise KeyError('id')\n"))
    assert (found.id, found.found) == ("prove.journey-broken", "line 2: KeyError: 'id'")


def test_a_file_that_is_missing_is_told(make: Make, tmp_path: Path) -> None:
    topology = make()
    (tmp_path / "proof.py").unlink()
    assert problems(topology)[0].id == "prove.journey-file-missing"


CLAIM = '[[prove.claim]]\nname = "x"\n'


def test_a_claim_that_asks_for_a_journey_that_does_not_exist_is_told(make: Make) -> None:
    topology = make(CLAIM + 'journeys = ["browse", "bye"]\nholds = ["errors = 0"]\n')
    (found,) = problems(topology)
    assert (found.id, found.where, found.path) == (
        "prove.journey-unknown",
        "mainstay.toml:8",
        "prove.claim[0].journeys[1]",
    )
    assert (found.expected, found.hint) == ("a journey: browse, buy", "did you mean 'buy'?")


def test_a_claim_cannot_ask_for_journeys_that_nobody_wrote(make: Make) -> None:
    topology = make(CLAIM + 'journeys = ["browse"]\nholds = ["errors = 0"]\n', code=None)
    (found,) = problems(topology, repeat=3)
    assert found.path == "prove.claim[0].journeys[0]"
    assert "[prove] names no file of journeys" in found.expected


def test_a_rule_about_a_journey_that_does_not_exist_is_told(make: Make) -> None:
    topology = make(CLAIM + 'holds = ["errors = 0", "errors.browsing = 0"]\n')
    (found,) = problems(topology)
    assert (found.id, found.path) == ("prove.rule-scope", "prove.claim[0].holds[1]")


def test_a_wrong_rule_of_a_journey_is_told_at_the_journey(make: Make, tmp_path: Path) -> None:
    topology = make(code=JOURNEYS.replace('"lost.orders = 0"', '"lost.orders"'))
    (found,) = problems(topology)
    assert (found.id, found.where) == ("prove.rule-form", str(tmp_path / "proof.py"))
    assert found.path == "buy.rules[0]"


def test_a_claim_that_contradicts_a_journey_is_told(make: Make) -> None:
    topology = make(CLAIM + 'holds = ["lost.orders >= 1"]\n')
    (found,) = problems(topology)
    assert (found.id, found.path) == ("prove.rule-conflict", "prove.claim[0].holds")


def test_a_claim_without_the_journey_does_not_contradict_it(make: Make) -> None:
    source(make(CLAIM + 'journeys = ["browse"]\nholds = ["lost.orders >= 1"]\n'))
