"""Rules that make no sense: those that say nothing, those that cannot hold, and those that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mainstay.base.errors import Problem, nearest
from mainstay.ops.prove.judging.vocabulary import KINDS, METRICS, PERCENTILES, Rule, Scope, Unit

NEVER_NOUGHT = frozenset({*PERCENTILES, "first-write", "first-ok", "writable", "gap", "amplification"})
"""An answer takes time, and a request that was answered has arrived: 0 is no value of these."""


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
        yield Problem(
            "prove.rule-hopeless", where, place, "a rule that can hold", repr(text), _why_never(rule)
        )
    if known is not None and scope in (Scope.OPERATIONS, Scope.WRITES) and rule.scope not in ("", *known):
        hint = nearest(rule.scope, known) or f"there are {', '.join(known)}"
        yield Problem("prove.rule-scope", where, place, str(scope), repr(rule.scope), hint)


def _why_never(rule: Rule) -> str:
    if rule.limit == 0 and rule.metric in NEVER_NOUGHT:
        return f"{rule.metric} is always above 0; use <= with the most that you allow"
    return "what is measured is never exactly that; use <= or >=" if rule.operator == "=" else ""


def _domain(rule: Rule) -> tuple[float, float]:
    """The least and the greatest value that can be measured."""
    endless = float("inf")
    if rule.metric.startswith(("added.", "growth.")):
        return -endless, endless
    if rule.unit is Unit.SHARE and rule.metric != "figure":
        return 0.0, 1.0
    return (1.0 if rule.metric == "attempts" else 0.0), endless


def _always(rule: Rule, low: float, high: float) -> bool:
    below = rule.limit < low or (rule.limit == low and rule.metric in NEVER_NOUGHT)
    tests = {">=": rule.limit <= low, ">": below, "<=": rule.limit >= high, "<": rule.limit > high}
    return tests.get(rule.operator, False)


def _never(rule: Rule, low: float, high: float) -> bool:
    below = rule.limit < low or (rule.limit == low and rule.metric in NEVER_NOUGHT)
    tests = {">=": rule.limit > high, ">": rule.limit >= high, "<=": below, "<": rule.limit <= low}
    if rule.operator != "=":
        return tests[rule.operator]
    if _is_count(rule):
        whole = rule.unit is Unit.SHARE or rule.limit == int(rule.limit)
        return not (low <= rule.limit <= high and whole)
    return below or rule.limit not in (low, high)


def _is_count(rule: Rule) -> bool:
    """Whether only whole numbers are measured, or shares of them."""
    if rule.metric == "figure":
        return rule.unit is Unit.NUMBER
    return Unit.NUMBER in METRICS[rule.metric].units and rule.metric not in ("attempts", "amplification")


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
