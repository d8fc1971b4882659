"""What the facts of a run say: what was lost, what was sold twice, and whether anybody looked."""

from __future__ import annotations

from mainstay.ops.prove.judging.judge import judge
from mainstay.ops.prove.verdict import Verdict

from ..runs import FAIL, OK, UNKNOWN, Run, calm

PASS, FAILED, UNTOLD = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


def shop(*, read: bool = True) -> Run:
    """Three orders acknowledged, of which the final reading shows two."""
    run = calm()
    for item in "abc":
        number = run.operation(5, 0.1, OK, "keyed", journey="buy")
        run.fact("attempted", item, 5.0, operation=number).fact("acknowledged", item, 5.1, operation=number)
    if read:
        number = run.operation(32, 0.1, journey="buy")
        run.fact("observed", "a", 32.1, operation=number).fact("observed", "b", 32.1, operation=number)
    return run


def test_a_lost_write_fails() -> None:
    judgement = shop().judged("lost.orders = 0")
    assert (judgement.verdict, judgement.value, judgement.offending) == (FAILED, 1, (303,))
    assert judgement.details == ("orders c: acknowledged by operation 303 at 5.100 s, not there at the end",)


def test_everything_found_passes_with_a_bound() -> None:
    judgement = shop().fact("observed", "c", 32.1).judged("lost = 0")
    assert (judgement.verdict, judgement.found) == (PASS, "0 of 3; at most 63.2 % (95 %)")


def test_a_set_that_nobody_read_is_unknown() -> None:
    assert shop(read=False).judged("lost = 0").verdict is UNTOLD
    assert "nobody looked" in shop(read=False).judged("lost = 0").found


def test_an_empty_answer_to_the_final_reading_means_that_all_is_lost() -> None:
    run = shop(read=False)
    run.operation(32, 0.1, journey="buy")
    judgement = run.judged("lost = 0")
    assert (judgement.verdict, judgement.value) == (FAILED, 3)


def test_not_found_is_an_answer_and_no_answer_is_none() -> None:
    gone = shop()
    gone.operation(32.2, 0.1, FAIL, journey="buy", status=404)
    assert gone.judged("lost = 0").verdict is FAILED
    for status in (0, 401, 429, 503):
        silent = shop()
        silent.operation(32.2, 0.1, FAIL, journey="buy", status=status)
        judgement = silent.judged("lost = 0")
        assert judgement.verdict is UNTOLD
        assert "1 read of the final reading got no answer" in judgement.found


def test_a_reading_that_was_repeated_until_it_was_answered_is_complete() -> None:
    run = shop().fact("observed", "c", 32.5)
    first = run.operation(32.2, 0.1, FAIL, journey="buy", status=503)
    assert run.judged("lost = 0").verdict is UNTOLD
    run.operation(32.3, 0.1, OK, journey="buy", attempt=2, first=first)
    assert run.judged("lost = 0").verdict is PASS


def test_a_reading_that_broke_off_leaves_open_what_it_did_not_come_to() -> None:
    result = shop().result("lost = 0", "phantom = 0")
    judge(result, unread=["buy"])
    assert [judgement.verdict for judgement in result.judgements] == [UNTOLD, UNTOLD]
    assert result.judgements[0].found == "1 of 3; the final reading of buy did not come to its end"
    judge(result, unread=["browse"])
    assert [judgement.verdict for judgement in result.judgements] == [FAILED, PASS]


def test_writes_of_the_final_phase_are_no_reading() -> None:
    run = shop(read=False)
    run.operation(32, 0.1, kind="keyed", journey="buy")
    assert run.judged("lost = 0").verdict is UNTOLD
    run = shop()
    run.operation(32.2, 0.1, UNKNOWN, "keyed", journey="buy")
    assert run.judged("lost = 0").verdict is FAILED


def test_another_journey_s_silence_leaves_no_doubt() -> None:
    run = shop()
    run.operation(32.2, 0.1, FAIL, journey="browse", status=503)
    assert run.judged("lost = 0").verdict is FAILED


def test_what_the_final_phase_itself_acknowledged_must_be_there_if_somebody_looked_after() -> None:
    run = shop().fact("observed", "c", 32.1).fact("acknowledged", "d", 32.5)
    assert run.judged("lost = 0").verdict is PASS
    run.operation(33, 0.1, journey="buy")
    assert run.judged("lost = 0").verdict is FAILED


def test_one_loss_fails_whatever_is_doubtful_elsewhere() -> None:
    run = shop().fact("acknowledged", "x", 5.0, set="parcels")
    assert run.judged("lost = 0").verdict is FAILED
    assert run.judged("lost.parcels = 0").verdict is FAILED  # somebody was answered, and it was not there


def test_two_owners_of_a_seat_fail_even_in_an_incomplete_reading() -> None:
    run = (
        shop()
        .fact("owned", "7", 32.1, set="seats", owner="x")
        .fact("owned", "7", 32.1, set="seats", owner="y")
    )
    run.operation(32.5, 0.1, FAIL, journey="buy", status=503)
    assert run.judged("oversold.seats = 0").verdict is FAILED
    assert run.judged("oversold.tables = 0").found == "nothing to look at: no journey spoke of a set tables"


def test_a_negative_control_may_ask_for_losses() -> None:
    assert shop().judged("lost >= 1").verdict is PASS
    assert shop().fact("observed", "c", 32.1).judged("lost >= 1").verdict is FAILED


def test_violations_are_looked_for_wherever_a_journey_did_something() -> None:
    run = shop()
    assert run.judged("violations = 0").verdict is PASS
    assert run.judged("violations.buy = 0").verdict is PASS
    run.fact("violation", "costs 3, not 4", set="buy", operation=301)
    assert run.judged("violations.buy = 0").offending == (301,)
    assert run.judged("violations.browse = 0").verdict is PASS


def test_a_read_that_was_sent_before_a_write_was_acknowledged_is_not_stale() -> None:
    run = calm()
    early = run.operation(13.0, 2.0)
    late = run.operation(14.6, 0.4)
    run.fact("wrote", "a", 14.5, value=2.0, session="s")
    run.fact("read", "a", 15.0, value=1.0, session="s", operation=early)
    assert run.judged("stale = 0").verdict is PASS
    run.fact("read", "a", 15.1, value=1.0, session="s", operation=late)
    assert run.judged("stale = 0").offending == (late,)


def acknowledged(*moments: float) -> Run:
    """Orders acknowledged at such moments; the final reading looks at 32 s, and sees those from before it."""
    run = Run()
    number = run.operation(5, kind="keyed", journey="buy")
    run.operation(32, journey="buy")
    for index, moment in enumerate(moments):
        run.fact("attempted", str(index), 4, operation=number)
        run.fact("acknowledged", str(index), moment, operation=number)
        if moment < 32:
            run.fact("observed", str(index), 32.1, operation=number)
    return run


def test_what_was_acknowledged_after_the_last_look_is_not_counted_as_there() -> None:
    judgement = acknowledged(5, 6, 33).judged("lost.orders = 0")
    assert judgement.verdict is PASS
    assert judgement.found.startswith("0 of 2; ")
    assert "1 acknowledged after the last look" in judgement.found
    assert acknowledged(5, 6, 33).judged("lost = 0").found == judgement.found


def test_without_anything_acknowledged_before_the_last_look_nothing_is_told() -> None:
    for rule in ("lost.orders = 0", "lost = 0"):
        judgement = acknowledged(33, 34).judged(rule)
        assert judgement.verdict is UNTOLD
        assert "2 were acknowledged after the last look" in judgement.found
    # Nor when another set was looked at.
    beside = acknowledged(33).fact("acknowledged", "x", set="seats").fact("observed", "x", 32.2, set="seats")
    assert beside.judged("lost.seats = 0").verdict is PASS
    assert beside.judged("lost = 0").verdict is UNTOLD
