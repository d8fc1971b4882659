"""The prover's look at itself: an honest generator passes it, and one that hides a stall does not."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pytest

from mainstay.ops.prove import calibration
from mainstay.ops.prove.calibration import CLAIM, STALL, calibrate, hidden
from mainstay.ops.prove.claim import Result
from mainstay.ops.prove.loading.load import Arrival, Generator
from mainstay.ops.prove.verdict import Verdict
from tests.unit.ops.prove.runs import BEGIN, Run

CALIBRATION = pytest.mark.timeout(90)


class ClosedLoop(Generator):
    """Begins a step when the one before has ended, and counts from when it was sent."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings, most=1)

    def _counts_from(self, arrival: Arrival) -> float:
        return time.monotonic()


class Skipping(Generator):
    """Leaves out whatever is due while an answer is awaited."""

    def _has_room(self, lane: Any) -> bool:
        if lane.running:
            lane.arrivals -= 1
            lane.waiting.clear()
        return not lane.running


async def outcome(monkeypatch: pytest.MonkeyPatch, generator: type[Generator]) -> Result:
    monkeypatch.setattr(calibration, "Generator", generator)
    return await calibrate(CLAIM, 1, None)


@CALIBRATION
async def test_an_honest_generator_shows_the_stall_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that gives it no time the result may be unknown; it is never a failure."""
    result = await outcome(monkeypatch, Generator)
    assert result.figures["hidden"] < 0.1
    assert result.verdict is (Verdict.UNKNOWN if result.trouble else Verdict.PASS)
    assert result.figures["p99.fault"] > 0.8 * STALL


@CALIBRATION
@pytest.mark.parametrize("generator", [ClosedLoop, Skipping])
async def test_a_generator_that_waits_for_answers_fails(
    monkeypatch: pytest.MonkeyPatch, generator: type[Generator]
) -> None:
    result = await outcome(monkeypatch, generator)
    assert result.figures["hidden"] > 0.3
    assert result.verdict is Verdict.FAIL


@CALIBRATION
async def test_what_was_seen_is_written_as_it_happens() -> None:
    stream = io.StringIO()
    result = await calibrate(CLAIM, 1, stream)
    assert len(stream.getvalue().splitlines()) == len(result.history.operations) + len(result.history.phases)


# --- the figure itself ---------------------------------------------------------------------------

Change = Callable[[float], float]


def recorded(took: Change, *, step: float = 0.01, late: Change = lambda due: 0.0) -> float:
    """What is hidden of a stall from 10.0 to 10.5 s by steps that were due every hundredth of a second."""
    run = Run(phases=False)
    for index in range(round(1.0 / step)):
        due = 9.75 + index * step
        run.operation(due + late(due), took(due + late(due)))
    return hidden(run.history, BEGIN + 10.0, BEGIN + 10.5)


def rest(due: float) -> float:
    return max(10.5 - due, 0.0) + 0.001


def test_nothing_is_hidden_where_each_step_shows_the_rest_of_the_stall() -> None:
    assert recorded(rest) == pytest.approx(0.0, abs=1e-6)


def test_a_step_that_shows_less_than_the_rest_hides_the_difference() -> None:
    assert recorded(lambda due: rest(due) - 0.2) == pytest.approx(0.199, abs=0.002)


def test_steps_that_are_missing_hide_the_time_between_their_moments() -> None:
    found = recorded(rest, late=lambda due: 10.5 - due if 10.1 < due < 10.5 else 0.0)
    assert found == pytest.approx(0.39, abs=0.02)


def test_without_any_step_all_of_it_is_hidden() -> None:
    assert hidden(Run(phases=False).history, BEGIN, BEGIN + 0.5) == pytest.approx(0.49)
