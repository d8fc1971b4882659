"""
The one document of a proof: what ``proof.json`` holds and every other form is made from.

Plain JSON values. Seconds within a claim count from its begin. Fields are only ever
added; `FORMAT` is raised when one changes its meaning.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC
from typing import Any

from mainstay.ops.prove.claim import Bite, Result
from mainstay.ops.prove.evidence.masking import mask_topology, mask_words, masked
from mainstay.ops.prove.evidence.moments import Moment, around, lanes, moments
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.history import History, Operation, Outcome, Phase
from mainstay.ops.prove.judging.figures import measure
from mainstay.ops.prove.judging.periods import LOADED, Periods, periods
from mainstay.ops.prove.judging.statistics import percentile
from mainstay.ops.prove.judging.timeline import BIN, origin, series
from mainstay.ops.prove.proof import Proof
from mainstay.ops.prove.verdict import Judgement, Verdict

FORMAT = 1
MOST_OFFENDING = 20
"""Operations shown in full for one rule."""
MOST_BINS = 2000
"""Points of a timeline; a longer run gets wider bins, as more points than pixels show nothing more."""
NO_JOURNEY = "no journey does it"
_SAME = 0.002
"""Seconds within which two moments are one."""


def document(proof: Proof, *, folders: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Everything that a reader may want to know; ``folders`` names the folder of each claim's files."""
    argv = mask_words(_seeded(list(proof.argv), proof.seed))
    claims = [_claim(result, proof, (folders or {}).get(result.claim.name, "")) for result in proof.results]
    content = {
        "format": FORMAT,
        "system": proof.system,
        "url": proof.url,
        "size": proof.size,
        "seed": proof.seed,
        "started": proof.began.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(proof.seconds, 1),
        "verdict": str(proof.verdict),
        "exit_code": proof.exit_code,
        "interrupted": proof.interrupted,
        "notes": list(proof.notes),
        "counts": {str(verdict): count for verdict, count in proof.counts.items()},
        "operations": _total([claim["operations"] for claim in claims]),
        "versions": dict(proof.versions),
        "command": argv,
        "replay": shlex.join(argv),
        "figures": dict(proof.figures),
        "units": units(proof.figures),
        "printed": proof.printed,
        "claims": claims,
    }
    told = _finite(masked(content))
    # Masked as the TOML it is: its keys say more than its shape.
    return {**told, "topology": mask_topology(proof.topology_text)}


def _seeded(argv: list[str], seed: int) -> list[str]:
    """
    A command line that was given no seed got one by chance; doing it again needs that one.

    A schedule that was saved has its seed in its file.
    """
    named = any(word.partition("=")[0] in ("--seed", "--replay") for word in argv)
    return argv if named or not argv else [*argv, "--seed", str(seed)]


def _claim(result: Result, proof: Proof, folder: str) -> dict[str, Any]:
    claim, history = result.claim, result.history
    zero, end = _span(history)
    told = moments(proof.events, zero + proof.clock)
    tracks = lanes(told, end - zero) if end > zero else []
    stretches = periods(history, [bite.began for bite in result.bites])
    return {
        "name": claim.name,
        "folder": folder,
        "says": claim.says,
        "source": claim.source,
        "tags": list(claim.tags),
        "verdict": str(result.verdict),
        "why": reason(result),
        "trouble": result.trouble,
        "notes": list(result.notes),
        "not_run": result.not_run,
        "load": {**asdict(claim.load), "only": list(claim.load.only)},
        "holds": list(claim.holds),
        "schedule": [_strike(strike) for strike in claim.strikes],
        "seconds": round(end - zero, 3),
        "phases": [_phase(each, history, stretches, zero) for each in history.phases],
        "bites": [_bite(bite, zero) for bite in result.bites],
        "judgements": [_judgement(judgement) for judgement in result.judgements],
        "not_judged": not_judged(result),
        "figures": dict(result.figures),
        "units": units(result.figures),
        "operations": count(history),
        "recovered": _recovered(result, zero),
        "timeline": _curves(history, zero),
        "events": [moment.as_json() for moment in told if 0 <= moment.at <= end - zero],
        "processes": [{"name": lane.name, "bands": lane.bands} for lane in tracks],
        "offending": _offending(result, told, zero),
    }


def _span(history: History) -> tuple[float, float]:
    """Begin and end of all phases, or of all operations where there is none; twice the begin where nothing was seen."""
    began = [phase.began for phase in history.phases] or [each.due for each in history.operations]
    ended = [phase.ended for phase in history.phases] + [each.ended for each in history.operations]
    return min(began, default=history.began), max(ended, default=history.began)


def reason(result: Result) -> str:
    """Why the verdict is not *pass*, in one line; empty when it is."""
    match result.verdict:
        case Verdict.PASS:
            return ""
        case Verdict.NOT_RUN:
            return result.not_run
        case Verdict.FAIL:
            broken = [each for each in result.judgements if each.verdict is Verdict.FAIL]
            return "; ".join(f"{each.rule}: {each.found}" for each in broken)
    return result.trouble or _unbitten(result) or _untold(result) or "nothing was judged"


def _unbitten(result: Result) -> str:
    missed = [bite for bite in result.bites if not bite.evidence.bit]
    return "; ".join(f"{strike_text(bite.strike)} did not bite: {bite.evidence.what}" for bite in missed)


def _untold(result: Result) -> str:
    open_ = [each for each in result.judgements if each.verdict is not Verdict.PASS]
    return "; ".join(f"{each.rule}: {each.found}" for each in open_)


def strike_text(strike: Strike) -> str:
    """``kill catalog.web.1``; ``link.latency orders->payments (milliseconds=200)``."""
    settings = ", ".join(f"{name}={value}" for name, value in strike.with_.items())
    return " ".join(
        part for part in (strike.fault, strike.target, f"({settings})" if settings else "") if part
    )


def struck(strikes: Iterable[Strike]) -> list[str]:
    """What is done, each once and in order of its first time: ``kill catalog.web (17 times)``."""
    times = Counter(strike_text(strike) for strike in strikes)
    return [text if count == 1 else f"{text} ({count} times)" for text, count in times.items()]


def _strike(strike: Strike) -> dict[str, Any]:
    return {
        "text": strike_text(strike),
        "fault": strike.fault,
        "target": strike.target,
        "at": strike.at,
        "lasts": strike.lasts,
        "with": dict(strike.with_),
    }


def _phase(phase: Phase, history: History, stretches: Periods, zero: float) -> dict[str, Any]:
    """A stretch, and what the load saw in it; operations belong to it as for the rules."""
    loaded = phase.name in LOADED
    due = [each for each in history.operations if loaded and stretches.of(each) == phase.name]
    found = Counter(each.outcome for each in due)
    latencies = sorted(each.latency for each in due)
    return {
        "name": phase.name,
        "began": round(phase.began - zero, 3),
        "ended": round(phase.ended - zero, 3),
        "operations": {"all": len(due), **{str(outcome): found[outcome] for outcome in Outcome}},
        "p50": percentile(latencies, 0.5) if latencies else None,
        "p99": percentile(latencies, 0.99) if latencies else None,
        "worst": latencies[-1] if latencies else None,
    }


def _bite(bite: Bite, zero: float) -> dict[str, Any]:
    return {
        "text": strike_text(bite.strike),
        "fault": bite.strike.fault,
        "target": bite.strike.target,
        "began": round(bite.began - zero, 3),
        "ended": round(max(bite.ended, bite.began) - zero, 3),
        "bit": bite.evidence.bit,
        "what": bite.evidence.what,
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "rule": judgement.rule,
        "verdict": str(judgement.verdict),
        "found": judgement.found,
        "value": judgement.value,
        "offending": list(judgement.offending[:MOST_OFFENDING]),
        "details": list(judgement.details),
    }


def not_judged(result: Result) -> list[dict[str, str]]:
    """The rules of which nothing is said, each with why."""
    idle = [{"rule": rule, "why": NO_JOURNEY} for rule in result.idle]
    open_ = [each for each in result.judgements if each.verdict is Verdict.UNKNOWN]
    return [*idle, *({"rule": each.rule, "why": each.found} for each in open_)]


def units(figures: Iterable[str]) -> dict[str, str]:
    """What each of these is measured in, where that is known."""
    return {name: str(unit) for name in figures if (unit := measure(name)) is not None}


def _recovered(result: Result, zero: float) -> float | None:
    """When the last failure was over that the figure ``recovery`` counts to; none when nothing failed."""
    wait = result.figures.get("recovery")
    if not wait:
        return None
    ends = [each.ended for each in result.history.operations if each.outcome is not Outcome.OK]
    for moment in (bite.began + wait for bite in result.bites):
        if any(abs(moment - end) < _SAME for end in ends):
            return round(moment - zero, 3)
    return None


def _curves(history: History, zero: float) -> dict[str, Any]:
    """Columns of equal length; ``at`` is where each bin begins."""
    begin, end = origin(history), max((each.due for each in history.operations), default=0.0)
    width = BIN * max(math.ceil((end - begin) / BIN / MOST_BINS), 1)
    # What was due before the first phase prepared the load.
    shown = [each for each in series(history, width) if each["t"] + begin + width > zero]
    names = ("rate", *map(str, Outcome), "p50", "p99", "worst")
    columns = {name: [each[name] for each in shown] for name in names}
    return {"width": width, "at": [round(each["t"] + begin - zero, 3) for each in shown], **columns}


def count(history: History) -> dict[str, int]:
    found = Counter(each.outcome for each in history.operations)
    return {"all": len(history.operations), **{str(outcome): found[outcome] for outcome in Outcome}}


def _total(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(each[name] for each in counts) for name in ("all", *map(str, Outcome))}


def _offending(result: Result, told: list[Moment], zero: float) -> list[dict[str, Any]]:
    """For each rule that operations broke, these operations, each beside what else happened then."""
    wanted = {number for judgement in result.judgements for number in judgement.offending[:MOST_OFFENDING]}
    known = {each.number: each for each in result.history.operations if each.number in wanted}
    found = []
    for judgement in result.judgements:
        broken = [known[n] for n in judgement.offending[:MOST_OFFENDING] if n in known]
        if broken:
            shown = [_beside(each, result, told, zero) for each in broken]
            found.append({"rule": judgement.rule, "verdict": str(judgement.verdict), "operations": shown})
    return found


def _beside(operation: Operation, result: Result, told: list[Moment], zero: float) -> dict[str, Any]:
    began, ended = operation.due - zero, operation.ended - zero
    record = asdict(operation) | {
        "outcome": str(operation.outcome),
        "due": round(began, 4),
        "began": round(operation.began - zero, 4),
        "ended": round(ended, 4),
        "latency": round(operation.latency, 4),
    }
    phase = periods(result.history, [bite.began for bite in result.bites]).of(operation)
    during = [
        strike_text(bite.strike)
        for bite in result.bites
        if bite.began <= operation.ended and operation.due <= bite.ended
    ]
    return {
        "operation": record,
        "phase": phase,
        "during": during,
        "around": [moment.as_json() for moment in around(told, began, ended)],
    }


def _finite(value: Any) -> Any:
    """JSON has no word for infinity or for what is no number; both become null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list():
            return [_finite(inner) for inner in value]
        case None | bool() | int() | str():
            return value
    return str(value)
