"""
What callers saw: errors, waits, and how soon all was well again. Each measure is one pass.

Latency counts from the moment at which an operation was due, so a stalled system cannot
hide the requests that waited (G. Tene, "How NOT to Measure Latency", 2015). It is taken
over first attempts whatever became of them: without those that ended in a time-out a
stalled system would look quick.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from mainstay.base.units import plural
from mainstay.ops.prove.history import Operation, Outcome
from mainstay.ops.prove.judging.finding import Finding, doubtful, exactly, nothing
from mainstay.ops.prove.judging.material import Blow, Material, struck
from mainstay.ops.prove.judging.periods import LOADED, STEADY
from mainstay.ops.prove.judging.statistics import percentile
from mainstay.ops.prove.judging.wording import seconds

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "worst": 1.0}
"""The percentiles a rule may name."""

LEAST_TO_COMPARE = 20
"""Steady operations without which nothing is a yardstick."""

MISSING = {
    "get": "no journey reads; add a client.get to a step",
    "keyed": "no journey writes with a key; add a client.post with key=True to a step",
    "write": "no journey writes without a key; add a client.post without key= to a step",
}
"""What to do where no operation of a kind was tried."""

NOT_OK = (Outcome.FAIL, Outcome.UNKNOWN)


def errors(
    material: Material, scope: str, phases: Sequence[str], outcomes: Sequence[Outcome] = NOT_OK
) -> Finding:
    """First attempts that did not end well: what a caller sees that never repeats anything."""
    firsts = material.firsts(scope, phases)
    return _count(material, scope, [each for each in firsts if each.outcome in outcomes], len(firsts))


def refused(material: Material, scope: str, phases: Sequence[str]) -> Finding:
    """Steps that did not end well although the caller repeated what may be repeated."""
    steps = material.steps(scope, phases)
    bad = [step[-1] for step in steps if not any(each.outcome is Outcome.OK for each in step)]
    return _count(material, scope, bad, len(steps))


def per_strike(
    material: Material, scope: str, phases: Sequence[str], outcomes: Sequence[Outcome] = NOT_OK
) -> Finding:
    """The most errors that any one strike cost; each belongs to the latest strike before it."""
    if not material.strikes:
        return nothing("there was no strike")
    firsts = [each for each in material.firsts(scope, phases) if _blamed(material.begun, each) >= 0]
    bad = [each for each in firsts if each.outcome in outcomes]
    found = _count(material, scope, bad, len(firsts))
    most = max(Counter(_blamed(material.begun, each) for each in bad).values(), default=0)
    beside = f"{len(bad):,} of {len(firsts):,} in all after {plural(len(material.strikes), 'strike')}"
    return exactly(most, found.of, offending=found.offending, details=found.details, beside=beside)


def latency(material: Material, scope: str, phases: Sequence[str], share: float) -> Finding:
    """A percentile of latency in seconds, with the slowest as its offenders."""
    firsts = sorted(material.firsts(scope, phases), key=lambda operation: operation.latency)
    if not firsts:
        return nothing(_none_due(material, scope))
    value = percentile([operation.latency for operation in firsts], share)
    slowest = [operation for operation in reversed(firsts[-20:]) if operation.latency >= value]
    lines = (_line(material, operation) for operation in slowest)
    return exactly(value, len(firsts), offending=(each.number for each in slowest), details=lines)


def compared(
    measure: Callable[[Sequence[str]], Finding],
    phases: Sequence[str],
    combine: Callable[[float, float], float],
    text: Callable[[float], str],
    share: float = 0.0,
) -> Finding:
    """A measure of the named phases set against the same of the steady one, for a percentile that of ``share``."""
    found, steady = measure(phases), measure((STEADY,))
    least = needed(share)
    if steady.of < least:
        more = "a longer calm stretch (--seconds) or more load (--rate) gives them"
        return nothing(f"only {steady.of} steady operations to compare with; {least:,} are needed: {more}")
    if not found.of or not steady.value:
        return nothing(found.doubt or "nothing ended well in the steady phase")
    value = combine(found.value, steady.value)
    beside = f"{text(found.value)} of {found.of:,}; steady: {text(steady.value)} of {steady.of:,}"
    return exactly(value, found.of, offending=found.offending, details=found.details, beside=beside)


def needed(share: float) -> int:
    """
    How many steady operations a percentile needs to be a yardstick.

    So many that one of them lies beyond it: the p99 of fewer than a hundred is but their worst.
    """
    return LEAST_TO_COMPARE if share >= 1 else max(LEAST_TO_COMPARE, math.ceil(round(1 / (1 - share), 6)))


def goodput(material: Material, scope: str, phases: Sequence[str]) -> Finding:
    """
    Operations per second that were due in the named phases and ended well in the end.

    Here those that were under way when the first strike began count where they were due: a phase is
    as long as it is, and without them the steady one would seem to do less than it did.
    """
    steps = [
        step for step in material.steps(scope) if material.periods.name(material.start(step[0]).due) in phases
    ]
    length = material.periods.seconds(phases)
    if not steps or length <= 0:
        return nothing(_none_due(material, scope))
    good = sum(any(each.outcome is Outcome.OK for each in step) for step in steps)
    return exactly(good / length, len(steps))


def recovery(material: Material, scope: str) -> Finding:
    """
    Seconds from a strike until the last attempt that failed because of it had ended; the worst strike's.

    Each attempt that did not end well is blamed on the latest strike before it was due; those
    that were under way at the first strike on that one. Without an attempt that ends well
    after the last failure nothing recovered, and the value is infinite.
    """
    operations = material.operations(scope)
    looked = [each for each in operations if _blamed(material.begun, each) >= 0]
    if not looked:
        return nothing(_why_not_after(material))
    last: dict[int, Operation] = {}
    for operation in looked:
        if operation.outcome is not Outcome.OK:
            strike = _blamed(material.begun, operation)
            if strike not in last or operation.ended > last[strike].ended:
                last[strike] = operation
    good = max((each.began for each in looked if each.outcome is Outcome.OK), default=-math.inf)
    waits = {strike: each.ended - material.begun[strike] for strike, each in last.items()}
    if last and good < max(each.began for each in last.values()):
        waits[max(last)] = math.inf
    lines = (
        f"strike {strike + 1}: {seconds(waits[strike])}, until {_line(material, each)}"
        for strike, each in sorted(last.items())
    )
    numbers = (each.number for each in last.values())
    return exactly(max(waits.values(), default=0.0), len(looked), offending=numbers, details=lines)


def first_ok(
    material: Material, scope: str, kinds: Sequence[str], since: Callable[[Blow], float] = struck
) -> Finding:
    """
    Seconds from a strike until an operation that was begun after it had ended well; the worst strike's.

    Counts from the moment at which a strike had its full effect, or ``since`` another one of it, and only
    attempts of the named kinds. Infinite when there were attempts and none ended well; it may be anything
    after a strike that nobody tried it after.
    """
    tried = [operation for operation in material.operations(scope) if operation.kind in kinds]
    tried.sort(key=lambda operation: operation.began)
    begun = [operation.began for operation in tried]
    soonest = _soonest_from(tried)
    waits: dict[int, tuple[float, Operation | None]] = {}
    for number, strike in enumerate(material.strikes):
        moment = since(strike)
        index = bisect_left(begun, moment)
        if index < len(tried):
            best = soonest[index]
            waits[number] = (best.ended - moment if best else math.inf, best)
    if not waits:
        return nothing(_why_not_after(material))
    lines = (
        f"strike {strike + 1}: {seconds(wait)}" + (f", {_line(material, best)}" if best else "")
        for strike, (wait, best) in waits.items()
    )
    value = max(wait for wait, _ in waits.values())
    if missed := len(material.strikes) - len(waits):
        doubt = f"nothing was tried after {missed} of {plural(len(material.strikes), 'strike')}"
        return doubtful(value, len(waits), value, math.inf, doubt, details=lines)
    return exactly(value, len(waits), details=lines, beside=plural(len(waits), "strike"))


def gap(material: Material, scope: str, phases: Sequence[str]) -> Finding:
    """The longest stretch of the named phases in which no operation ended well."""
    if not material.operations(scope, phases):
        return nothing(_none_due(material, scope))
    good = sorted(each.ended for each in material.operations(scope) if each.outcome is Outcome.OK)
    longest, where = 0.0, 0.0
    for began, ended in material.periods.spans(phases):
        inside = good[bisect_left(good, began) : bisect_right(good, ended)]
        edges = [began, *inside, ended]
        for earlier, later in pairwise(edges):
            if later - earlier > longest:
                longest, where = later - earlier, earlier
    lines = [f"nothing ended well from {material.when(where)} to {material.when(where + longest)}"]
    return exactly(longest, len(material.operations(scope, phases)), details=lines)


def attempts(material: Material, scope: str, phases: Sequence[str]) -> Finding:
    """How often a caller tried, per step."""
    steps = material.steps(scope, phases)
    if not steps:
        return nothing(_none_due(material, scope))
    return exactly(sum(len(step) for step in steps) / len(steps), len(steps))


BACKEND = "backend.requests"
"""The figure that says how many requests reached the processes for those of the load."""

UNTOLD = "backend.untold"
"""The figure that says of how many requests of the load nobody knows how often they arrived."""


def amplification(material: Material, scope: str, phases: Sequence[str]) -> Finding:
    """
    Requests at the processes per step of a caller, where somebody counted them.

    Those of which nobody knows may have arrived any number of times.
    """
    steps = len(material.steps(scope, phases))
    if BACKEND not in material.figures or not steps:
        return nothing("nobody counted the requests that reached the processes")
    value = material.figures[BACKEND] / steps
    if untold := material.figures.get(UNTOLD):
        doubt = f"nobody knows how often each of {plural(round(untold), 'request')} without an answer arrived"
        return doubtful(value, steps, value, math.inf, doubt)
    return exactly(value, steps)


def _count(material: Material, scope: str, bad: Sequence[Operation], of: int) -> Finding:
    if not of:
        return nothing(_none_due(material, scope))
    phases = Counter(material.phase(each) for each in bad)
    outcomes = Counter(f"{each.name} {_ending(each)}" for each in bad)
    parts = [f"{phases[name]} {name}" for name in LOADED if phases[name]]
    lines = [f"{number} × {text}" for text, number in outcomes.most_common(8)]
    lines += [_line(material, operation) for operation in bad[:12]] if len(bad) > 1 else []
    return exactly(
        len(bad), of, offending=(each.number for each in bad), details=lines, beside=", ".join(parts)
    )


def _blamed(strikes: Sequence[float], operation: Operation) -> int:
    """The strike an operation belongs to; -1 for one that ended before the first."""
    index = bisect_right(strikes, operation.due) - 1
    return 0 if index < 0 and strikes and operation.ended >= strikes[0] else index


def _soonest_from(tried: Sequence[Operation]) -> list[Operation | None]:
    """For each place in the order of beginning, which of the rest was the first to end well."""
    best: Operation | None = None
    found: list[Operation | None] = []
    for operation in reversed(tried):
        if operation.outcome is Outcome.OK and (best is None or operation.ended < best.ended):
            best = operation
        found.append(best)
    return found[::-1]


def _none_due(material: Material, scope: str) -> str:
    """What there was not; where no journey ever does it, also what to write."""
    if scope in MISSING and not material.operations(scope):
        return f"no operation was due: {MISSING[scope]}"
    return "no operation was due"


def _why_not_after(material: Material) -> str:
    return "no operation was due after the strike" if material.strikes else "there was no strike"


def _ending(operation: Operation) -> str:
    answer = f"answered {operation.status}" if operation.status else "had no answer"
    return f"{answer}: {operation.error}" if operation.error else answer


def _line(material: Material, operation: Operation) -> str:
    tried = f", attempt {operation.attempt}" if operation.attempt > 1 else ""
    who = f" from {operation.replica}" if operation.replica else ""
    return (
        f"operation {operation.number} ({operation.journey}{tried}), due at {material.when(operation.due)}: "
        f"{operation.name} {_ending(operation)}{who} after {seconds(operation.latency)}"
    )
