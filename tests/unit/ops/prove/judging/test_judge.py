"""Verdicts: what passes, what fails, and above all what says nothing."""

from __future__ import annotations

import json

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.ops.prove.history import Outcome
from mainstay.ops.prove.judging.figures import measure
from mainstay.ops.prove.judging.judge import judge
from mainstay.ops.prove.judging.vocabulary import METRICS, Scope
from mainstay.ops.prove.verdict import Verdict

from ..runs import BEGIN, FAIL, OK, UNKNOWN, Run, calm, samples

PASS, FAILED, UNTOLD = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


# --- errors ------------------------------------------------------------------------------


def test_none_of_so_many_carries_its_bound() -> None:
    judgement = calm().judged("errors.get = 0")
    assert (judgement.verdict, judgement.value) == (PASS, 0)
    assert judgement.found == "0 of 300; at most 0.994 % (95 %)"


def test_one_error_fails_and_is_named() -> None:
    run = calm()
    number = run.operation(13, 5.0, FAIL, error="connection reset")
    judgement = run.judged("errors.get = 0")
    assert (judgement.verdict, judgement.value, judgement.offending) == (FAILED, 1, (number,))
    assert judgement.found.startswith("1 of 301 (0.332 %); at most ")
    assert judgement.details == ("1 × get / answered 503: connection reset",)


def test_unknown_is_never_success() -> None:
    run = calm()
    run.operation(13, 5.0, UNKNOWN, "keyed")
    assert run.judged("errors.keyed = 0").verdict is FAILED
    assert run.judged("unknown.keyed = 0").verdict is FAILED
    assert run.judged("failed.keyed = 0").verdict is PASS


@pytest.mark.parametrize(
    "rule",
    [
        f"{name}.x <= 1 {metric.units[0]}" if metric.scope is not Scope.NONE else f"{name} <= 1"
        for name, metric in METRICS.items()
        if metric.scope is not Scope.FIGURE
    ]
    + ["figure.held <= 1"],
)
def test_nothing_to_look_at_is_unknown(rule: str) -> None:
    judgement = calm().judged(rule)
    assert judgement.verdict is UNTOLD
    assert judgement.value is None
    assert judgement.found.startswith("nothing to look at: ")
    assert len(judgement.found) > len("nothing to look at: ")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("worst.get <= 1 ms", "no operation was due: no journey reads; add a client.get to a step"),
        ("errors.get = 0", "no operation was due: no journey reads; add a client.get to a step"),
        ("gap.write <= 1 s", "no journey writes without a key; add a client.post without key= to a step"),
        ("p99.keyed <= 1 s", "no journey writes with a key; add a client.post with key=True to a step"),
    ],
)
def test_where_no_journey_does_it_what_to_write_is_said(rule: str, told: str) -> None:
    assert told in Run().judged(rule).found


def test_what_was_done_but_not_then_needs_no_other_journey() -> None:
    assert Run().every(0.1, 0, 9).judged("worst.get@after <= 1 s").found.endswith("no operation was due")


def test_an_empty_history_passes_nothing() -> None:
    result = Run(phases=False).result("errors = 0", "violations = 0", "lost = 0", "gap <= 1 s")
    judge(result)
    assert {judgement.verdict for judgement in result.judgements} == {UNTOLD}
    assert result.verdict is UNTOLD


def test_a_count_looks_at_the_steady_phase_too_and_a_share_does_not() -> None:
    """A share would be diluted by a long quiet stretch; a count is only made stricter by it."""
    run = Run().every(0.01, 0, 10).every(0.1, 10, 30).strike(12)
    run.operation(5, 0.1, FAIL)
    assert run.judged("errors = 0").found.endswith("1 steady")
    assert run.judged("errors <= 0.1 %").verdict is PASS
    run.operation(15, 0.1, FAIL)
    assert run.judged("errors <= 0.1 %").verdict is FAILED
    assert run.judged("errors@steady <= 0.1 %").verdict is PASS
    assert run.judged("errors@after = 0").verdict is PASS


def test_what_was_due_between_two_phases_is_not_forgotten() -> None:
    run = Run(phases=False).phase("steady", 0, 9).phase("fault", 10, 19).phase("after", 20, 30)
    run.every(0.5, 0, 30)
    run.operation(19.5, 0.1, FAIL)
    assert run.judged("errors = 0").found.endswith("1 fault")


def test_what_was_under_way_when_a_strike_began_is_not_steady() -> None:
    """It may have been hit: what is calm is the yardstick for what is not."""
    run = Run().every(0.05, 0, 9.9).every(0.05, 11, 30).strike(10.2)
    hit = run.operation(9.99, 3.0)
    assert run.judged("worst@steady <= 1 s").verdict is PASS
    assert run.judged("p999@steady <= 1 s").value == pytest.approx(0.01)
    assert run.judged("worst@fault <= 1 s").offending == (hit,)
    assert run.judged("p99 <= 2 x steady").found.endswith("steady: 10.0 ms of 198")


def test_what_ended_before_the_strike_is_steady_also_where_the_strike_came_late() -> None:
    """The faults begin at 10 s, and the first of them strikes two seconds later."""
    run = Run().every(0.1, 0, 30).strike(12)
    run.operation(9.9, 1.9)
    run.operation(9.9, 2.1)
    assert run.judged("worst@steady <= 1 s").value == pytest.approx(1.9)
    assert run.judged("worst@fault <= 1 s").value == pytest.approx(2.1)


def test_of_a_load_without_faults_what_was_under_way_when_it_rose_is_not_steady() -> None:
    run = Run().every(0.1, 0, 9.9).every(0.01, 10, 20).every(0.1, 20, 30)
    run.operation(9.95, 2.0)
    assert run.judged("worst@steady <= 1 s").value == pytest.approx(0.01)


def test_a_repeat_stays_with_its_first_attempt() -> None:
    run = Run().every(0.1, 0, 9.9).every(0.1, 10, 30).strike(10)
    first = run.operation(9.5, 0.1, FAIL, "keyed")
    run.operation(9.7, 2.0, OK, "keyed", attempt=2, first=first)
    assert run.judged("errors.keyed@steady = 0").verdict is FAILED
    assert run.judged("refused.keyed@steady = 0").verdict is PASS


def test_how_much_was_done_in_the_steady_phase_counts_where_it_was_due() -> None:
    run = Run().every(0.1, 0, 30, took=0.5).strike(10)
    assert run.judged("goodput@steady >= 1 /s").value == pytest.approx(10.0)
    assert run.judged("errors@steady = 0").found.startswith("0 of 95")


def test_preparation_and_final_reading_are_no_load() -> None:
    run = calm()
    run.operation(-1, 0.1, FAIL)
    run.operation(32, 0.1, FAIL)
    assert run.judged("errors = 0").verdict is PASS


def test_repeats_count_as_refused_only_when_the_last_one_failed() -> None:
    run = calm()
    first = run.operation(13, 0.1, UNKNOWN, "keyed")
    run.operation(13.5, 0.1, OK, "keyed", attempt=2, first=first)
    assert run.judged("errors.keyed = 0").verdict is FAILED
    assert run.judged("refused.keyed = 0").verdict is PASS
    assert run.judged("attempts.keyed <= 2").value == 2
    lost = run.operation(14, 0.1, UNKNOWN, "keyed")
    last = run.operation(14.5, 0.1, UNKNOWN, "keyed", attempt=2, first=lost)
    judgement = run.judged("refused.keyed = 0")
    assert (judgement.verdict, judgement.value, judgement.offending) == (FAILED, 1, (last,))


def test_repeats_are_no_errors_of_their_own_and_belong_where_the_first_was_due() -> None:
    run = calm()
    first = run.operation(19.5, 0.1, UNKNOWN, "keyed")
    run.operation(20.5, 0.1, UNKNOWN, "keyed", attempt=2, first=first)
    run.operation(21.5, 0.1, OK, "keyed", attempt=3, first=first)
    assert run.judged("errors.keyed <= 1").value == 1
    assert run.judged("refused.keyed@fault = 0").verdict is PASS
    assert run.judged("refused.keyed@after = 0").verdict is UNTOLD


def test_the_worst_strike_decides_what_each_may_cost() -> None:
    run = calm().strike(16)
    for due in (12.1, 16.1, 16.2, 16.3):
        run.operation(due, 0.1, FAIL)
    assert run.judged("errors.get <= 3 per strike").verdict is PASS
    assert run.judged("errors.get <= 2 per strike").verdict is FAILED
    assert run.judged("errors.get <= 2 per strike").value == 3


def test_scopes_are_kinds_or_journeys() -> None:
    run = calm()
    run.operation(13, 0.1, FAIL, "write", journey="buy")
    assert run.judged("errors.browse = 0").verdict is PASS
    assert run.judged("errors.buy = 0").verdict is FAILED
    assert run.judged("errors.write = 0").verdict is FAILED


def test_at_most_twenty_offenders_are_named() -> None:
    run = calm()
    for index in range(40):
        run.operation(13 + index / 100, 0.1, FAIL)
    judgement = run.judged("errors = 0")
    assert (judgement.value, len(judgement.offending)) == (40, 20)
    assert len(judgement.details) <= 20


# --- time --------------------------------------------------------------------------------


def test_recovery_ends_with_the_last_error() -> None:
    run = calm()
    run.operation(12.3, 0.2, FAIL)
    number = run.operation(13.0, 0.5, UNKNOWN, "keyed")
    judgement = run.judged("recovery <= 1.5 s")
    assert (judgement.verdict, judgement.offending) == (PASS, (number,))
    assert judgement.value == pytest.approx(1.5)
    assert run.judged("recovery < 1.4 s").verdict is FAILED
    assert run.judged("recovery.get <= 0.6 s").verdict is PASS


def test_without_errors_recovery_takes_no_time() -> None:
    assert calm().judged("recovery = 0").verdict is PASS


def test_what_never_ends_well_again_never_recovered() -> None:
    run = Run().every(0.1, 0, 12).every(0.1, 12, 30, outcome=FAIL).strike(12)
    judgement = run.judged("recovery <= 60 s")
    assert (judgement.verdict, judgement.value) == (FAILED, None)
    assert judgement.found.startswith("never")


def test_an_operation_under_way_at_the_strike_is_its_doing_and_an_earlier_one_is_not() -> None:
    run = calm()
    run.operation(11.9, 0.4, FAIL)
    assert run.judged("recovery <= 1 s").value == pytest.approx(0.3)
    run = calm()
    run.operation(11.5, 0.4, FAIL)
    assert run.judged("recovery <= 1 s").value == 0


def test_each_error_belongs_to_the_strike_before_it() -> None:
    run = calm().strike(16)
    run.operation(12.5, 0.1, FAIL)
    run.operation(16.2, 0.1, FAIL)
    assert run.judged("recovery <= 1 s").value == pytest.approx(0.6)


def test_the_first_write_is_one_that_was_begun_after_the_blow() -> None:
    run = Run().every(0.1, 0, 30).strike(12, 12.5, fault="primary.lost")
    run.operation(12.1, 0.1, OK, "keyed")
    run.operation(12.6, 3.0, OK, "keyed")
    run.operation(13.0, 0.4, OK, "keyed")
    judgement = run.judged("first-write <= 1 s")
    assert judgement.verdict is PASS
    assert judgement.value == pytest.approx(0.9), "counts from the kill at 12.5 s, not from the cut before it"


def test_a_fault_that_lasts_counts_from_its_begin() -> None:
    run = Run().every(0.1, 0, 30).strike(12, 15, fault="pause")
    run.operation(13.0, 0.4, OK, "keyed")
    assert run.judged("first-write <= 2 s").value == pytest.approx(1.4)


def test_writable_counts_from_the_end_of_the_fault() -> None:
    run = Run().every(0.1, 0, 30).strike(12, 15, fault="disk-full")
    run.operation(13.0, 0.4, OK, "keyed")
    run.operation(16.0, 0.5, OK, "keyed")
    assert run.judged("writable <= 5 s").value == pytest.approx(1.5), "a write during the fault says nothing"
    run = Run().every(0.1, 0, 30).strike(12, 15, fault="disk-full")
    run.operation(16.0, 0.5, UNKNOWN, "keyed")
    assert run.judged("writable <= 5 s").verdict is FAILED


def test_writes_that_never_end_well_fail_and_no_writes_say_nothing() -> None:
    run = calm()
    assert run.judged("first-write <= 9 s").verdict is UNTOLD
    run.operation(13.0, 0.4, UNKNOWN, "keyed")
    judgement = run.judged("first-write <= 9 s")
    assert (judgement.verdict, judgement.found) == (FAILED, "never at worst; 1 strike")
    assert run.judged("first-ok <= 1 s").verdict is PASS


def test_a_gap_is_the_longest_silence() -> None:
    run = Run().every(0.1, 0, 13).every(0.1, 15, 30)
    run.operation(14, 0.5, FAIL)
    judgement = run.judged("gap <= 1 s")
    assert judgement.verdict is FAILED
    assert judgement.value == pytest.approx(15.01 - 12.91)
    assert judgement.details == ("nothing ended well from 12.910 s to 15.010 s",)


def test_a_gap_reaches_to_the_ends_of_its_phases() -> None:
    assert Run().every(0.1, 0, 12).judged("gap.get <= 1 s").value == pytest.approx(30 - 11.91)


# --- latency and rate --------------------------------------------------------------------


def test_latency_counts_from_when_it_was_due_and_includes_what_failed() -> None:
    run = calm()
    run.operation(13, 4.0, UNKNOWN, late=3.9)
    assert run.judged("worst <= 1 s").value == pytest.approx(4.0)
    assert run.judged("worst <= 1 s").offending[0] == 301
    assert run.judged("worst@steady <= 1 s").value == pytest.approx(0.01)


def test_a_percentile_against_the_steady_one() -> None:
    run = Run().every(0.1, 0, 10, 0.010).every(0.1, 10, 30, 0.025)
    judgement = run.judged("p99 <= 2 x steady")
    assert judgement.verdict is FAILED
    assert judgement.value == pytest.approx(2.5)
    assert judgement.found == "2.50 x steady; 25.0 ms of 200; steady: 10.0 ms of 100"
    assert run.judged("p99 <= 3 x steady").verdict is PASS
    assert run.judged("added.p99 <= 15.1 ms").verdict is PASS
    assert run.judged("added.p99 <= 14.9 ms").verdict is FAILED


@pytest.mark.parametrize("outcome", [FAIL, UNKNOWN])
def test_goodput_counts_steps_that_ended_well_in_the_end(outcome: Outcome) -> None:
    """What may have happened is no success."""
    run = Run().every(0.1, 0, 10).every(0.1, 10, 20, outcome=outcome).every(0.1, 20, 30)
    assert run.judged("goodput >= 95 % of steady").value == pytest.approx(0.5)
    assert run.judged("goodput@after >= 95 % of steady").verdict is PASS
    assert run.judged("goodput@fault >= 1 /s").verdict is FAILED


def test_the_time_between_two_phases_has_load_and_the_time_after_the_last_has_none() -> None:
    run = Run(phases=False).phase("steady", 0, 10).phase("fault", 10, 18).phase("after", 20, 30)
    run.phase("final", 40, 41).every(0.1, 0, 30)
    assert run.judged("goodput@fault >= 1 /s").value == pytest.approx(10)
    assert run.judged("goodput@after >= 1 /s").value == pytest.approx(10)


def test_a_run_without_faults_is_judged_as_a_whole() -> None:
    run = Run(phases=False).phase("steady", 0, 10).every(0.1, 0, 10)
    assert run.judged("p99 <= 1 s").verdict is PASS
    assert run.judged("errors <= 1 %").verdict is PASS
    assert run.judged("recovery <= 1 s").found == "nothing to look at: there was no strike"


@pytest.mark.parametrize(
    ("rule", "least"),
    [
        ("p50 <= 2 x steady", 20),
        ("p90 <= 2 x steady", 20),
        ("p99 <= 2 x steady", 100),
        ("p999 <= 2 x steady", 1000),
        ("worst <= 2 x steady", 20),
        ("added.p99 <= 1 s", 100),
        ("goodput >= 50 % of steady", 20),
    ],
)
def test_a_percentile_is_compared_with_so_many_that_one_lies_beyond_it(rule: str, least: int) -> None:
    """The p99 of fewer than a hundred is the worst of them, and one outlier would excuse everything."""
    enough = Run().every(9 / least, 0, 9).every(0.1, 10, 30)
    assert enough.judged(rule).verdict is PASS
    judgement = Run().every(9 / (least - 1), 0, 9).every(0.1, 10, 30).judged(rule)
    assert judgement.verdict is UNTOLD
    assert f"{least:,} are needed" in judgement.found


@pytest.mark.parametrize("rule", ["first-write <= 1 s", "first-ok <= 1 s", "writable <= 1 s"])
def test_a_strike_after_which_nobody_tried_leaves_it_open(rule: str) -> None:
    run = Run().every(0.1, 0, 15, kind="keyed").strike(12).strike(17)
    judgement = run.judged(rule)
    assert judgement.verdict is UNTOLD
    assert "nothing was tried after 1 of 2 strikes" in judgement.found


def test_a_strike_after_which_nobody_tried_hides_no_failure_of_another() -> None:
    run = Run().every(0.1, 0, 12, kind="keyed").every(0.1, 14, 15, kind="keyed").strike(12).strike(17)
    assert run.judged("first-write <= 1 s").verdict is FAILED


# --- figures ------------------------------------------------------------------------------


def test_figures_that_were_there_before_may_be_asked_for() -> None:
    result = calm().result("figure.lateness.p99 <= 5 ms", "amplification <= 1.1")
    result.figures |= {"lateness.p99": 0.004, "backend.requests": 315}
    judge(result)
    assert [judgement.verdict for judgement in result.judgements] == [PASS, PASS]
    assert [judgement.found for judgement in result.judgements] == ["4.0 ms", "1.050 from 300"]


def test_requests_of_which_nobody_knows_may_have_arrived_any_number_of_times() -> None:
    for limit, verdict in (("1.1", UNTOLD), ("1.01", FAILED)):
        result = calm().result(f"amplification <= {limit}")
        result.figures |= {"backend.requests": 315, "backend.untold": 2}
        judge(result)
        assert result.judgements[0].verdict is verdict


def test_figures_are_filled_and_can_be_written() -> None:
    run = Run().every(0.1, 0, 12).every(0.1, 12, 30, outcome=FAIL).strike(12)
    result = run.result("errors = 0")
    judge(result)
    figures = json.loads(json.dumps(result.figures, allow_nan=False))
    assert (figures["operations"], figures["errors"], figures["unknown"]) == (300, 180, 0)
    assert figures["p99.steady"] == pytest.approx(0.01)
    assert figures["goodput.after"] == 0
    assert "recovery" not in figures, "it never recovered, and JSON knows no infinity"


def test_every_figure_of_a_run_says_what_it_is_measured_in() -> None:
    run = Run().every(0.1, 0, 30).every(0.3, 0, 30, kind="keyed").strike(12)
    result = run.result("errors = 0")
    judge(result, samples=samples(0.0))
    assert {"p99.steady", "goodput.fault", "growth.memory", "attempts", "operations"} <= set(result.figures)
    assert {name for name in result.figures if measure(name) is None} == set()


def test_rules_may_be_given_instead_of_the_claim_s_own() -> None:
    result = calm().result("errors = 0")
    judge(result, [])
    assert result.judgements == []
    judge(result, ["gap <= 1s"])
    assert [judgement.rule for judgement in result.judgements] == ["gap <= 1 s"]
    with pytest.raises(InvalidInput):
        judge(result, ["gpa <= 1 s"])


def test_a_run_whose_fault_did_not_bite_never_passes() -> None:
    result = Run().every(0.1, 0, 30).strike(12, bit=False).result("errors = 0")
    judge(result)
    assert result.judgements[0].verdict is PASS
    assert result.verdict is UNTOLD


def test_moments_are_told_from_the_begin() -> None:
    run = calm()
    run.operation(13, 0.1, FAIL)
    run.operation(13.5, 0.1, FAIL)
    assert any("due at 13.000 s" in line for line in run.judged("errors = 0").details)
    assert run.history.began == BEGIN
