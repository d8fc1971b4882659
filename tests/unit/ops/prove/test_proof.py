"""What the claims of a proof say together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainstay.ops.prove.claim import Claim, Load, Result
from mainstay.ops.prove.history import History
from mainstay.ops.prove.proof import surroundings
from mainstay.ops.prove.verdict import Judgement, Verdict

from .evidence.sample import proof


def result(verdict: Verdict) -> Result:
    claim = Claim("calm", "Calm.", (), Load(1), ("errors = 0",))
    if verdict is Verdict.NOT_RUN:
        return Result(claim, History(), not_run="no means")
    return Result(claim, History(), judgements=[Judgement("errors = 0", verdict, "")])


PASS, FAIL, UNKNOWN, NOT_RUN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.NOT_RUN


@pytest.mark.parametrize(
    ("verdicts", "whole", "code"),
    [
        ((PASS, PASS), PASS, 0),
        ((PASS, NOT_RUN), PASS, 0),
        ((PASS, UNKNOWN), UNKNOWN, 2),
        ((PASS, UNKNOWN, FAIL), FAIL, 1),
        ((NOT_RUN, FAIL), FAIL, 1),
        ((NOT_RUN, NOT_RUN), UNKNOWN, 2),
        ((), UNKNOWN, 2),
    ],
)
def test_the_whole_is_judged_by_its_claims(verdicts: tuple[Verdict, ...], whole: Verdict, code: int) -> None:
    made = proof(results=[result(each) for each in verdicts])
    assert (made.verdict, made.exit_code) == (whole, code)


def test_one_that_was_interrupted_shows_nothing_though_all_so_far_passed() -> None:
    made = proof(results=[result(PASS)], interrupted="received SIGINT")
    assert (made.verdict, made.exit_code) == (UNKNOWN, 2)


def test_every_verdict_is_counted() -> None:
    assert proof(results=[result(PASS), result(PASS)]).counts == {FAIL: 0, UNKNOWN: 0, NOT_RUN: 0, PASS: 2}


def test_surroundings_are_words_and_name_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    told: Callable[[], dict[str, str]] = surroundings
    assert {"mainstay", "python", "kernel", "processors"} <= told().keys()
    assert all(told().values())
