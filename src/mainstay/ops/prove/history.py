"""
What happened in a run: every operation and every fact, in the order in which they became known.

Vocabulary of Jepsen (https://github.com/jepsen-io/jepsen): an operation is invoked and ends
as **ok**, as **fail** (it certainly had no effect) or as **unknown** (nobody can tell: no
answer came, or one that does not say). Unknown counts as either way, never as success.

All moments are seconds of `time.monotonic` of the proving process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Literal

Kind = Literal["get", "keyed", "write"]
"""A safe request, a write with an Idempotency-Key, a write without one."""


class Outcome(StrEnum):
    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Operation:
    """One request as its caller saw it."""

    number: int
    journey: str
    name: str
    """What was asked, without identifiers: ``GET /api/events/{}/``."""
    kind: Kind
    due: float
    """When it should have been sent; latency counts from here (no coordinated omission)."""
    began: float
    ended: float
    outcome: Outcome
    status: int = 0
    """The HTTP status; 0 when no answer came."""
    error: str = ""
    attempt: int = 1
    """2 and more: the caller repeated a keyed write, as a real client would."""
    request_id: str = ""
    """By which name it is in the logs: that of the answer, or the one it was sent with."""
    replica: str = ""
    """Which process answered, where it says so."""
    first: int = 0
    """The number of the first attempt, when this repeats one; 0 for a first attempt."""

    @property
    def latency(self) -> float:
        return self.ended - self.due


FactKind = Literal[
    "attempted", "acknowledged", "observed", "owned", "total", "wrote", "read", "effect", "violation"
]


@dataclass(slots=True)
class Fact:
    """
    Something a journey knows, in a named set; what checkers reason about.

    ==============  =======================================================================
    attempted       ``item`` was asked for; from now on it may be there
    acknowledged    the system said that ``item`` is there, so it must stay
    observed        ``item`` was seen in the final reading, once per time it was seen
    owned           in the final reading ``item`` belonged to ``owner``
    total           ``value`` is the sum of something that must not change
    wrote, read     ``session`` wrote, or read, version ``value`` of register ``item``
    effect          ``item`` (an event, a task) had its effect once more
    violation       a rule of the journey's own is broken; ``item`` says which, in words
    ==============  =======================================================================
    """

    moment: float
    kind: FactKind
    set: str
    item: str
    owner: str = ""
    value: float = 0.0
    session: str = ""
    operation: int = 0
    """The number of the operation it follows from, 0 for none."""


@dataclass(slots=True)
class Phase:
    """A stretch of a run: ``steady``, ``fault``, ``after``, ``final``."""

    name: str
    began: float
    ended: float


@dataclass
class History:
    """Grows while a run goes on; written line by line, so that a killed run leaves what it saw."""

    began: float = field(default_factory=time.monotonic)
    operations: list[Operation] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    stream: IO[str] | None = None

    def add(self, entry: Operation | Fact | Phase) -> None:
        match entry:
            case Operation():
                self.operations.append(entry)
            case Fact():
                self.facts.append(entry)
            case Phase():
                self.phases.append(entry)
        if self.stream is not None:
            self.stream.write(json.dumps({"type": type(entry).__name__.lower(), **asdict(entry)}) + "\n")

    def within(self, *names: str) -> list[Operation]:
        """Operations that were due in the named phases; all of them when none is named."""
        if not names:
            return self.operations
        spans = [(phase.began, phase.ended) for phase in self.phases if phase.name in names]
        return [each for each in self.operations if any(a <= each.due < b for a, b in spans)]

    def phase(self, name: str) -> Phase | None:
        return next((phase for phase in self.phases if phase.name == name), None)

    def of(self, kind: FactKind, set_: str = "") -> Iterator[Fact]:
        return (fact for fact in self.facts if fact.kind == kind and set_ in ("", fact.set))


def read(path: Path) -> History:
    """
    A history as it was written.

    Raises:
        OSError: It cannot be read.
        ValueError: A line is not one of a history; a torn last line is left out.
    """
    history = History(began=0.0)
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        try:
            history.add(_entry(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                break
            raise ValueError(f"{path}:{number} is no line of a history: {error}") from error
    history.began = min((each.due for each in history.operations), default=0.0)
    return history


def _entry(content: Mapping[str, Any]) -> Operation | Fact | Phase:
    values = {name: value for name, value in content.items() if name != "type"}
    match content["type"]:
        case "operation":
            return Operation(**{**values, "outcome": Outcome(values["outcome"])})
        case "fact":
            return Fact(**values)
        case "phase":
            return Phase(**values)
        case other:
            raise ValueError(f"unknown type {other!r}")


def sets(facts: Iterable[Fact]) -> list[str]:
    """The names of the sets that facts speak of, in order of appearance."""
    return list(dict.fromkeys(fact.set for fact in facts))
