"""A system of three services on disk, and a way to judge a declaration of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.topology import load
from mainstay.ops.topology.values import Topology
from tests.unit.ops.topology.projects import write_project


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``boxoffice`` with the projects catalog and orders (both interfaces) and payments (WSGI only)."""
    root = tmp_path / "boxoffice"
    for name in ("catalog", "orders", "payments"):
        write_project(root / name, name, asgi=name != "payments")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def declare(folder: Path) -> Callable[[str], Topology]:
    """Load a text as the folder's mainstay.toml."""

    def load_text(text: str) -> Topology:
        (folder / "mainstay.toml").write_text(text)
        return load()

    return load_text


@pytest.fixture
def problems(declare: Callable[[str], Topology]) -> Callable[[str], list[Problem]]:
    """The problems of a text; empty when there are none."""

    def judge(text: str) -> list[Problem]:
        try:
            declare(text)
        except InvalidInput as error:
            return list(error.problems)
        return []

    return judge


@pytest.fixture
def found(problems: Callable[[str], list[Problem]]) -> Callable[[str], list[tuple[str, str]]]:
    """Id, without its area, and key path of each problem of a text."""
    return lambda text: [(each.id.removeprefix("topology."), each.path) for each in problems(text)]
