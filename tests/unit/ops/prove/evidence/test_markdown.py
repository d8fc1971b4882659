"""The summary for a pull request."""

from __future__ import annotations

from dataclasses import replace

from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.markdown import LONGEST, summary
from mainstay.ops.prove.verdict import Judgement, Verdict

from .sample import HOSTILE, killed, primary_lost, proof


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ")][2:]


def test_what_does_not_hold_comes_first_with_its_reason() -> None:
    found = rows(summary(document(proof())))
    assert [row.split("|")[1].strip() for row in found] == [
        "✗ fail",
        "? unknown",
        "? unknown",
        "– not run",
        "✓ pass",
    ]
    assert "errors.get = 0: " in found[0]


def test_it_begins_with_the_verdict_and_ends_with_the_command() -> None:
    lines = summary(document(proof())).splitlines()
    assert lines[0] == "## ✗ boxoffice breaks 1 of 5 claims."
    assert lines[-1] == "    mainstay prove --seed 4711"


def test_it_is_short_however_many_claims_there_are() -> None:
    results = [primary_lost(25.0) if n % 2 else killed(5.0) for n in range(90)]
    for number, result in enumerate(results):
        result.claim = replace(result.claim, name=f"{result.claim.name}-{number}")
        result.judgements = [Judgement("errors = 0", Verdict.FAIL, "line\n" * 30 + "x" * 5000)]
    text = summary(document(proof(results=results)))
    assert len(text.splitlines()) <= LONGEST
    assert "And 60 more" in text


def test_it_stays_short_with_all_that_it_may_say() -> None:
    results = [killed(5.0) for _ in range(90)]
    for number, result in enumerate(results):
        result.claim = replace(result.claim, name=f"{result.claim.name}-{number}")
        result.idle = (f"lost.set-{number} = 0",)
    text = summary(
        document(proof(results=results, printed=7, notes=[f"note {number}" for number in range(9)]))
    )
    assert len(text.splitlines()) <= LONGEST
    assert "- lost.set-0 = 0: no journey does it" in text
    assert "- and 84 more, in the report" in text
    assert "What journeys printed is in printed.txt." in text


def test_what_was_all_judged_is_not_said_to_be_open() -> None:
    assert "Not judged" not in summary(document(proof(results=[killed(5.0)])))
    assert "printed" not in summary(document(proof(results=[killed(5.0)])))


def test_hostile_words_are_no_markup_no_link_and_no_mention() -> None:
    result = killed(5.0)
    result.judgements = [
        Judgement("errors = 0", Verdict.FAIL, f"{HOSTILE} @everybody https://evil.example ![x](y)")
    ]
    text = summary(document(proof(results=[result])))
    assert "<" not in text
    for live in ("](", "`[", "@everybody", "https://"):
        assert live not in text, live


def test_a_cell_stays_a_cell() -> None:
    result = killed(5.0)
    result.judgements = [Judgement("errors = 0", Verdict.FAIL, "a | b\n| c")]
    (row,) = rows(summary(document(proof(results=[result]))))
    assert row.replace("\\|", "").count("|") == 4
