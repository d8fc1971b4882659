"""The document that all other forms are made from."""

from __future__ import annotations

import json

import pytest

from mainstay.ops.prove.claim import Claim, Load, Result
from mainstay.ops.prove.evidence.document import FORMAT, document
from mainstay.ops.prove.history import History, Outcome
from mainstay.ops.prove.verdict import Judgement, Verdict

from .sample import TOKEN, history, killed, offending, primary_lost, proof


def claims() -> dict[str, dict[str, object]]:
    return {claim["name"]: claim for claim in document(proof())["claims"]}


def test_it_is_json_without_words_that_json_lacks() -> None:
    made = proof(figures={"recovery": float("inf")})
    told = json.loads(json.dumps(document(made), allow_nan=False))
    assert told["format"] == FORMAT
    assert told["figures"] == {"recovery": None}


def test_it_holds_the_facts_of_the_run() -> None:
    told = document(proof())
    assert (told["system"], told["size"], told["seed"], told["started"]) == (
        "boxoffice", "normal", 4711, "2026-01-31T12:00:00Z",
    )  # fmt: skip
    assert told["counts"] == {"fail": 1, "unknown": 2, "not run": 1, "pass": 1}
    assert (told["verdict"], told["exit_code"]) == ("fail", 1)
    assert told["versions"]["haproxy"] == "2.8.25"
    assert told["operations"]["all"] == sum(claim["operations"]["all"] for claim in told["claims"])


def test_no_secret_is_anywhere_in_it() -> None:
    text = json.dumps(document(proof(argv=["mainstay", "prove", "--token", TOKEN])))
    assert TOKEN not in text
    assert "very-secret" not in text


def test_a_seed_by_chance_becomes_part_of_the_command() -> None:
    assert document(proof(argv=["mainstay", "prove"]))["replay"] == "mainstay prove --seed 4711"
    assert (
        document(proof(argv=["mainstay", "prove", "--seed=4711"]))["replay"] == "mainstay prove --seed=4711"
    )


@pytest.mark.parametrize("words", [["--replay", "a.json"], ["--replay=a.json"]])
def test_a_schedule_that_was_saved_brings_its_seed(words: list[str]) -> None:
    """A seed beside it is refused, so it must not be in the line that does the same again."""
    argv = ["mainstay", "prove", *words]
    assert document(proof(argv=argv))["replay"] == " ".join(argv)


def test_seconds_count_from_the_begin_of_the_claim() -> None:
    told = claims()["primary-lost"]
    assert told["phases"][0]["began"] == 0  # type: ignore[index]
    assert [bite["began"] for bite in told["bites"]] == [4.0, 4.5]  # type: ignore[attr-defined]
    events = [(each["at"], each["event"]) for each in told["events"]]  # type: ignore[attr-defined]
    assert (4.52, "postgres.primary-lost") in events


def test_the_reason_says_what_broke_or_why_nothing_can_be_said() -> None:
    found = claims()
    assert str(found["primary-lost"]["why"]).startswith("errors.get = 0: ")
    assert "did not bite" in str(found["replica-paused-orders"]["why"])
    assert "right to mount" in str(found["disk-full"]["why"])
    assert found["replica-killed-catalog"]["why"] == ""


def test_an_unknown_rule_is_the_reason_when_nothing_else_is() -> None:
    judged = [Judgement("lost = 0", Verdict.UNKNOWN, "nothing to look at: no journey recorded a fact")]
    result = Result(Claim("calm", "Calm.", (), Load(1), ("lost = 0",)), history(0.0), judgements=judged)
    (told,) = document(proof(results=[result]))["claims"]
    assert told["why"] == "lost = 0: nothing to look at: no journey recorded a fact"


def test_offending_operations_are_whole_and_beside_what_else_happened() -> None:
    told = claims()["primary-lost"]
    (rule,) = told["offending"]  # type: ignore[misc]
    assert rule["rule"] == "errors.get = 0"  # type: ignore[has-type]
    first = rule["operations"][0]  # type: ignore[has-type]
    assert first["operation"]["outcome"] == "fail"
    assert first["operation"]["request_id"].startswith("req-")
    assert first["phase"] == "fault"
    assert (
        first["during"] == ["link.cut replication", "kill primary"]
        or "link.cut replication" in first["during"]
    )
    assert "postgres.primary-lost" in {each["event"] for each in first["around"]}


def test_figures_carry_their_units() -> None:
    (told,) = document(proof(results=[killed(5.0)]))["claims"]
    assert told["units"] == dict.fromkeys(told["figures"], "seconds")
    result = killed(5.0)
    result.figures = {"backend.requests": 3.0, "generator.cpu": 0.2, "goodput.after": 60.0, "strange": 1.0}
    (told,) = document(proof(results=[result]))["claims"]
    assert told["units"] == {
        "backend.requests": "count",
        "generator.cpu": "share",
        "goodput.after": "per second",
    }


def test_what_was_not_judged_is_there_with_why() -> None:
    result = killed(5.0)
    result.idle = ("refused.keyed = 0",)
    result.judgements.append(Judgement("lost = 0", Verdict.UNKNOWN, "nobody looked"))
    (told,) = document(proof(results=[result]))["claims"]
    assert told["not_judged"] == [
        {"rule": "refused.keyed = 0", "why": "no journey does it"},
        {"rule": "lost = 0", "why": "nobody looked"},
    ]


def test_at_most_twenty_operations_are_shown_for_a_rule() -> None:
    result = primary_lost(25.0)
    numbers = tuple(each.number for each in result.history.operations)
    result.judgements = [Judgement("errors = 0", Verdict.FAIL, "all", 1.0, numbers)]
    (told,) = document(proof(results=[result]))["claims"]
    assert len(told["offending"][0]["operations"]) == 20


def test_a_phase_says_what_the_load_saw_in_it() -> None:
    steady, fault, _ = claims()["primary-lost"]["phases"]  # type: ignore[misc]
    assert (steady["operations"]["all"], steady["operations"]["fail"]) == (240, 0)  # type: ignore[has-type]
    assert fault["operations"]["fail"] > 0  # type: ignore[has-type]
    assert fault["p99"] > steady["p99"] > steady["p50"]  # type: ignore[has-type]


def test_the_timeline_is_columns_of_equal_length_without_preparation() -> None:
    result = killed(5.0)
    early = result.history.operations[0]
    early.due = early.began = early.due - 3.0
    (told,) = document(proof(results=[result]))["claims"]
    columns = told["timeline"]
    lengths = {len(columns[name]) for name in ("at", "rate", "ok", "fail", "unknown", "p50", "p99", "worst")}
    assert len(lengths) == 1
    assert -columns["width"] < columns["at"][0] <= 0
    assert sum(columns["ok"]) == 719


def test_a_long_run_has_wider_bins() -> None:
    result = killed(5.0)
    result.history = history(5.0, rate=1.0, phases={"steady": 1200.0})
    (told,) = document(proof(results=[result]))["claims"]
    assert len(told["timeline"]["at"]) <= 2000
    assert told["timeline"]["width"] > 0.25


def test_recovery_is_marked_where_the_last_failure_was_over() -> None:
    last = max(each.ended for each in primary_lost(25.0).history.operations if each.outcome is not Outcome.OK)
    assert claims()["primary-lost"]["recovered"] == round(last - 1025.0, 3)
    assert (
        claims()["replica-killed-catalog"]["recovered"] is None
    )  # nothing failed, so nothing had to recover


def test_a_claim_that_was_not_run_has_no_load_and_no_events() -> None:
    told = claims()["disk-full"]
    assert (told["seconds"], told["events"], told["processes"], told["phases"]) == (0, [], [], [])


def test_a_claim_that_broke_off_before_its_load_is_told_of() -> None:
    result = Result(
        Claim("calm", "Calm.", (), Load(1), ("errors = 0",)), History(), trouble="not ready before"
    )
    (told,) = document(proof(results=[result]))["claims"]
    assert (told["verdict"], told["why"]) == ("unknown", "not ready before")


def test_offending_numbers_that_are_no_operations_are_left_out() -> None:
    result = primary_lost(25.0)
    result.judgements = [Judgement("errors = 0", Verdict.FAIL, "1 of 2", 1.0, (999_999,))]
    (told,) = document(proof(results=[result]))["claims"]
    assert told["offending"] == []
    assert offending(result.history, Outcome.FAIL)
