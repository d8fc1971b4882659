"""When the generator's own lateness matters, and what is said of it."""

from __future__ import annotations

from mainstay.ops.prove.loading.summary import Blocked, Summary


def summary(late: float, latency: float, **more: object) -> Summary:
    return Summary(
        100, 10.0, 0.0, late, late, **{"stall_worst": late, "cpu": 0.3, **more}, latency_p99=latency
    )  # type: ignore[arg-type]


def test_up_to_five_milliseconds_nothing_is_said() -> None:
    assert summary(0.005, 0.001).bottleneck == ""


def test_lateness_that_decides_nothing_is_no_bottleneck() -> None:
    assert summary(0.02, 0.5).bottleneck == ""
    assert "20.0 ms" in summary(0.02, 0.1).bottleneck


def test_the_cause_is_named_with_its_numbers() -> None:
    assert "the machine gave it no time" in summary(0.1, 0.1).bottleneck
    assert "97% of one core; one core was not enough" in summary(0.1, 0.1, cpu=0.97).bottleneck
    assert "journey 'a' blocked" in summary(0.1, 0.1, blocked=(Blocked("a", 2, 0.3),)).bottleneck


def test_who_blocked_is_told_whether_or_not_steps_began_late() -> None:
    blocked = (Blocked("a", 2, 0.3),)
    for late in (0.0, 0.1):
        (note,) = summary(late, 0.1, blocked=blocked).notes
        assert "journey 'a' blocked" in note


def test_one_long_stop_is_enough() -> None:
    assert summary(0.001, 5.0, stall_worst=1.5).bottleneck
