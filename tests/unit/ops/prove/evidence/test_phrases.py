"""Numbers with units, and the sentence of a proof."""

from __future__ import annotations

import pytest

from mainstay.ops.prove.claim import Result
from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.phrases import (
    MOST_OPEN,
    counted,
    figure_text,
    loaded,
    not_judged,
    percent_text,
    rate_text,
    seconds_text,
    seen,
    sentence,
)
from mainstay.ops.prove.judging.figures import FIGURES, Measure
from mainstay.ops.prove.verdict import Judgement, Verdict

from .sample import disk_full, killed, paused, primary_lost, proof


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"), (0.0004, "0.4 ms"), (0.00999, "10 ms"), (0.412, "412 ms"), (0.9996, "1.00 s"), (1.254, "1.25 s"),
        (9.996, "10 s"), (12.34, "12.3 s"), (99.6, "1 min 40 s"), (250, "4 min 10 s"), (3599.7, "1 h"),
        (3900, "1 h 5 min"),
    ],
)  # fmt: skip
def test_seconds_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("recovery", 0.412, "412 ms"), ("p99.steady", 0.027, "27 ms"), ("goodput.fault", 61.2, "61 /s"),
        ("generator.cpu", 0.82, "82 %"), ("growth.memory", 0.004, "0.4 % /h"), ("failed", 1240.0, "1,240"),
        ("first-write", 1.1, "1.10 s"), ("recovery", None, "–"), ("backend.requests", 381.0, "381"),
        ("left-ready", 0.0, "0"), ("arrivals", 1240.0, "1,240"), ("attempts", 1.04, "1.04 ×"),
        ("stall.worst", 0.02, "20 ms"), ("strange", 3.5, "3.5"),
    ],
)  # fmt: skip
def test_a_figure_has_the_unit_that_its_name_says(name: str, value: float | None, text: str) -> None:
    assert figure_text(name, value) == text


def test_every_figure_that_a_rule_may_ask_for_has_a_unit() -> None:
    told = {name: figure_text(name, 360.0) for name in FIGURES}
    assert {text for name, text in told.items() if FIGURES[name].measure is Measure.COUNT} == {"360"}
    assert {text for name, text in told.items() if FIGURES[name].measure is Measure.SECONDS} == {"6 min"}
    assert told["generator.cpu"] == "3.6e+04 %"


def test_rules_that_were_not_judged_are_named_once_with_why() -> None:
    results = [killed(5.0), killed(9.0), disk_full()]
    for result in results:
        result.idle = ("refused.keyed = 0",)
    results[0].judgements.append(Judgement("lost = 0", Verdict.UNKNOWN, "nobody looked"))
    results[0].judgements.append(Judgement("errors = 0", Verdict.FAIL, "3 of 5"))
    told = not_judged(document(proof(results=results)))
    assert told == ["refused.keyed = 0 (in 2 claims): no journey does it", "lost = 0: nobody looked"]


def test_why_a_claim_is_unknown_is_not_said_again() -> None:
    result = killed(5.0)
    result.judgements = [Judgement("lost = 0", Verdict.UNKNOWN, "nobody looked")]
    assert not_judged(document(proof(results=[result]))) == []


def test_rules_that_were_not_judged_are_few_lines() -> None:
    result = killed(5.0)
    result.idle = tuple(f"lost.set-{number} = 0" for number in range(20))
    told = not_judged(document(proof(results=[result])))
    assert (len(told), told[-1]) == (MOST_OPEN + 1, "and 14 more, in the report")


def test_small_words() -> None:
    assert (rate_text(60.0), rate_text(7.5), rate_text(1234.5)) == ("60 /s", "7.5 /s", "1,234 /s")
    assert percent_text(0.0024) == "0.24 %"


def test_the_sentence_says_the_verdict() -> None:
    def said(**changes: object) -> str:
        return sentence(document(proof(**changes)))

    assert said() == "boxoffice breaks 1 of 5 claims."
    assert said(results=[killed(5.0)]) == "boxoffice keeps its claim."
    assert said(results=[killed(5.0), killed(9.0)]) == "boxoffice keeps all 2 claims."
    assert (
        said(results=[killed(5.0), disk_full()])
        == "boxoffice keeps the only claim that could be tried on this machine."
    )
    assert said(results=[killed(5.0), paused(9.0)]) == "boxoffice: 1 of 2 claims could not be told."
    assert said(results=[paused(9.0)]) == "Whether boxoffice keeps its claim could not be told."
    assert said(results=[disk_full()]) == ("Nothing was shown about boxoffice: its claim could not be tried.")
    assert said(results=[disk_full(), disk_full()]) == (
        "Nothing was shown about boxoffice: none of 2 claims could be tried."
    )
    assert said(results=[killed(5.0)], interrupted="received SIGINT") == (
        "The proof of boxoffice was not finished: received SIGINT."
    )
    assert said(results=[primary_lost(5.0)], interrupted="x") == "boxoffice breaks its claim."


def test_the_sentence_says_that_rules_were_not_judged() -> None:
    """Who reads nothing else would take it for more than was shown."""

    def idle(*rules: str) -> Result:
        result = killed(5.0)
        result.idle = rules
        return result

    def said(*results: Result) -> str:
        return sentence(document(proof(results=list(results))))

    assert said(idle("lost = 0", "oversold = 0"), idle("lost = 0")) == (
        "boxoffice keeps all 2 claims, as far as they were judged: 2 rules were not."
    )
    assert said(idle("lost = 0")) == "boxoffice keeps its claim, as far as it was judged: 1 rule was not."


def test_what_was_loaded_and_counted() -> None:
    told = document(proof())
    assert loaded(told) == "2,880 operations in 92.4 s; 19 failed and of 11 the outcome is not known"
    assert counted(told) == "1 fail, 2 unknown, 1 not run, 1 pass"
    assert (
        loaded(document(proof(results=[killed(5.0)]))) == "720 operations in 92.4 s, and none of them failed"
    )


def test_failures_that_the_claims_allow_are_said_to_be_allowed() -> None:
    result = primary_lost(5.0)
    result.judgements = result.judgements[:1]
    assert loaded(document(proof(results=[result]))).endswith("is not known, as the claims allow")


def test_a_recovery_from_nothing_is_not_told() -> None:
    result = killed(5.0)
    result.figures["recovery"] = 0.0
    assert "recovery" not in seen(document(proof(results=[result]))["claims"][0])


def test_key_figures_of_a_claim() -> None:
    told = {claim["name"]: seen(claim) for claim in document(proof())["claims"]}
    assert told["replica-killed-catalog"] == "720 operations, recovery 412 ms, p99 27 ms → 71 ms"
    assert told["disk-full"] == "0 operations"
