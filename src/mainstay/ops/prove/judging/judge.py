"""From what happened to what is to be thought of it: rules over a run, and the figures beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import sub, truediv

from mainstay.ops.prove.claim import Result
from mainstay.ops.prove.history import Outcome
from mainstay.ops.prove.judging import checkers, measures
from mainstay.ops.prove.judging.finding import Finding, exactly, nothing, together
from mainstay.ops.prove.judging.growth import Resource, Sample, growth
from mainstay.ops.prove.judging.material import Material, blow, ended
from mainstay.ops.prove.judging.measures import SHARES
from mainstay.ops.prove.judging.periods import LOADED
from mainstay.ops.prove.judging.rules import parse
from mainstay.ops.prove.judging.vocabulary import METRICS, Rule, Scope, Unit
from mainstay.ops.prove.judging.wording import seconds, words
from mainstay.ops.prove.verdict import Judgement, Verdict

WRITES = ("keyed", "write")
EVERY = ("get", *WRITES)
OUTCOMES = {"errors": measures.NOT_OK, "failed": (Outcome.FAIL,), "unknown": (Outcome.UNKNOWN,)}
RESOURCES: dict[str, Resource] = {
    "memory": "memory",
    "descriptors": "descriptors",
    "connections": "connections",
}
CHECKERS = {
    "lost": checkers.lost,
    "phantom": checkers.phantom,
    "duplicates": checkers.duplicates,
    "oversold": checkers.oversold,
    "unbalanced": checkers.unbalanced,
}


def judge(
    result: Result,
    rules: Sequence[str] | None = None,
    *,
    samples: Sequence[Sample] = (),
    unread: Iterable[str] = (),
) -> None:
    """
    Judge a run by its claim's rules, or by the given ones, and note its figures.

    Fills ``result.judgements``, one for each rule in order, and adds to ``result.figures``;
    figures that are there already may be asked for by rules. A rule that has nothing to
    look at is unknown, never a pass.

    Args:
        unread: Journeys whose final reading did not come to its end, so that what they did not
            see may be there all the same.

    Raises:
        InvalidInput: A text is no rule.
    """
    read = [
        parse(text, where=result.claim.source) for text in (result.claim.holds if rules is None else rules)
    ]
    material = Material(result.history, map(blow, result.bites), samples, result.figures, unread)
    result.judgements = [judgement(rule, material) for rule in read]
    result.figures |= figures(material)


def judgement(rule: Rule, material: Material) -> Judgement:
    """One rule over one run."""
    found = finding(rule, material)
    value = found.value if found.of and math.isfinite(found.value) else None
    return Judgement(
        str(rule), verdict(rule, found), words(rule, found), value, found.offending, found.details
    )


def verdict(rule: Rule, found: Finding) -> Verdict:
    """Pass if the rule holds wherever in its interval the value may be, fail if nowhere, else unknown."""
    if not found.of or math.isnan(found.value):
        return Verdict.UNKNOWN
    if rule.operator == "=" and found.low <= rule.limit <= found.high and found.low < found.high:
        return Verdict.UNKNOWN
    ends = {rule.holds(found.low), rule.holds(found.high)}
    if len(ends) == 2:
        return Verdict.UNKNOWN
    return Verdict.PASS if ends == {True} else Verdict.FAIL


def finding(rule: Rule, material: Material) -> Finding:
    """What a rule asks for, in the unit of its limit."""
    scope = METRICS[rule.metric].scope
    if scope is Scope.SET:
        return _of_sets(rule, material)
    if rule.metric == "figure":
        value = material.figures.get(rule.scope)
        return nothing(f"there is no figure {rule.scope}") if value is None else exactly(value, 1)
    if scope is Scope.PROCESS:
        resource = RESOURCES[rule.metric.removeprefix("growth.")]
        return growth(material.samples, resource, rule.scope, rule.limit)
    return _of_operations(rule, material)


def _of_operations(rule: Rule, material: Material) -> Finding:
    phases = _phases(rule, material)
    name = rule.metric
    if name in (*OUTCOMES, "refused"):
        return _counted(rule, material, phases)
    if name in ("recovery", "first-write", "first-ok", "writable"):
        return _waited(rule, material)
    simple: dict[str, Callable[[Material, str, Sequence[str]], Finding]] = {
        "gap": measures.gap,
        "attempts": measures.attempts,
        "amplification": measures.amplification,
    }
    if name in simple:
        return simple[name](material, rule.scope, phases)
    return _compared(rule, material, phases)


def _phases(rule: Rule, material: Material) -> Sequence[str]:
    """
    A count looks at the whole load, everything else at the phases with faults and after.

    `rules` tells why.
    """
    if rule.phase:
        return (rule.phase,)
    counted = rule.metric in (*OUTCOMES, "refused") and rule.unit is Unit.NUMBER
    return LOADED if counted or rule.metric == "amplification" else material.periods.disturbed()


def _counted(rule: Rule, material: Material, phases: Sequence[str]) -> Finding:
    if rule.metric == "refused":
        found = measures.refused(material, rule.scope, phases)
    elif rule.unit is Unit.PER_STRIKE:
        return measures.per_strike(material, rule.scope, phases, OUTCOMES[rule.metric])
    else:
        found = measures.errors(material, rule.scope, phases, OUTCOMES[rule.metric])
    if rule.unit is not Unit.SHARE or not found.of:
        return found
    part = found.value / found.of
    return replace(found, value=part, low=part, high=part)


def _waited(rule: Rule, material: Material) -> Finding:
    if rule.metric == "recovery":
        return measures.recovery(material, rule.scope)
    if rule.metric == "writable":
        return measures.first_ok(material, rule.scope, WRITES, ended)
    return measures.first_ok(material, rule.scope, WRITES if rule.metric == "first-write" else EVERY)


def _compared(rule: Rule, material: Material, phases: Sequence[str]) -> Finding:
    """Latency and goodput, by themselves or against the steady phase."""
    if rule.metric == "goodput":
        rate = partial(measures.goodput, material, rule.scope)
        if rule.unit is Unit.PER_SECOND:
            return rate(phases)
        return measures.compared(rate, phases, truediv, "{:.1f} /s".format)
    share = SHARES[rule.metric.removeprefix("added.")]
    wait = partial(measures.latency, material, rule.scope, share=share)
    if rule.metric.startswith("added."):
        return measures.compared(wait, phases, sub, seconds, share)
    if rule.unit is Unit.TIMES_STEADY:
        return measures.compared(wait, phases, truediv, seconds, share)
    return wait(phases)


def _of_sets(rule: Rule, material: Material) -> Finding:
    """A checker over one set, or over all sets together."""
    if rule.metric == "violations":
        return _violations(rule.scope, material)
    if rule.scope and rule.scope not in material.sets:
        return nothing(f"no journey spoke of a set {rule.scope}")
    names = [rule.scope] if rule.scope else list(material.sets)
    if rule.metric == "stale":
        found = [checkers.stale(material.sets[name], material.began, material.when) for name in names]
    else:
        checker = CHECKERS[rule.metric]
        found = [checker(material.sets[name], material.reading(name), material.when) for name in names]
    return together(found, "no journey recorded a fact")


def _violations(scope: str, material: Material) -> Finding:
    """A scope is a set or a journey; what there is to look at are the journey's operations."""
    facts = [
        fact for fact in material.history.of("violation") if scope in ("", fact.set, material.journey(fact))
    ]
    looked = [each for each in material.history.operations if scope in ("", each.journey)]
    spoken = material.sets.get(scope, []) if scope else []
    return checkers.violations(facts, len(looked) + len(spoken), material.when)


# --- figures -----------------------------------------------------------------------------


def figures(material: Material) -> dict[str, float]:
    """What is worth showing of any run, asked for by a rule or not: seconds unless the name says otherwise."""
    found = dict(_latencies(material))
    found |= {
        f"goodput.{name}": measures.goodput(material, "", (name,))
        for name in LOADED
        if material.periods.has(name)
    }
    phases = material.periods.disturbed()
    found |= {
        "operations": measures.errors(material, "", LOADED, ()),
        "errors": measures.errors(material, "", LOADED),
        "failed": measures.errors(material, "", LOADED, (Outcome.FAIL,)),
        "unknown": measures.errors(material, "", LOADED, (Outcome.UNKNOWN,)),
        "refused": measures.refused(material, "", LOADED),
        "attempts": measures.attempts(material, "", LOADED),
        "gap": measures.gap(material, "", phases),
        "recovery": measures.recovery(material, ""),
        "first-ok": measures.first_ok(material, "", EVERY),
        "first-write": measures.first_ok(material, "", WRITES),
    }
    for resource in RESOURCES.values():
        found[f"growth.{resource}"] = growth(material.samples, resource)
    values = {name: each.value for name, each in found.items() if each.of and math.isfinite(each.value)}
    return values | {"operations": float(found["operations"].of)}


def _latencies(material: Material) -> Iterator[tuple[str, Finding]]:
    for phase in LOADED:
        for name, share in SHARES.items():
            yield f"{name}.{phase}", measures.latency(material, "", (phase,), share)
    wait = partial(measures.latency, material, "", share=SHARES["p99"])
    yield "added.p99", measures.compared(wait, material.periods.disturbed(), sub, seconds, SHARES["p99"])
