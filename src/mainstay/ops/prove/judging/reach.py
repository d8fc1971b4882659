"""
Rules that a claim can never answer, whatever happens in it: known before anything is started.

Only what the file by itself makes impossible is told here. What may be missing in one run, such as a
journey that writes and found nothing to buy, is *unknown* once that run was looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mainstay.base.errors import Problem, nearest
from mainstay.ops.prove.judging.figures import FIGURES, Needs
from mainstay.ops.prove.judging.vocabulary import METRICS, Rule, Scope, Unit

AFTER_A_STRIKE = ("recovery", "first-write", "first-ok", "writable")
WAITS_FOR_A_WRITE = ("first-write", "writable")


@dataclass(frozen=True, slots=True)
class Reach:
    """What there will be to look at in one claim."""

    has_faults: bool
    has_peak: bool
    """Whether its load changes, so that there is a phase `fault` without any fault."""
    processes: Collection[str]
    """Every process, kind of process and service of the system."""
    kinds: Collection[str]
    """Of operations, that its journeys may do."""
    has_facts: bool
    """Whether its journeys can say anything of sets."""


def beyond(rule: Rule, text: str, where: str, place: str, reach: Reach) -> Iterator[Problem]:
    """What such a rule would need, for each thing that the claim lacks."""
    for needed, hint in _lacking(rule, reach):
        expected = f"a rule that this claim can answer; this one needs {needed}"
        yield Problem("prove.rule-beyond", where, place, expected, repr(text), hint)


def _lacking(rule: Rule, reach: Reach) -> Iterator[tuple[str, str]]:
    if not reach.has_faults and (rule.metric in AFTER_A_STRIKE or rule.unit is Unit.PER_STRIKE):
        yield f"faults, as {rule.metric} counts from a strike", "this claim is about load alone"
    if rule.phase == "fault" and not (reach.has_faults or reach.has_peak):
        yield "faults, or a load with a peak, as there is no such phase without", "leave out @fault"
    if rule.metric == "figure":
        yield from _figure(rule.scope, reach)
    if METRICS[rule.metric].scope is Scope.PROCESS and not _is_process(rule.scope, reach.processes):
        hint = nearest(rule.scope, reach.processes) or f"there are {', '.join(sorted(reach.processes))}"
        yield "a process or a kind of process of this system", hint
    if METRICS[rule.metric].scope is Scope.SET and rule.metric != "violations" and not reach.has_facts:
        yield (
            "journeys that report facts",
            "pages that are found by themselves, and Locust files, report none",
        )
    if not set(_kinds(rule)).intersection(reach.kinds):
        yield (
            f"journeys that do {' or '.join(_kinds(rule))}",
            "pages that are found by themselves are only read",
        )


def _figure(name: str, reach: Reach) -> Iterator[tuple[str, str]]:
    needs = FIGURES[name].needs
    if needs is Needs.PROVER or (needs is Needs.FAULTS and not reach.has_faults):
        yield f"{needs}, as figure.{name} is not noted in any other", ""


def _is_process(scope: str, known: Collection[str]) -> bool:
    """Whether it may be one: of a kind that there is, there may be more than the file says."""
    kind, _, number = scope.rpartition(".")
    return not scope or scope in known or (number.isdigit() and kind in known)


def _kinds(rule: Rule) -> tuple[str, ...]:
    """Of operations, without one of which there is nothing to look at."""
    if METRICS[rule.metric].scope in (Scope.OPERATIONS, Scope.WRITES) and rule.scope in ("keyed", "write"):
        return (rule.scope,)
    return ("keyed", "write") if rule.metric in WAITS_FOR_A_WRITE else ("get", "keyed", "write")
