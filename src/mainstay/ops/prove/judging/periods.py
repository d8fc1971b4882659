"""To which phase of a run a moment belongs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mainstay.ops.prove.history import History, Phase

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

    def name(self, moment: float) -> str:
        """The phase a moment belongs to; empty before the first."""
        index = bisect_right(self.phases, moment, key=lambda phase: phase.began) - 1
        return self.phases[index].name if index >= 0 else ""

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


def periods(history: History) -> Periods:
    """The phases of a history; one that names none, as a history under way does, is all steady."""
    if history.phases:
        return Periods(tuple(sorted(history.phases, key=lambda phase: phase.began)))
    return Periods(_all_steady(history))


def _all_steady(history: History) -> tuple[Phase, ...]:
    due: Sequence[float] = [operation.due for operation in history.operations]
    return (Phase(STEADY, min(due), max(due)),) if due else ()
