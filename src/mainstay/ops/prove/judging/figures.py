"""
The figures of a run: what each is measured in, and which of them a rule may ask for with ``figure.NAME``.

A rule may ask for those that are there before anything is judged. The others are what rules
measure by themselves, noted once more for a person: ``p99.steady`` is ``p99@steady`` in a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mainstay.ops.prove.judging.vocabulary import PERCENTILES, Unit


class Measure(StrEnum):
    """What a figure is measured in, as proof.json says it."""

    COUNT = "count"
    SECONDS = "seconds"
    SHARE = "share"
    """Of one: 0.8 is 80 %."""
    RATIO = "ratio"
    """So many of something for each of something else."""
    PER_SECOND = "per second"
    SHARE_PER_HOUR = "share per hour"


LIMITS = {Measure.COUNT: Unit.NUMBER, Measure.SECONDS: Unit.SECONDS, Measure.SHARE: Unit.SHARE}
"""In which unit a rule says the limit of a figure."""


class Needs(StrEnum):
    """Without which a figure is never noted, whatever happens."""

    NOTHING = ""
    FAULTS = "a claim with faults"
    PROVER = "the claim `generator`, in which the prover looks at itself"


@dataclass(frozen=True, slots=True)
class Figure:
    """One that a rule may ask for."""

    about: str
    measure: Measure
    needs: Needs = Needs.NOTHING


FIGURES: dict[str, Figure] = {
    "ready-again": Figure(
        "time from the end of the faults until everything was ready", Measure.SECONDS, Needs.FAULTS
    ),
    "restarts": Figure("web processes of services that ended", Measure.COUNT),
    "left-ready": Figure("times that one which went on running stopped being ready", Measure.COUNT),
    "repeated.write": Figure("requests without a key that reached a process more than once", Measure.COUNT),
    "backend.requests": Figure("requests that reached the processes for those of the load", Measure.COUNT),
    "backend.untold": Figure("requests of which nobody knows how often they arrived", Measure.COUNT),
    "arrivals": Figure("steps of journeys that were due", Measure.COUNT),
    "held": Figure("steps that waited because too many others were under way", Measure.COUNT),
    "lateness.p50": Figure("by how much the generator began steps late, half of them", Measure.SECONDS),
    "lateness.p99": Figure("the same, 99 % of them", Measure.SECONDS),
    "lateness.worst": Figure("the same, all of them", Measure.SECONDS),
    "stall.worst": Figure("longest time for which the generator stood still", Measure.SECONDS),
    "generator.cpu": Figure("what the generator took of one core", Measure.SHARE),
    "hidden": Figure("time of a known stall that the record hides", Measure.SECONDS, Needs.PROVER),
}

NOTED: dict[str, Measure] = {
    **dict.fromkeys(("operations", "errors", "failed", "unknown", "refused"), Measure.COUNT),
    **dict.fromkeys(("gap", "recovery", "first-ok", "first-write", "added", *PERCENTILES), Measure.SECONDS),
    **dict.fromkeys(("attempts", "amplification"), Measure.RATIO),
    "goodput": Measure.PER_SECOND,
    "growth": Measure.SHARE_PER_HOUR,
}
"""The others, by what comes before the first dot."""


def measure(name: str) -> Measure | None:
    """What a figure is measured in; ``None`` for one that nobody notes."""
    asked = FIGURES.get(name)
    return asked.measure if asked else NOTED.get(name.partition(".")[0])
