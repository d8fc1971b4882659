"""Mutants change what is there: one that names a module that has moved would change nothing and be found by nobody."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.mutants import MUTANTS, SWITCHED

ROOT = Path(__file__).resolve().parents[2]
MUTATIONS = runpy.run_path(str(SWITCHED / "mutations.py"))["MUTATIONS"]
CHANGED = sorted({module for changes in MUTATIONS.values() for module in changes})


def test_every_mutant_has_its_change() -> None:
    assert {mutant.name for mutant in MUTANTS} == set(MUTATIONS)


@pytest.mark.parametrize("module", CHANGED)
def test_the_module_that_is_changed_exists(module: str) -> None:
    """Looked for as a file: services need their settings to be imported."""
    places = (ROOT / "src", *ROOT.glob("boxoffice/*"))
    parts = module.split(".")
    assert any(
        (place.joinpath(*parts).with_suffix(".py")).is_file()
        or place.joinpath(*parts, "__init__.py").is_file()
        for place in places
    )
