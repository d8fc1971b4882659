"""boxoffice with more seats is boxoffice: what its long claims show is true of the one that people start."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

BOXOFFICE = Path(__file__).parents[2] / "boxoffice"


def services(name: str) -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((BOXOFFICE / name).read_text())
    for service in declared["service"].values():
        service.pop("prepare", None)
    return {key: declared[key] for key in ("service", "engine")}


def test_the_system_behind_the_figures_is_the_one_that_is_started() -> None:
    assert services("figures.toml") == services("mainstay.toml")
