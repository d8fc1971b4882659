"""Whether a load was too much for a system; a claim about overload shows nothing where it was not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mainstay.base.units import plural
from mainstay.ops.prove.claim import Claim, Result
from mainstay.ops.prove.history import Outcome
from mainstay.ops.prove.judging.wording import seconds

PEAKS = (5.0, 10.0, 20.0)
"""How many times the load is tried, one after the other, until it is too much."""

MOST = 2000.0
"""Steps per second above which no peak is tried: one core cannot send more of them in time."""

SLOWER = 3.0
"""How many times the steady p99 shows that requests queued."""

NEVER = "the load was never too much"


def higher(claim: Claim) -> Iterator[Claim]:
    """A claim about overload with each higher peak that may be tried."""
    if claim.overload:
        for peak in PEAKS:
            if claim.load.peak < peak <= MOST / claim.load.rate:
                yield replace(claim, load=replace(claim.load, peak=peak))


def too_much(result: Result) -> str:
    """What shows that the load was too much: refusals, steps that could not begin, waits; empty if nothing does."""
    figures = result.figures
    refused = sum(each.outcome is not Outcome.OK for each in result.history.within("fault"))
    steady, peak = figures.get("p99.steady", 0.0), figures.get("p99.fault", 0.0)
    if refused:
        return f"{plural(refused, 'request')} did not end well"
    if figures.get("held"):
        return f"{plural(round(figures['held']), 'step')} had to wait for others"
    if steady and peak >= SLOWER * steady:
        return f"p99 {seconds(peak)}, steady {seconds(steady)}"
    return ""


def untried(result: Result) -> str:
    """Why a claim about overload shows nothing, if it does not."""
    if not result.claim.overload or too_much(result):
        return ""
    steady, peak = (result.figures.get(f"p99.{phase}", 0.0) for phase in ("steady", "fault"))
    times = f"{result.claim.load.peak:g} times {result.claim.load.rate:g} steps per second"
    waits = f"p99 {seconds(peak)}, steady {seconds(steady)}"
    return f"{NEVER}: at {times} nothing was refused, and nothing waited ({waits}); a higher --rate may be"
