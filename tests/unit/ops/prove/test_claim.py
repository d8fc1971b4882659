"""What becomes of a claim, from what was judged and what bit."""

from __future__ import annotations

import pytest

from mainstay.ops.prove.claim import Bite, Claim, Load, Result
from mainstay.ops.prove.faults.fault import Evidence, Strike
from mainstay.ops.prove.history import History
from mainstay.ops.prove.verdict import Judgement, Verdict

STRIKES = (Strike("kill", "edge"), Strike("kill", "valkey"))


def result(*bit: bool, judged: Verdict = Verdict.PASS, trouble: str = "", not_run: str = "") -> Result:
    """Of a claim of two strikes: whether each of those of which something is known bit."""
    claim = Claim("struck", "", STRIKES, Load(1.0), ("errors = 0",))
    bites = [
        Bite(strike, 0.0, 0.0, Evidence(each, "seen")) for strike, each in zip(STRIKES, bit, strict=False)
    ]
    judgements = [Judgement("errors = 0", judged, "0 of 9")]
    return Result(claim, History(), bites, judgements, trouble=trouble, not_run=not_run)


@pytest.mark.parametrize(
    ("tried", "verdict"),
    [
        (result(True, True), Verdict.PASS),
        (result(True, False), Verdict.UNKNOWN),
        (result(True), Verdict.UNKNOWN),
        (result(), Verdict.UNKNOWN),
        (result(True, True, trouble="a journey raised"), Verdict.UNKNOWN),
        (result(True, True, judged=Verdict.UNKNOWN), Verdict.UNKNOWN),
        (result(judged=Verdict.FAIL, trouble="a journey raised"), Verdict.FAIL),
        (result(not_run="no standby"), Verdict.NOT_RUN),
    ],
)
def test_it_passes_only_when_every_strike_is_known_to_have_bitten(tried: Result, verdict: Verdict) -> None:
    """A failure stands whatever else is in doubt; of a strike that left no record nobody knows."""
    assert tried.verdict is verdict


def test_what_nothing_was_judged_of_is_unknown() -> None:
    assert Result(Claim("calm", "", (), Load(1.0), ()), History()).verdict is Verdict.UNKNOWN
