"""Finding the file, and what is said when it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.topology import load
from mainstay.ops.topology.load import find
from mainstay.ops.topology.values import Topology

SMALLEST = '[service.web]\nroot = "catalog"\n'


def refusal(path: Path | None = None) -> Problem:
    with pytest.raises(InvalidInput) as caught:
        load(path)
    (problem,) = caught.value.problems
    return problem


def test_the_file_is_found_upward(
    declare: Callable[[str], Topology], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(SMALLEST)
    monkeypatch.chdir(folder / "catalog" / "catalog")

    assert load().file == folder / "mainstay.toml"


def test_a_file_or_its_folder_can_be_named(folder: Path) -> None:
    other = folder / "other.toml"
    other.write_text(SMALLEST)
    (folder / "mainstay.toml").write_text(SMALLEST)

    assert load(other).file == other
    assert load(Path("other.toml")).file == other
    assert load(folder).file == folder / "mainstay.toml"


def test_pyproject_can_hold_the_same(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.mainstay.service.web]\nroot = "catalog"\n')
    named = load(folder / "pyproject.toml")

    assert load() == named
    assert named.service("web").settings == "catalog.settings"
    assert "tool.mainstay.service.web.replicas" in {default.path for default in named.defaults}


def test_problems_in_pyproject_carry_the_whole_path(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.mainstay.service.web]\nroot = "catalog"\nreplicas = 99\nnedes = []\n'
    )

    with pytest.raises(InvalidInput) as caught:
        load()
    assert [(each.path, each.where) for each in caught.value.problems] == [
        ("tool.mainstay.service.web.replicas", "pyproject.toml:3"),
        ("tool.mainstay.service.web.nedes", "pyproject.toml:4"),
    ]


def test_mainstay_toml_goes_before_pyproject_and_others_are_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pyproject.toml").write_text('[tool.mainstay.service.api]\nroot = "orders"\n')
    (folder / "catalog" / "pyproject.toml").write_text("[tool.ruff]\n")
    monkeypatch.chdir(folder / "catalog")

    assert load().services[0].name == "api"
    (folder / "mainstay.toml").write_text(SMALLEST)
    assert load().services[0].name == "web"


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    problem = refusal()

    assert (problem.id, problem.where) == ("topology.file-missing", str(tmp_path))
    assert "mainstay init" in problem.hint


def test_a_named_file_that_is_not_there(folder: Path) -> None:
    assert refusal(folder / "nowhere.toml").id == "topology.file-missing"


def test_a_pyproject_without_the_table(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.ruff]\n")

    assert refusal(folder / "pyproject.toml").expected == "the table [tool.mainstay]"


def test_a_folder_of_that_name(folder: Path) -> None:
    (folder / "mainstay.toml").mkdir()

    assert refusal().id == "topology.not-a-file"


def test_a_broken_link_is_not_walked_past(folder: Path) -> None:
    (folder / "mainstay.toml").symlink_to("gone.toml")
    (folder.parent / "mainstay.toml").write_text("[service.web]")

    assert refusal().id == "topology.file-missing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(folder: Path) -> None:
    (folder / "mainstay.toml").write_text(SMALLEST)
    (folder / "mainstay.toml").chmod(0)

    assert refusal().id == "topology.file-unreadable"


def test_a_file_that_is_no_text(folder: Path) -> None:
    (folder / "mainstay.toml").write_bytes(b'[system]\nname = "\xff"\n')
    problem = refusal()

    assert problem.id == "topology.file-encoding"
    assert "0xff" in problem.found


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[service.web\n", "mainstay.toml:1:13"),
        ("[system]\nname = boxoffice\n", "mainstay.toml:2:8"),
        ('[system]\nname = "a"\nname = "b"\n', "mainstay.toml:3:11"),
        ('[system]\nname = "a', "mainstay.toml"),
        ("a = " + "[" * 5000, "mainstay.toml"),
        ("a = " + "9" * 5000, "mainstay.toml"),
    ],
)
def test_a_mistake_of_syntax_has_a_line_and_a_column(folder: Path, text: str, where: str) -> None:
    (folder / "mainstay.toml").write_text(text)
    problem = refusal()

    assert (problem.id, problem.where) == ("topology.syntax", where)
    assert problem.found


def test_a_file_of_any_size_is_not_swallowed(folder: Path) -> None:
    (folder / "mainstay.toml").write_text("#" * (5 * 1024 * 1024))

    assert refusal().id == "topology.file-too-large"


def test_finding_does_not_judge(folder: Path) -> None:
    (folder / "mainstay.toml").write_text("x = 1")

    assert find(None).content == {"x": 1}


@pytest.mark.parametrize("text", [f"[{'.'.join(['a'] * 2000)}]", f"a = {'[' * 200}{']' * 200}"])
def test_nesting_beyond_any_use_is_one_problem(folder: Path, text: str) -> None:
    (folder / "mainstay.toml").write_text(text)
    assert refusal(folder).id == "topology.syntax"


@pytest.mark.parametrize("key", ["root", "manage"])
def test_a_path_that_no_file_system_knows_is_a_problem_of_its_key(folder: Path, key: str) -> None:
    (folder / "mainstay.toml").write_text(f'[service.web]\n{key} = "{"a" * 5000}"\n')
    assert refusal(folder).path == f"service.web.{key}"
