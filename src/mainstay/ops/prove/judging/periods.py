"""To which phase of a run a moment belongs."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mainstay.ops.prove.history import History, Operation, Phase

STEADY, FAULT, AFTER, FINAL = "steady", "fault", "after", "final"
LOADED = (STEADY, FAULT, AFTER)
"""The phases with load, in their order; in the final one the journeys only read."""


@dataclass(frozen=True, slots=True)
class Periods:
    """
    The phases of a run without holes: load goes on between two of them, and belongs to the earlier.

    What was due before the first phase belongs to none: it prepared the load.
    """

    phases: tuple[Phase, ...]
    disturbed_from: float = math.inf
    """When the first strike began, or a load without strikes began to change: nothing is calm from here on."""

    def name(self, moment: float) -> str:
        """The phase a moment belongs to; empty before the first."""
        index = bisect_right(self.phases, moment, key=lambda phase: phase.began) - 1
        return self.phases[index].name if index >= 0 else ""

    def of(self, operation: Operation) -> str:
        """
        The phase in which an operation was due.

        One that was due in the steady phase and had not ended when it was disturbed belongs to the fault:
        the strike may have hit it, and what is calm is the yardstick for what is not.
        """
        name = self.name(operation.due)
        return FAULT if name == STEADY and operation.ended >= self.disturbed_from else name

    def disturbed(self) -> tuple[str, ...]:
        """The phases to look at for what a fault does: fault and after, or all in a run without either."""
        return tuple(name for name in (FAULT, AFTER) if self.has(name)) or LOADED

    def has(self, *names: str) -> bool:
        return any(phase.name in names for phase in self.phases)

    def spans(self, names: Iterable[str]) -> list[tuple[float, float]]:
        """From when to when there was load in the named phases, neighbours joined."""
        wanted, spans = set(names), list[tuple[float, float]]()
        for index, phase in enumerate(self.phases):
            if phase.name in wanted:
                end = self._end(index)
                if spans and spans[-1][1] == phase.began:
                    spans[-1] = (spans[-1][0], end)
                else:
                    spans.append((phase.began, end))
        return spans

    def seconds(self, names: Iterable[str]) -> float:
        return sum(end - began for began, end in self.spans(names))

    def _end(self, index: int) -> float:
        following = self.phases[index + 1 : index + 2]
        return following[0].began if following and following[0].name in LOADED else self.phases[index].ended


def periods(history: History, strikes: Iterable[float] = ()) -> Periods:
    """
    The phases of a history; one that names none, as a history under way does, is all steady.

    ``strikes`` are the moments at which one began.
    """
    phases = tuple(sorted(history.phases, key=lambda phase: phase.began)) or _all_steady(history)
    changed = min((phase.began for phase in phases if phase.name == FAULT), default=math.inf)
    return Periods(phases, max(changed, min(strikes, default=changed)))


def _all_steady(history: History) -> tuple[Phase, ...]:
    due: Sequence[float] = [operation.due for operation in history.operations]
    return (Phase(STEADY, min(due), max(due)),) if due else ()
