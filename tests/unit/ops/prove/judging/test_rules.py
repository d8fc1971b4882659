"""The language of what must hold: what it reads, what it writes, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.errors import InvalidInput
from mainstay.ops.prove.judging.figures import FIGURES, LIMITS
from mainstay.ops.prove.judging.reach import Reach
from mainstay.ops.prove.judging.rules import check, parse
from mainstay.ops.prove.judging.sense import never_exceeds
from mainstay.ops.prove.judging.vocabulary import METRICS, OPERATORS, PHASES, Rule, Scope, Unit

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Any rule that can be written."""
    name = draw(st.sampled_from(sorted(METRICS)))
    metric = METRICS[name]
    scope = draw(st.sampled_from(sorted(FIGURES)) if metric.scope is Scope.FIGURE else st.just("") | NAMES)
    if metric.scope is Scope.NONE or (metric.scope is Scope.WRITES and scope == "get"):
        scope = ""
    phase = draw(st.sampled_from(("", *PHASES))) if metric.phased else ""
    digits = draw(st.from_regex(r"[0-9]{1,8}(\.[0-9]{1,9})?", fullmatch=True))
    unit = draw(st.sampled_from(metric.units))
    if metric.scope is Scope.FIGURE:
        unit = LIMITS[FIGURES[scope].measure]
    text = f"{name}{'.' + scope if scope else ''}{'@' + phase if phase else ''} <= {digits} {unit}"
    rule = parse(text)
    return Rule(
        rule.metric, rule.scope, rule.phase, draw(st.sampled_from(sorted(OPERATORS))), rule.limit, unit
    )


@given(rules())
def test_normal_form_reads_back_as_the_same_rule(rule: Rule) -> None:
    assert parse(str(rule)) == rule
    assert str(parse(str(rule))) == str(rule)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("errors = 0", "errors = 0"),
        ("errors.get==0", "errors.get = 0"),
        ("errors.keyed ≤ 0.1%", "errors.keyed <= 0.1 %"),
        ("errors.get <= 2 per  strike", "errors.get <= 2 per strike"),
        ("  lost.orders=0 ", "lost.orders = 0"),
        ("recovery <= 1.5s", "recovery <= 1.5 s"),
        ("recovery ≤ 1500 ms", "recovery <= 1.5 s"),
        ("recovery = 0", "recovery = 0 s"),
        ("first-write <= 2 m", "first-write <= 120 s"),
        ("p99 <= 2 × steady", "p99 <= 2 x steady"),
        ("p999.keyed @ fault <= 50 ms", "p999.keyed@fault <= 50 ms"),
        ("added.p99.browse <= 0.05 s", "added.p99.browse <= 50 ms"),
        ("goodput >= 95 % of steady", "goodput >= 95 % of steady"),
        ("goodput >= 100 per second", "goodput >= 100 /s"),
        ("growth.memory.catalog.web <= 0.5 % per hour", "growth.memory.catalog.web <= 0.5 %/h"),
        ("figure.lateness.p99 <= 5 ms", "figure.lateness.p99 <= 5 ms"),
        ("worst=<0.8 s", "worst <= 800 ms"),
    ],
)
def test_many_spellings_have_one_normal_form(text: str, normal: str) -> None:
    assert str(parse(text)) == normal


@pytest.mark.parametrize(
    ("text", "id", "column", "expected", "hint"),
    [
        ("erorrs = 0", "prove.rule-name", 1, "something that is measured", "did you mean 'errors'?"),
        ("growth.memry <= 1 %/h", "prove.rule-name", 1, "measured", "did you mean 'growth.memory'?"),
        ("lost", "prove.rule-form", 5, "a name, one of", ""),
        ("", "prove.rule-form", 1, "a name, one of", ""),
        ("errors =", "prove.rule-limit", 9, "a number: 0 or 0.1 %", ""),
        ("errors = none", "prove.rule-limit", 10, "a number", ""),
        ("errors = 1.2.3", "prove.rule-limit", 10, "a number", ""),
        ("errors = -1", "prove.rule-limit", 10, "a number", ""),
        ("p99 <= 3 y steady", "prove.rule-unit", 10, "2 x steady", "did you mean 'x steady'?"),
        ("p99 <= 3", "prove.rule-unit", 9, "50 ms", ""),
        ("errors <= 3 s", "prove.rule-unit", 13, "0.1 %", ""),
        ("errors = 0 = 0", "prove.rule-unit", 12, "a unit that fits", ""),
        ("p99@fualt < 2 s", "prove.rule-phase", 5, "steady or fault or after", "did you mean 'fault'?"),
        ("p99@ < 2 s", "prove.rule-phase", 5, "steady or fault or after", ""),
        ("recovery@after < 2 s", "prove.rule-phase", 10, "no phase", ""),
        ("amplification.get <= 1.1", "prove.rule-scope", 15, "nothing behind", ""),
        ("figure <= 1", "prove.rule-scope", 7, "the name of a figure", ""),
        ("figure.restart = 0", "prove.rule-figure", 8, "the name of a figure", "did you mean 'restarts'?"),
        ("figure.p99.fault <= 1 s", "prove.rule-figure", 8, "the name of a figure", "itself: p99@fault"),
        ("figure.growth.memory <= 1", "prove.rule-figure", 8, "the name of", "itself: growth.memory"),
        ("figure.restarts <= 3 s", "prove.rule-unit", 22, "a unit that fits: 0", ""),
        ("figure.ready-again <= 3", "prove.rule-unit", 24, "50 ms or 1.5 s", ""),
        ("first-write.get <= 1 s", "prove.rule-scope", 13, "keyed, write", "first-ok.get"),
        ("errors <= 9999999999 ", "prove.rule-limit", 11, "at most", ""),
        ("er rors = 0", "prove.rule-form", 1, "a name such as", ""),
        ("errörs = 0", "prove.rule-form", 1, "a name such as", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_fits(
    text: str, id: str, column: int, expected: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, where="mainstay.toml:7", path="holds[0]")
    problem = caught.value.problems[0]
    assert (problem.id, problem.where, problem.path) == (id, "mainstay.toml:7", "holds[0]")
    assert f"at column {column} of" in problem.found
    assert expected in problem.expected
    assert hint in problem.hint


def test_mistakes_on_both_sides_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse("p99@fualt <= 3 y")
    assert [problem.id for problem in caught.value.problems] == ["prove.rule-phase", "prove.rule-unit"]


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9.]{1,8}[ @]?[<=>]{1,2} ?[0-9.]+ ?[a-z%/ ]*"))
def test_any_text_is_a_rule_or_a_list_of_problems(text: str) -> None:
    try:
        rule = parse(text)
    except InvalidInput as error:
        found = list(error.problems)
    else:
        found = [] if parse(str(rule)) == rule else [rule]
        assert not found
        return
    assert found


# --- rules that make no sense ------------------------------------------------------------


def found(*texts: str, journeys: tuple[str, ...] | None = None) -> list[tuple[str, str]]:
    return [(each.id, each.path) for each in check(texts, path="holds", journeys=journeys)]


@pytest.mark.parametrize("text", ["errors >= 0", "p99 >= 0 s", "errors.get <= 100 %", "attempts >= 1"])
def test_a_rule_that_always_holds_is_refused(text: str) -> None:
    assert found(text) == [("prove.rule-idle", "holds[0]")]


@pytest.mark.parametrize(
    "text", ["p99@steady <= 2 x steady", "goodput@steady >= 95 % of steady", "added.p99@steady <= 1 ms"]
)
def test_the_steady_phase_is_not_compared_with_itself(text: str) -> None:
    assert found(text) == [("prove.rule-idle", "holds[0]")]


@pytest.mark.parametrize(
    "text",
    [
        *("errors < 0", "errors = 0.5", "recovery = 2 s", "errors > 100 %", "p99 < 0 s", "attempts < 1"),
        *("p99 = 0", "p99 <= 0", "worst.get <= 0 x steady", "gap = 0", "first-ok <= 0", "amplification = 0"),
        *("figure.restarts = 0.5", "figure.restarts < 0"),
    ],
)
def test_a_rule_that_never_holds_is_refused(text: str) -> None:
    """What takes time takes more than none: that can be known before anything is started."""
    assert found(text) == [("prove.rule-hopeless", "holds[0]")]


def test_what_may_be_nought_may_be_claimed_to_be() -> None:
    texts = ("recovery = 0", "goodput@fault = 0 /s", "figure.stall.worst >= 1 ms", "added.p99 <= 0")
    assert [found(text) for text in texts] == [[]] * 4


# --- rules that a claim cannot answer ------------------------------------------------------

BARE = Reach(False, False, ("web", "web.web", "web.web.1"), ("get",), False)
FULL = Reach(True, True, ("web", "web.web", "web.web.1"), ("get", "keyed", "write"), True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recovery <= 1 s", "faults, as recovery counts"),
        ("first-ok <= 1 s", "faults, as first-ok counts"),
        ("errors <= 2 per strike", "faults, as errors counts"),
        ("p99@fault <= 1 s", "faults, or a load with a peak"),
        ("figure.ready-again <= 3 s", "a claim with faults"),
        ("refused.keyed = 0", "journeys that do keyed"),
        ("lost.orders = 0", "journeys that report facts"),
    ],
)
def test_a_rule_that_its_claim_can_never_answer_is_refused(text: str, expected: str) -> None:
    (problem,) = check([text], path="holds", reach=BARE)
    assert (problem.id, problem.path) == ("prove.rule-beyond", "holds[0]")
    assert f"needs {expected}" in problem.expected
    assert check([text], path="holds", reach=FULL) == ()


def test_every_reason_why_a_rule_cannot_be_answered_is_told() -> None:
    told = [each.expected.partition("needs ")[2] for each in check(["first-write <= 1 s"], reach=BARE)]
    assert told == [
        "faults, as first-write counts from a strike",
        "journeys that do keyed or write",
    ]


def test_only_the_prover_s_look_at_itself_has_hidden_time() -> None:
    (problem,) = check(["figure.hidden <= 1 s"], reach=FULL)
    assert "the claim `generator`" in problem.expected


def test_growth_is_that_of_a_process_of_the_system() -> None:
    (problem,) = check(["growth.memory.wbe.web <= 1 %/h"], reach=FULL)
    assert (problem.id, problem.hint) == ("prove.rule-beyond", "did you mean 'web.web'?")
    for scope in ("", ".web", ".web.web", ".web.web.3"):
        assert check([f"growth.memory{scope} <= 1 %/h"], reach=FULL) == (), scope


def test_what_a_claim_may_answer_is_let_be() -> None:
    texts = ("errors.get = 0", "p99 <= 1 s", "violations = 0", "figure.restarts = 0", "attempts <= 2")
    assert check(texts, reach=BARE) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("p99 <= 1 s", "p99 >= 2 s"),
        ("p99 < 1 s", "p99 >= 1 s"),
        ("p99 <= 1 s", "p50 > 2 s"),
        ("worst@fault <= 1 s", "p999@fault >= 2 s"),
        ("errors = 0", "errors.get >= 1"),
        ("errors = 0", "errors@after > 0"),
        ("errors <= 2", "unknown.keyed >= 3"),
        ("errors <= 2", "refused >= 3"),
        ("lost = 0", "lost.orders >= 1"),
        ("errors = 1", "errors = 2"),
        ("goodput >= 95 % of steady", "goodput <= 90 % of steady"),
        ("errors = 0", "errors > 1 %"),
    ],
)
def test_rules_that_cannot_hold_together_are_refused(one: str, other: str) -> None:
    assert found(one, other) == [("prove.rule-conflict", "holds[1]")]
    assert found(other, one) == [("prove.rule-conflict", "holds[1]")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("p99 <= 1 s", "p99 >= 1 s"),
        ("p99.get <= 1 s", "p99.keyed >= 2 s"),
        ("p99@fault >= 2 s", "p99 <= 1 s"),
        ("p50 <= 1 s", "p99 >= 2 s"),
        ("errors.get = 0", "errors >= 1"),
        ("errors <= 1 %", "errors.get >= 2 %"),
        ("lost.orders = 0", "lost.seats >= 1"),
        ("p99 <= 1 s", "p99 >= 2 x steady"),
        ("figure.restarts <= 1", "figure.held >= 2"),
        ("errors <= 0 %", "errors >= 1"),
    ],
)
def test_rules_that_can_hold_together_are_let_be(one: str, other: str) -> None:
    assert found(one, other) == []


def test_scopes_are_compared_with_the_journeys_when_they_are_known() -> None:
    assert found("errors.buy = 0", "errors.get = 0", journeys=("buy",)) == []
    assert found("errors.bye = 0", journeys=("buy",)) == [("prove.rule-scope", "holds[0]")]
    assert found("lost.orders = 0", journeys=("buy",)) == []
    assert check(["errors.bye = 0"], journeys=("buy",))[0].hint == "did you mean 'buy'?"


def test_every_problem_of_all_rules_is_told() -> None:
    assert found("erorrs = 0", "errors >= 0", "p99 <= 1 s", "p99 > 1 s", "lost") == [
        ("prove.rule-name", "holds[0]"),
        ("prove.rule-idle", "holds[1]"),
        ("prove.rule-form", "holds[4]"),
        ("prove.rule-conflict", "holds[3]"),
    ]


@given(rules())
def test_nothing_exceeds_itself(rule: Rule) -> None:
    assert never_exceeds(rule, rule)


def test_every_unit_is_written_somewhere() -> None:
    assert {unit for metric in METRICS.values() for unit in metric.units} == set(Unit)
