"""When a load was too much."""

from __future__ import annotations

import pytest

from mainstay.ops.prove.judging.judge import judge
from mainstay.ops.prove.judging.overload import too_much

from ..runs import FAIL, Run, calm


@pytest.mark.parametrize(
    ("run", "held", "shown"),
    [
        (calm(), 0, ""),
        (calm(), 3, "3 steps had to wait for others"),
        (Run().every(0.1, 0, 10).every(0.1, 10, 20, 0.029).every(0.1, 20, 30), 0, ""),
        (Run().every(0.1, 0, 10).every(0.1, 10, 20, 0.031).every(0.1, 20, 30), 0, "p99 31.0 ms, steady 10.0 ms"),
        (Run().every(0.1, 0, 20).every(0.1, 20, 30, 9.0), 0, ""),
        (Run().every(0.1, 0, 19).every(0.1, 19, 20, outcome=FAIL), 0, "10 requests did not end well"),
    ],
)  # fmt: skip
def test_what_shows_that_a_load_was_too_much(run: Run, held: float, shown: str) -> None:
    result = run.result("errors@after = 0")
    judge(result)
    result.figures["held"] = held
    assert too_much(result) == shown
