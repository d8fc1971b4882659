"""Journeys as a user's file has them, right and wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.ops import prove
from mainstay.ops.prove.loading import journey

HEAD = "from mainstay.ops.prove import Client, Journey\n"
STEP = "    async def step(self, client, number): ...\n"


def write(path: Path, text: str) -> Path:
    file = path / "proof.py"
    file.write_text(HEAD + text)
    return file


def ids(path: Path) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        journey.load(path)
    return [problem.id for problem in raised.value.problems]


def test_each_class_with_a_step_is_a_journey(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "class Base(Journey):\n    weight = 3\n"
        f"class BuyTickets(Base):\n    rules = ('lost.orders = 0',)\n{STEP}"
        f"class Look(Journey):\n    name = 'looking'\n    writes = True\n{STEP}",
    )
    buy, look = journey.load(file)
    assert (buy.name, buy.weight, buy.writes, buy.rules) == ("buy-tickets", 3, False, ("lost.orders = 0",))
    assert (look.name, look.weight, look.writes, look.rules) == ("looking", 1, True, ())


def test_a_subclass_does_not_take_the_name_of_its_base(tmp_path: Path) -> None:
    file = write(tmp_path, f"class A(Journey):\n    name = 'first'\n{STEP}class B(A): ...\n")
    assert [each.name for each in journey.load(file)] == ["first", "b"]


def test_a_file_imports_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_proof.py").write_text("WEIGHT = 4")
    file = write(tmp_path, f"from beside_proof import WEIGHT\nclass A(Journey):\n    weight = WEIGHT\n{STEP}")
    before = list(sys.path)
    try:
        assert journey.load(file)[0].weight == 4
    finally:
        sys.modules.pop("beside_proof")
    assert sys.path == before


def test_each_load_gives_new_journeys(tmp_path: Path) -> None:
    file = write(tmp_path, f"class A(Journey):\n    seen = []\n{STEP}")
    first, second = journey.load(file)[0], journey.load(file)[0]
    vars(type(first))["seen"].append(1)
    assert vars(type(second))["seen"] == []


def test_a_missing_file(tmp_path: Path) -> None:
    assert ids(tmp_path / "nowhere.py") == ["prove.journey-file-missing"]


def test_a_file_that_is_no_python(tmp_path: Path) -> None:
    file = tmp_path / "proof.txt"
    file.write_text("x")
    assert ids(file) == ["prove.journey-broken"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f():\n    return {}['x']\nf()\n", "line 3: KeyError: 'x'"),
        ("import nothing_of_this_name\n", "line 2: ModuleNotFoundError"),
        ("class A(Journey)\n", "line 2: SyntaxError"),
        ("raise SystemExit(3)\n", "line 2: SystemExit: 3"),
    ],
)
def test_a_file_that_does_not_import_says_where(tmp_path: Path, text: str, found: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(InvalidInput) as raised:
        journey.load(file)
    (problem,) = raised.value.problems
    assert problem.id == "prove.journey-broken"
    assert problem.found.startswith(found)


@pytest.mark.parametrize("body", ["1 / 0", "raise SystemExit(0)"])
def test_a_class_that_cannot_be_made_says_where(tmp_path: Path, body: str) -> None:
    """Also one that leaves: its exit code would be taken for the verdict, and 0 says that every claim holds."""
    assert ids(write(tmp_path, f"class A(Journey):\n    def __init__(self): {body}\n{STEP}")) == [
        "prove.journey-broken"
    ]


@pytest.mark.parametrize(
    ("body", "id_"),
    [
        ("self.rules = (1,)", "prove.journey-rules"),
        ("self.weight = 0", "prove.journey-weight"),
        ("self.at_once = 'x'", "prove.journey-at-once"),
        ("self.name = 3", "prove.journey-name"),
        ("self.name = 'write'", "prove.journey-name"),
    ],
)
def test_an_object_that_says_otherwise_than_its_class_is_looked_at_too(
    tmp_path: Path, body: str, id_: str
) -> None:
    assert ids(write(tmp_path, f"class A(Journey):\n    def __init__(self): {body}\n{STEP}")) == [id_]


def test_two_objects_with_one_name(tmp_path: Path) -> None:
    init = "    def __init__(self): self.name = 'a'\n"
    file = write(tmp_path, f"class A(Journey):\n{init}{STEP}class B(Journey):\n{init}{STEP}")
    assert ids(file) == ["prove.journey-name"]


def test_a_file_without_journeys(tmp_path: Path) -> None:
    assert ids(write(tmp_path, "x = 1\n")) == ["prove.journey-none"]


@pytest.mark.parametrize(
    ("body", "id_"),
    [
        ("    weight = 0\n" + STEP, "prove.journey-weight"),
        ("    weight = -1\n" + STEP, "prove.journey-weight"),
        ("    weight = 'much'\n" + STEP, "prove.journey-weight"),
        ("    weight = float('nan')\n" + STEP, "prove.journey-weight"),
        ("    def step(self, client, number): ...\n", "prove.journey-step"),
        ("    def set_up(self, client): ...\n" + STEP, "prove.journey-step"),
        ("    async def set_up(self, client): ...\n", "prove.journey-step"),
        ("    rules = 'lost = 0'\n" + STEP, "prove.journey-rules"),
        ("    name = ''\n" + STEP, "prove.journey-name"),
    ],
)
def test_a_wrong_journey(tmp_path: Path, body: str, id_: str) -> None:
    assert ids(write(tmp_path, f"class A(Journey):\n{body}")) == [id_]


@pytest.mark.parametrize("name", ["Write", "Get", "Keyed"])
def test_a_name_that_is_a_kind_of_operation(tmp_path: Path, name: str) -> None:
    """``errors.write`` is about every write without a key, whoever makes it."""
    with pytest.raises(InvalidInput) as raised:
        journey.load(write(tmp_path, f"class {name}(Journey):\n{STEP}"))
    (problem,) = raised.value.problems
    assert (problem.id, problem.path, problem.found) == (
        "prove.journey-name",
        f"{name}.name",
        repr(name.lower()),
    )
    assert f'name = "{name.lower()}-orders"' in problem.hint


def test_two_journeys_with_one_name(tmp_path: Path) -> None:
    file = write(tmp_path, f"class A(Journey):\n{STEP}class B(Journey):\n    name = 'a'\n{STEP}")
    assert ids(file) == ["prove.journey-name"]


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ("    wieght = 3\n" + STEP, "weight"),
        ("    write = True\n" + STEP, "writes"),
        ("    rule = ('errors = 0',)\n" + STEP, "rules"),
        ("    atonce: int = 4\n" + STEP, "at_once"),
        ("    async def setup(self, client): ...\n" + STEP, "set_up"),
        ("    def __init__(self): self.wieght = 3\n" + STEP, "weight"),
    ],
)
def test_a_name_that_nothing_reads_and_that_is_nearly_one_of_ours(
    tmp_path: Path, body: str, meant: str
) -> None:
    """Python takes it silently, and the journey does something else than was written."""
    with pytest.raises(InvalidInput) as raised:
        journey.load(write(tmp_path, f"class A(Journey):\n{body}"))
    (problem,) = raised.value.problems
    assert (problem.id, problem.hint) == ("prove.journey-attribute", f"did you mean {meant!r}?")
    assert problem.path.startswith("A.")


def test_a_misspelling_in_a_base_is_told_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        journey.load(write(tmp_path, f"class Base(Journey):\n    wieght = 3\nclass A(Base):\n{STEP}"))
    assert [problem.path for problem in raised.value.problems] == ["Base.wieght"]


@pytest.mark.parametrize(
    "body",
    [
        "    seen = []\n    token = None\n    async def buy(self, client): ...\n" + STEP,
        "    _wieght = 3\n" + STEP,
        "    async def write(self, client): ...\n    async def step(self, client, number): await self.write(client)\n",
        "    steps = 0\n    async def step(self, client, number): self.steps += 1\n",
        "    def __init__(self): self.rule = 1\n    async def step(self, c, n): getattr(self, 'rule')\n",
        "    name_ = 'a'\n    name = name_\n" + STEP,
    ],
)
def test_attributes_of_ones_own_are_fine(tmp_path: Path, body: str) -> None:
    assert len(journey.load(write(tmp_path, f"class A(Journey):\n{body}"))) == 1


def test_what_a_base_in_another_file_reads_is_read(tmp_path: Path) -> None:
    beside = f"{HEAD}class Base(Journey):\n    async def step(self, client, number): return self.steps\n"
    (tmp_path / "beside_steps.py").write_text(beside)
    file = write(tmp_path, "from beside_steps import Base\nclass A(Base):\n    steps = 3\n")
    try:
        assert [each.name for each in journey.load(file)] == ["a"]
    finally:
        sys.modules.pop("beside_steps")


def test_what_a_function_beside_the_file_reads_is_read(tmp_path: Path) -> None:
    (tmp_path / "beside_helper.py").write_text("def say(journey): return journey.steps\n")
    text = f"from beside_helper import say\nclass A(Journey):\n    steps = 3\n{STEP}"
    file = write(tmp_path, text)
    try:
        assert [each.name for each in journey.load(file)] == ["a"]
    finally:
        sys.modules.pop("beside_helper")


def test_a_misspelt_name_is_told_together_with_the_rest(tmp_path: Path) -> None:
    found = ids(write(tmp_path, f"class A(Journey):\n    wieght = 3\n    rules = 1\n{STEP}"))
    assert found == ["prove.journey-attribute", "prove.journey-rules"]


def test_a_keyword_of_a_class_is_no_attribute(tmp_path: Path) -> None:
    assert ids(write(tmp_path, f"class A(Journey, weight=3):\n{STEP}")) == ["prove.journey-broken"]


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    file = write(
        tmp_path, f"class A(Journey):\n    weight = 0\n{STEP}class B(Journey):\n    rules = 1\n{STEP}"
    )
    assert ids(file) == ["prove.journey-weight", "prove.journey-rules"]


def test_the_door_offers_what_journeys_need() -> None:
    assert prove.Journey is journey.Journey
    assert {each: getattr(prove, each).__name__ for each in prove.__all__} == {
        each: each for each in prove.__all__
    }
    with pytest.raises(AttributeError, match="nothing"):
        _ = prove.nothing
