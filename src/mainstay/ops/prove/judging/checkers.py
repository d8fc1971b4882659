"""
What must be true of the facts of a run, each checker one pass over one set.

The models are those of Jepsen (https://github.com/jepsen-io/jepsen, `jepsen.checker` and
`jepsen.tests.bank`) and of D. B. Terry and others, "Session guarantees for weakly
consistent replicated data" (1994). What only *may* have happened, because the answer is
unknown, is never held against the system and never in favour of it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mainstay.ops.prove.history import Fact
from mainstay.ops.prove.judging.finding import Finding, doubtful, exactly, nothing

SEEN = ("observed", "owned")
"""Facts of a final reading by which an item of a set is there."""

DONE = ("effect",)
"""Facts by which an event was acted upon."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Whether a set was read at the end, wholly, and until when somebody looked."""

    doubt: str = ""
    """Why items that were not seen may be there all the same; empty for a complete reading."""
    until: float = math.inf
    """The last reading began at this moment: what was acknowledged later was never looked for."""


@dataclass(frozen=True, slots=True)
class Membership:
    """
    The items of a set, by what is known of them (set-full and total-queue of Jepsen).

    ``recovered`` were not acknowledged and are there, ``never`` were neither acknowledged nor
    seen: both are fine, because nobody was promised anything. ``unread`` were acknowledged
    after the last look.
    """

    attempted: int
    acknowledged: int
    seen: int
    lost: tuple[Fact, ...]
    phantom: tuple[Fact, ...]
    repeated: tuple[tuple[Fact, int], ...]
    recovered: int
    never: int
    unread: int


def membership(facts: Iterable[Fact], reading: Reading, kinds: Sequence[str] = SEEN) -> Membership:
    """Sort the items of one set; ``kinds`` are the facts that count as seen."""
    attempted, acknowledged, seen = dict[str, Fact](), dict[str, Fact](), dict[str, Fact]()
    times = Counter[str]()
    for fact in facts:
        if fact.kind == "attempted":
            attempted.setdefault(fact.item, fact)
        elif fact.kind == "acknowledged":
            acknowledged.setdefault(fact.item, fact)
        elif fact.kind in kinds:
            seen.setdefault(fact.item, fact)
            # An owner is told once per reading, not once per time it is there.
            times[fact.item] += fact.kind != "owned"
    missing = [fact for item, fact in acknowledged.items() if item not in seen]
    unsaid = [item for item in attempted if item not in acknowledged]
    return Membership(
        attempted=len(attempted.keys() | acknowledged.keys()),
        acknowledged=len(acknowledged),
        seen=len(seen),
        lost=tuple(fact for fact in missing if fact.moment < reading.until),
        phantom=tuple(f for item, f in seen.items() if item not in attempted and item not in acknowledged),
        repeated=tuple((seen[item], number) for item, number in times.items() if number > 1),
        recovered=sum(item in seen for item in unsaid),
        never=sum(item not in seen for item in unsaid),
        unread=sum(fact.moment >= reading.until for fact in missing),
    )


def lost(facts: Sequence[Fact], reading: Reading, when: Callable[[float], str] = str) -> Finding:
    """
    What was acknowledged and is gone.

    Without a complete reading an item that was not seen may be there or not, so the number of
    the lost is anything from none to all that are missing. Of what was acknowledged after the last
    look nothing is said, and where that is everything, everything is open.
    """
    findings = [membership(facts, reading, kinds) for kinds in _kinds(facts)]
    if not any(each.acknowledged for each in findings):
        return nothing("nothing was acknowledged")
    acknowledged = max(each.acknowledged - each.unread for each in findings)
    if acknowledged == 0:
        why = f"{findings[0].unread:,} were acknowledged after the last look, and none before"
        return doubtful(0, 0, 0, math.inf, why)
    gone = {fact.item: fact for each in findings for fact in each.lost}
    lines = (
        f"{fact.set} {fact.item}: acknowledged{_by(fact)} at {when(fact.moment)}, not there at the end"
        for fact in gone.values()
    )
    numbers = (fact.operation for fact in gone.values())
    if reading.doubt:
        return doubtful(
            len(gone), acknowledged, 0, len(gone) or math.inf, reading.doubt, offending=numbers, details=lines
        )
    return exactly(
        len(gone), acknowledged, offending=numbers, details=lines, beside=_beside(findings[0], acknowledged)
    )


def phantom(facts: Sequence[Fact], reading: Reading, when: Callable[[float], str] = str) -> Finding:
    """What is there and nobody asked for; only told of sets of which it is known what was asked for."""
    findings = [membership(facts, reading, kinds) for kinds in _kinds(facts)]
    seen = sum(each.seen for each in findings)
    if not seen or not any(each.attempted for each in findings):
        return nothing("nothing was seen at the end" if not seen else "nothing was asked for")
    strange = [fact for each in findings for fact in each.phantom]
    lines = (f"{fact.set} {fact.item}: seen at {when(fact.moment)}, never asked for" for fact in strange)
    return _at_least(len(strange), seen, reading, (fact.operation for fact in strange), lines)


def duplicates(facts: Sequence[Fact], reading: Reading, when: Callable[[float], str] = str) -> Finding:
    """What is there, or was done, more than once; counts each item beyond its first time."""
    findings = [membership(facts, reading, kinds) for kinds in _kinds(facts)]
    seen = sum(each.seen for each in findings)
    if not seen:
        return nothing("nothing was seen at the end")
    repeated = [pair for each in findings for pair in each.repeated]
    lines = (f"{fact.set} {fact.item}: {times} times" for fact, times in repeated)
    count = sum(times - 1 for _, times in repeated)
    return _at_least(count, seen, reading, (fact.operation for fact, _ in repeated), lines)


def oversold(facts: Sequence[Fact], reading: Reading, when: Callable[[float], str] = str) -> Finding:
    """
    Items with more than one owner: the seat that was sold twice.

    An acknowledgement that names an owner is a promise to that owner and counts like what
    the final reading shows, so a seat promised to one and found with another is seen too.
    """
    owners: dict[str, dict[str, Fact]] = {}
    for fact in facts:
        if fact.kind == "owned" or (fact.kind == "acknowledged" and fact.owner):
            owners.setdefault(fact.item, {}).setdefault(fact.owner, fact)
    if not owners:
        return nothing("nothing had an owner")
    twice = {item: held for item, held in owners.items() if len(held) > 1}
    lines = (
        f"{next(iter(held.values())).set} {item}: " + ", ".join(f"{name}{_by(f)}" for name, f in held.items())
        for item, held in twice.items()
    )
    numbers = (fact.operation for held in twice.values() for fact in held.values())
    return _at_least(len(twice), len(owners), reading, numbers, lines)


def unbalanced(facts: Sequence[Fact], reading: Reading, when: Callable[[float], str] = str) -> Finding:
    """
    Readings of a sum that must not change, and did (the bank of Jepsen).

    The first reading of each item is what all later ones are compared with, so one reading
    says nothing. Sums are equal when they differ by less than rounding: one in 10⁹.
    """
    first: dict[str, Fact] = {}
    compared, wrong = 0, list[Fact]()
    for fact in facts:
        if fact.kind == "total" and fact.item in first:
            compared += 1
            if not math.isclose(fact.value, first[fact.item].value, rel_tol=1e-9, abs_tol=1e-9):
                wrong.append(fact)
        elif fact.kind == "total":
            first[fact.item] = fact
    if not compared:
        return nothing("no sum was read twice")
    lines = (
        f"{f.set} {f.item}: {f.value:.12g} at {when(f.moment)}{_by(f)}, at first {first[f.item].value:.12g}"
        for f in wrong
    )
    return exactly(len(wrong), compared, offending=(fact.operation for fact in wrong), details=lines)


def violations(facts: Sequence[Fact], of: int, when: Callable[[float], str] = str) -> Finding:
    """Rules of the journeys' own that were broken; ``of`` is how much they had to look at."""
    broken = [fact for fact in facts if fact.kind == "violation"]
    if not of and not broken:
        return nothing("no journey did anything")
    lines = (f"{when(fact.moment)}{_by(fact)}: {fact.item}" for fact in broken)
    return exactly(len(broken), max(of, len(broken)), offending=(f.operation for f in broken), details=lines)


def stale(
    facts: Sequence[Fact],
    began: Callable[[Fact], float] = lambda fact: fact.moment,
    when: Callable[[float], str] = str,
) -> Finding:
    """
    Reads of a session that show less than the session already knew.

    Less than it wrote itself breaks *read your writes*, less than it read before breaks
    *monotonic reads*. Versions grow; ``began`` says when a read was sent, because it need not
    show what the session learned while it was under way.
    """
    known: dict[tuple[str, str], tuple[list[float], list[Fact]]] = {}
    reads, wrong = 0, list[tuple[Fact, Fact]]()
    for fact in facts:
        if fact.kind not in ("wrote", "read"):
            continue
        moments, highest = known.setdefault((fact.session, fact.item), ([], []))
        if fact.kind == "read":
            reads += 1
            index = bisect_left(moments, began(fact)) if began(fact) < fact.moment else len(moments)
            if index and fact.value < highest[index - 1].value:
                wrong.append((fact, highest[index - 1]))
        moments.append(fact.moment)
        highest.append(fact if not highest or fact.value > highest[-1].value else highest[-1])
    if not reads:
        return nothing("no session read anything")
    lines = (
        f"{read.set} {read.item}: session {read.session} read {read.value:.12g}{_by(read)} at "
        f"{when(read.moment)}, but {'wrote' if before.kind == 'wrote' else 'had read'} {before.value:.12g} at "
        f"{when(before.moment)}"
        for read, before in wrong
    )
    return exactly(len(wrong), reads, offending=(read.operation for read, _ in wrong), details=lines)


def _kinds(facts: Sequence[Fact]) -> list[tuple[str, ...]]:
    """Whether the set is read, acted upon, or both; one that nobody touched would have been read."""
    present = {fact.kind for fact in facts}
    kinds: list[tuple[str, ...]] = [each for each in (SEEN, DONE) if present.intersection(each)]
    return kinds or [SEEN]


def _at_least(count: int, of: int, reading: Reading, numbers: Iterable[int], lines: Iterable[str]) -> Finding:
    """What was seen stays seen; an incomplete reading may only have missed more."""
    if reading.doubt:
        return doubtful(count, of, count, math.inf, reading.doubt, offending=numbers, details=lines)
    return exactly(count, of, offending=numbers, details=lines)


def _beside(found: Membership, acknowledged: int) -> str:
    parts = {
        "of which nobody knew are there": found.recovered,
        "acknowledged after the last look": found.unread,
    }
    return "; ".join(f"{number:,} {text}" for text, number in parts.items() if number and acknowledged)


def _by(fact: Fact) -> str:
    return f" by operation {fact.operation}" if fact.operation else ""
