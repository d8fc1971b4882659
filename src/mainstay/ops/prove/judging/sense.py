"""Rules that make no sense: those that say nothing, those that cannot hold, and those that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mainstay.base.errors import Problem, nearest
from mainstay.ops.prove.judging.vocabulary import KINDS, METRICS, PERCENTILES, Rule, Scope, Unit


def alone(rule: Rule, text: str, where: str, place: str, journeys: Iterable[str] | None) -> Iterator[Problem]:
    """What is wrong with one rule; with the names of the ``journeys``, also a scope that names none."""
    low, high = _domain(rule)
    known = None if journeys is None else (*KINDS, *journeys)
    scope = METRICS[rule.metric].scope
    if rule.phase == "steady" and (
        rule.unit in (Unit.TIMES_STEADY, Unit.OF_STEADY) or rule.metric.startswith("added.")
    ):
        expected = "another phase than the one it is compared with"
        yield Problem("prove.rule-idle", where, place, expected, repr(text))
    elif _always(rule, low, high):
        yield Problem("prove.rule-idle", where, place, "a rule that can be broken", repr(text))
    elif _never(rule, low, high):
        hint = "what is measured is never exactly that; use <= or >=" if rule.operator == "=" else ""
        yield Problem("prove.rule-hopeless", where, place, "a rule that can hold", repr(text), hint)
    if known is not None and scope in (Scope.OPERATIONS, Scope.WRITES) and rule.scope not in ("", *known):
        hint = nearest(rule.scope, known) or f"there are {', '.join(known)}"
        yield Problem("prove.rule-scope", where, place, str(scope), repr(rule.scope), hint)


def _domain(rule: Rule) -> tuple[float, float]:
    """The least and the greatest value that can be measured."""
    endless = float("inf")
    if rule.metric.startswith(("added.", "growth.")) or rule.metric == "figure":
        return -endless, endless
    if rule.unit is Unit.SHARE:
        return 0.0, 1.0
    return (1.0 if rule.metric == "attempts" else 0.0), endless


def _always(rule: Rule, low: float, high: float) -> bool:
    tests = {">=": rule.limit <= low, ">": rule.limit < low, "<=": rule.limit >= high, "<": rule.limit > high}
    return tests.get(rule.operator, False)


def _never(rule: Rule, low: float, high: float) -> bool:
    tests = {">=": rule.limit > high, ">": rule.limit >= high, "<=": rule.limit < low, "<": rule.limit <= low}
    if rule.operator != "=":
        return tests[rule.operator]
    if Unit.NUMBER in METRICS[rule.metric].units and rule.metric not in (
        "attempts",
        "amplification",
        "figure",
    ):
        whole = rule.unit is Unit.SHARE or rule.limit == int(rule.limit)
        return not (low <= rule.limit <= high and whole)
    return rule.metric != "figure" and rule.limit not in (low, high)


def conflicts(read: Sequence[tuple[Rule, str]], where: str) -> Iterator[Problem]:
    """Pairs of rules that cannot hold together, each told at the later one."""
    for index, (one, _) in enumerate(read):
        for other, place in read[index + 1 :]:
            if _excludes(one, other) or _excludes(other, one):
                expected = f"a rule that can hold beside {str(one)!r}"
                yield Problem("prove.rule-conflict", where, place, expected, repr(str(other)))


def _excludes(lesser: Rule, greater: Rule) -> bool:
    """Whether one must lie above a limit, though it never exceeds what must lie below that limit."""
    if not never_exceeds(lesser, greater):
        return False
    if lesser.operator not in (">=", ">", "=") or greater.operator not in ("<=", "<", "="):
        return False
    strict = lesser.operator == ">" or greater.operator == "<"
    return lesser.limit >= greater.limit if strict else lesser.limit > greater.limit


def never_exceeds(a: Rule, b: Rule) -> bool:
    """
    Whether what ``a`` measures is at most what ``b`` measures in any run at all.

    Of different units only a count of none says something: then its share is none too.
    """
    if a.unit is not b.unit and not (b.unit is Unit.NUMBER and b.limit == 0):
        return False
    if (a.metric, a.scope, a.phase) == (b.metric, b.scope, b.phase):
        return True
    if (a.scope, a.phase) == (b.scope, b.phase) and {a.metric, b.metric} <= set(PERCENTILES):
        return PERCENTILES.index(a.metric) <= PERCENTILES.index(b.metric)
    part = b.scope in ("", a.scope) and b.phase in ("", a.phase)
    if not part or Unit.NUMBER not in (a.unit, b.unit) or Unit.NUMBER not in METRICS[a.metric].units:
        return False
    if a.metric in ("attempts", "amplification", "figure"):
        return False
    return a.metric == b.metric or (b.metric == "errors" and a.metric in ("failed", "unknown", "refused"))
