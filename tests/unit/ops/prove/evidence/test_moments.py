"""The supervisor's journal on the clock of a claim."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from mainstay.ops.prove.evidence.moments import around, lanes, moments

from .sample import BEGAN, event

ZERO = BEGAN.timestamp()


def bands(*events: dict[str, Any], until: float = 10.0) -> dict[str, list[tuple[float, float, str, str]]]:
    found = lanes(moments(events, ZERO), until)
    return {
        lane.name: [(b["began"], b["ended"], b["state"], b["role"]) for b in lane.bands] for lane in found
    }


def test_a_killed_process_is_down_until_it_is_started_again() -> None:
    told = bands(
        event(4.0, "process.ended", "web", "killed by SIGKILL"),
        event(4.0, "process.starting", "web", "killed by SIGKILL"),
        event(4.2, "process.started", "web"),
        event(4.9, "process.ready", "web"),
    )
    assert told == {
        "web": [
            (0, 4.0, "ready", ""),
            (4.0, 4.2, "down", ""),
            (4.2, 4.9, "starting", ""),
            (4.9, 10, "ready", ""),
        ]
    }


def test_one_that_is_frozen_is_not_ready_though_it_runs() -> None:
    told = bands(event(3, "process.not-ready", "web", "frozen by a signal"), event(6, "process.ready", "web"))
    assert [state for *_, state, _ in told["web"]] == ["ready", "not-ready", "ready"]


def test_what_was_before_the_claim_counts_for_its_begin() -> None:
    told = bands(
        event(-5, "process.ended", "web"),
        event(-4, "process.started", "web"),
        event(2, "process.ready", "web"),
    )
    assert told == {"web": [(0, 2, "starting", ""), (2, 10, "ready", "")]}


def test_what_comes_after_the_claim_does_not() -> None:
    assert bands(event(12, "process.ended", "web")) == {"web": [(0, 10, "ready", "")]}


def test_one_that_is_new_was_not_there_before() -> None:
    told = bands(event(2, "process.started", "web.3"), event(3, "process.ready", "web.3"))
    assert [state for *_, state, _ in told["web.3"]] == ["stopped", "starting", "ready"]


def test_primary_and_standby_change_places() -> None:
    told = bands(
        event(4.0, "process.ended", "pg.1", "killed"),
        event(4.1, "postgres.primary-lost", "pg.1"),
        event(4.5, "postgres.promoted", "pg.2"),
        event(4.6, "process.started", "pg.1"),
        event(6.0, "process.ready", "pg.1"),
    )
    assert told["pg.1"][0] == (0, 4.0, "ready", "primary")
    assert told["pg.1"][-1] == (6.0, 10, "ready", "standby")
    assert told["pg.2"] == [(0, 4.5, "ready", "standby"), (4.5, 10, "ready", "primary")]


def test_bands_follow_one_another_without_a_gap() -> None:
    told = bands(
        event(1, "process.draining", "web"),
        event(2, "process.stopped", "web"),
        event(3, "process.started", "web"),
    )["web"]
    assert all(left[1] == right[0] for left, right in pairwise(told))
    assert (told[0][0], told[-1][1]) == (0, 10)


def test_the_nearest_entries_stand_beside_an_operation() -> None:
    told = moments([event(at, "process.ready", str(at)) for at in (1.0, 4.1, 4.9, 5.5, 7.0)], ZERO)
    assert [each.subject for each in around(told, 4.5, 5.0)] == ["4.1", "4.9", "5.5"]


def test_an_entry_that_is_not_whole_is_left_out() -> None:
    assert moments([{"time": "no time", "event": "x"}, {}], ZERO) == []
