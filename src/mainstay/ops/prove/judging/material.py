"""Everything of a run that a rule may look at, sorted once so that each rule takes one pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mainstay.ops.prove.claim import Bite
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.history import Fact, History, Operation, Outcome
from mainstay.ops.prove.judging.checkers import DONE, SEEN, Reading
from mainstay.ops.prove.judging.growth import Sample
from mainstay.ops.prove.judging.periods import FINAL, LOADED, periods

KINDS = ("get", "keyed", "write")
GONE = (404, 410)
"""Statuses that answer a reading although it was not expected: it is not there. Any other leaves it open."""


@dataclass(frozen=True, slots=True)
class Blow:
    """A strike on the clock of its history."""

    began: float
    """From here on, errors may be its doing."""
    struck: float
    """From here on it had its full effect: at its begin, or when a fault that ends by itself was through."""
    ended: float = math.inf
    """From here on it was undone, or through."""


def struck(blow: Blow) -> float:
    return blow.struck


def ended(blow: Blow) -> float:
    return blow.ended


def blow(bite: Bite) -> Blow:
    """A cut and a kill half a second later are one strike, and what counts is the kill."""
    lasting = catalogue.duration(bite.strike) > 0
    return Blow(bite.began, bite.began if lasting else max(bite.began, bite.ended), bite.ended)


class Material:
    """A history with its strikes, samples and figures. Changes of the history after this are not seen."""

    def __init__(
        self,
        history: History,
        strikes: Iterable[Blow] = (),
        samples: Sequence[Sample] = (),
        figures: Mapping[str, float] | None = None,
        unread: Iterable[str] = (),
    ) -> None:
        self.history = history
        self.strikes = tuple(sorted(strikes, key=lambda strike: strike.began))
        self.begun = tuple(strike.began for strike in self.strikes)
        self.samples = samples
        self.figures = dict(figures or {})
        self.unread = frozenset(unread)
        """Journeys whose final reading did not come to its end."""
        self.periods = periods(history, self.begun)
        self.by_number = {operation.number: operation for operation in history.operations}

    def when(self, moment: float) -> str:
        return f"{moment - self.history.began:.3f} s"

    def began(self, fact: Fact) -> float:
        """When the operation a fact follows from was sent; the fact's own moment where that is not known."""
        operation = self.by_number.get(fact.operation)
        return operation.began if operation else fact.moment

    def journey(self, fact: Fact) -> str:
        """Whose operation a fact follows from; empty where that is not known."""
        operation = self.by_number.get(fact.operation)
        return operation.journey if operation else ""

    # --- operations --------------------------------------------------------------------

    @cached_property
    def _phased(self) -> dict[str, list[Operation]]:
        """Operations by the phase of their step: a repeat belongs where its first attempt does."""
        found: dict[str, list[Operation]] = {}
        for operation in self.history.operations:
            found.setdefault(self.phase(operation), []).append(operation)
        return found

    def phase(self, operation: Operation) -> str:
        """The phase that an operation belongs to, by its first attempt."""
        return self.periods.of(self.start(operation))

    def start(self, operation: Operation) -> Operation:
        """The first attempt of what an operation repeats; itself when it repeats nothing."""
        return self.by_number.get(operation.first, operation) if operation.first else operation

    def operations(self, scope: str = "", phases: Iterable[str] = LOADED) -> list[Operation]:
        """
        All attempts in the named phases, of one kind (``get``, ``keyed``, ``write``) or one journey.

        No journey is named like a kind: a file with such a one is refused.
        """
        every = (operation for name in phases for operation in self._phased.get(name, ()))
        return [operation for operation in every if in_scope(operation, scope)]

    def firsts(self, scope: str = "", phases: Iterable[str] = LOADED) -> list[Operation]:
        """First attempts only: what a caller sees that never repeats anything."""
        return [each for each in self.operations(scope, phases) if each.attempt == 1]

    def steps(self, scope: str = "", phases: Iterable[str] = LOADED) -> list[list[Operation]]:
        """Each first attempt with its repeats, in order."""
        found: dict[int, list[Operation]] = {}
        for operation in self.operations(scope, phases):
            found.setdefault(operation.first or operation.number, []).append(operation)
        return [sorted(step, key=lambda operation: operation.attempt) for step in found.values()]

    # --- facts -------------------------------------------------------------------------

    @cached_property
    def sets(self) -> dict[str, list[Fact]]:
        """The facts of each set, in order of appearance."""
        found: dict[str, list[Fact]] = {}
        for fact in self.history.facts:
            found.setdefault(fact.set, []).append(fact)
        return found

    def reading(self, name: str) -> Reading:
        """
        Whether the final reading of a set took place and was complete.

        That nothing was seen means that nothing is there only if somebody looked and was
        answered. Who looks is told by the facts: the journeys that speak of the set; when no
        fact names an operation, any journey. One read of theirs that stayed without an answer
        leaves open what it would have shown.
        """
        facts = self.sets.get(name, [])
        seen = [fact.moment for fact in facts if fact.kind in SEEN]
        if self.history.phase(FINAL) is None and not seen:
            return Reading("there was no final reading")
        journeys = {self.journey(fact) for fact in facts} - {""}
        if cut := self.unread & journeys if journeys else self.unread:
            return Reading(f"the final reading of {', '.join(sorted(cut))} did not come to its end")
        reads = [
            step[-1] for step in self.steps("get", (FINAL,)) if not journeys or step[0].journey in journeys
        ]
        if silent := sum(not answered(read) for read in reads):
            return Reading(
                f"{silent} {'read' if silent == 1 else 'reads'} of the final reading got no answer"
            )
        if not reads and not seen and not any(fact.kind in DONE for fact in facts):
            return Reading("nobody looked in the final phase")
        return Reading("", max([*seen, *(read.began for read in reads)], default=math.inf))


def in_scope(operation: Operation, scope: str) -> bool:
    return not scope or scope == (operation.kind if scope in KINDS else operation.journey)


def answered(read: Operation) -> bool:
    """Whether a reading got an answer that says what is there."""
    return read.outcome is Outcome.OK or (read.outcome is Outcome.FAIL and read.status in GONE)
