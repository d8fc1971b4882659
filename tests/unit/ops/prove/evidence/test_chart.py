"""Places on a drawing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from mainstay.ops.prove.evidence.chart import MOST_LANES, Chart, chart
from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.panels import LEFT, MOST_BINS, PLOT, Scale, nice
from mainstay.ops.prove.evidence.spark import spark

from .sample import disk_full, history, killed, primary_lost, proof


def told(result: Any) -> dict[str, Any]:
    claim: dict[str, Any] = document(proof(results=[result]))["claims"][0]
    return claim


def drawn(result: Any) -> Chart:
    found = chart(told(result))
    assert found is not None
    return found


def test_time_runs_from_left_to_right() -> None:
    scale = Scale(12.0)
    assert (scale.x(0), scale.x(6), scale.x(12)) == (LEFT, LEFT + PLOT / 2, LEFT + PLOT)
    assert scale.x(99) == LEFT + PLOT
    assert [tick.text for tick in scale.ticks()] == ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s"]


@pytest.mark.parametrize(("value", "step"), [(0.03, 0.05), (1, 1), (1.1, 2), (3, 5), (70, 100)])
def test_steps_are_round(value: float, step: float) -> None:
    assert nice(value) == pytest.approx(step)


def test_a_fault_is_where_it_was_and_labels_do_not_overlap() -> None:
    cut, kill = drawn(primary_lost(25.0)).faults
    assert (cut.x, kill.x) == (Scale(12.0).x(4.0), Scale(12.0).x(4.5))
    assert cut.width == pytest.approx(PLOT / 4, abs=0.2)
    assert (cut.row, kill.row) == (0, 1)


def test_a_label_near_the_end_is_written_to_the_left() -> None:
    result = killed(5.0)
    result.bites[0].began = result.bites[0].ended = 1000 + 5 + 11.9
    (fault,) = drawn(result).faults
    assert fault.anchor == "end"


def test_failures_are_seen_however_few() -> None:
    found = drawn(primary_lost(25.0))
    assert found.rate.paths["fail"]
    assert found.latency.marks["fail"]
    assert drawn(killed(5.0)).rate.paths["fail"] == ""


def test_the_axis_is_logarithmic_when_the_slowest_would_flatten_the_usual() -> None:
    assert [tick.text for tick in drawn(primary_lost(25.0)).latency.ticks] == ["10 ms", "100 ms", "1 s"]
    assert drawn(killed(5.0)).latency.ticks[0].text == "0"


def test_every_curve_stays_in_its_panel() -> None:
    for result in (primary_lost(25.0), killed(5.0)):
        found = drawn(result)
        for panel in (found.rate, found.latency):
            assert all(panel.top <= tick.at <= panel.bottom for tick in panel.ticks)
            for path in (panel.paths[name] for name in panel.paths if name in ("p50", "p99", "worst")):
                heights = [
                    float(part.split()[1].split("h")[0]) for part in path.replace("M", "L").split("L")[1:]
                ]
                assert all(panel.top <= height <= panel.bottom for height in heights)


def test_a_long_run_has_few_points_and_loses_no_failure() -> None:
    result = killed(5.0)
    result.history = history(5.0, rate=4.0, phases={"steady": 400.0}, trouble=lambda t: (1, 0.02, 0.0))
    found = drawn(result)
    assert len(found.bins) <= MOST_BINS
    assert sum(int(each[2] or 0) for each in found.bins) == sum(told(result)["timeline"]["fail"])


def test_processes_that_never_changed_are_only_named() -> None:
    found = drawn(killed(5.0))
    assert [row.name for row in found.lanes] == ["catalog.web.1"]
    assert "postgres.1" in found.steady


def test_one_that_was_stopped_all_the_time_is_left_out() -> None:
    claim = told(killed(5.0))
    band = {"began": 0, "ended": 12, "state": "stopped", "role": "", "why": ""}
    claim["processes"].append({"name": "catalog.web.1.old", "bands": [band]})
    found = chart(claim)
    assert found is not None
    assert "catalog.web.1.old" not in [*found.steady, *(row.name for row in found.lanes)]


def test_processes_without_room_are_counted() -> None:
    claim = told(killed(5.0))
    (lane,) = (each for each in claim["processes"] if len(each["bands"]) > 1)
    claim["processes"] += [{**lane, "name": f"web.{n}"} for n in range(MOST_LANES)]
    found = chart(claim)
    assert found is not None
    assert (len(found.lanes), found.left_out) == (MOST_LANES, 1)


def test_the_burst_of_the_final_reading_does_not_flatten_the_load() -> None:
    result = killed(5.0)
    result.history = history(5.0, rate=20.0, phases={"steady": 4.0, "final": 1.0})
    last = result.history.operations[-1]
    result.history.operations += [replace(last, number=1000 + n) for n in range(200)]
    found = drawn(result)
    assert [tick.text for tick in found.rate.ticks] == ["0", "10", "20", "30"]
    heights = [float(each) for each in re.findall(r"V([\d.]+)", found.rate.paths["all"])]
    assert min(heights) == found.rate.top


def test_recovery_is_drawn_only_when_something_failed() -> None:
    assert [mark.text[:15] for mark in drawn(primary_lost(25.0)).recovered] == ["recovered after"]
    assert drawn(killed(5.0)).recovered == []


def test_without_load_there_is_no_picture() -> None:
    assert chart(told(disk_full())) is None
    assert spark(told(disk_full())) is None


def test_hundreds_of_faults_have_a_row_for_each_kind_and_few_words() -> None:
    claim = told(killed(0.0))
    (bite,) = claim["bites"]
    second = {**bite, "text": "flush valkey"}
    claim["bites"] = [{**(bite, second)[n % 2], "began": n / 100, "ended": n / 100} for n in range(300)]
    found = chart(claim)
    assert found is not None
    assert {stripe.row for stripe in found.faults} == {0, 1}
    assert [stripe.text for stripe in found.faults if stripe.text] == [bite["text"], "flush valkey"]
    assert f"{bite['text']} 150 times" in found.description
    assert len(found.description) < 2000
