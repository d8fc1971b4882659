"""A mutant is caught by what names its mechanism, and by nothing else that goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mutants import named
from tests.mutants.__main__ import is_caught


def claim(verdict: str, *bit: bool, failed: str = "") -> dict[str, Any]:
    judgements = [{"rule": failed, "verdict": "fail"}] if failed else []
    return {"verdict": verdict, "bites": [{"bit": each} for each in bit], "judgements": judgements}


@pytest.mark.parametrize(
    ("tried", "caught"),
    [
        (claim("unknown", False), True),
        (claim("unknown", True), False),
        (claim("unknown", False, True), False),
        (claim("unknown"), False),
        (claim("pass", True), False),
    ],
)
def test_faults_in_name_only_are_caught_by_not_having_bitten(tried: dict[str, Any], caught: bool) -> None:
    """Not by a generator that was late, nor by a system that was not ready."""
    assert is_caught(named("fault-does-not-bite"), tried) is caught


def test_a_mechanism_is_caught_by_a_rule_about_it() -> None:
    assert is_caught(named("double-sale"), claim("fail", failed="oversold.seats = 0"))
    assert not is_caught(named("double-sale"), claim("fail", failed="errors = 0"))
