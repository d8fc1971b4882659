"""A run as points for a chart."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.prove.history import History
from mainstay.ops.prove.judging.timeline import origin, series

from ..runs import BEGIN, FAIL, UNKNOWN, Run


def test_a_point_tells_rate_outcomes_and_latencies() -> None:
    run = Run().every(0.05, 0, 0.25, took=0.01)
    run.operation(0.1, 2.0, FAIL)
    run.operation(0.2, 3.0, UNKNOWN)
    (point,) = series(run.history)
    assert point["rate"] == 7 / 0.25
    assert (point["ok"], point["fail"], point["unknown"]) == (5, 1, 1)
    assert point["p50"] == pytest.approx(0.01)
    assert (point["p99"], point["worst"]) == (pytest.approx(3.0), pytest.approx(3.0))


def test_a_stretch_without_operations_has_no_latency() -> None:
    run = Run()
    run.operation(0)
    run.operation(0.6)
    points = series(run.history)
    assert [point["t"] for point in points] == [0.0, 0.25, 0.5]
    assert (points[1]["rate"], points[1]["p99"]) == (0, None)


def test_seconds_count_from_the_first_phase() -> None:
    run = Run()
    run.operation(1.0)
    assert origin(run.history) == BEGIN
    assert len(series(run.history, 0.5)) == 3


def test_an_operation_is_drawn_where_it_was_due_however_late_it_was_sent() -> None:
    run = Run()
    run.operation(0.0, 4.0, late=3.9)
    assert [point["rate"] for point in series(run.history, 1.0)] == [1.0]


def test_nothing_seen_is_nothing_to_draw() -> None:
    assert series(History(began=BEGIN)) == []
    assert origin(History(began=BEGIN)) == BEGIN


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), min_size=1, max_size=40),
    st.sampled_from([0.1, 1.0]),
)
def test_every_operation_is_in_one_point(operations: list[tuple[float, float]], width: float) -> None:
    run = Run(phases=False)
    for due, took in operations:
        run.operation(due, took)
    points = series(run.history, width)
    assert sum(point["ok"] for point in points) == len(operations)
    assert max(point["worst"] or 0 for point in points) == pytest.approx(max(took for _, took in operations))
    json.dumps(points, allow_nan=False)
