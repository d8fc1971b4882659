"""
The words in which it is said what must hold: names, scopes, phases, comparisons and units.

`rules` reads them, `sense` says which of them make sense, `judge` measures what they name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Unit(StrEnum):
    """What a limit is measured in, as normal form writes it."""

    NUMBER = ""
    SHARE = "%"
    PER_STRIKE = "per strike"
    SECONDS = "s"
    TIMES_STEADY = "x steady"
    OF_STEADY = "% of steady"
    PER_SECOND = "/s"
    PER_HOUR = "%/h"


class Scope(StrEnum):
    """What may stand behind the dot."""

    NONE = "nothing"
    OPERATIONS = "get, keyed, write, or the name of a journey"
    WRITES = "keyed, write, or the name of a journey"
    SET = "the name of a set of facts"
    PROCESS = "a process, or a kind of process such as catalog.web"
    FIGURE = "the name of a figure"


@dataclass(frozen=True, slots=True)
class Metric:
    """One name of the language."""

    about: str
    scope: Scope
    units: tuple[Unit, ...]
    """The first is what a bare 0 means."""
    phased: bool = False


_COUNTED = (Unit.NUMBER, Unit.SHARE, Unit.PER_STRIKE)
_NUMBER = (Unit.NUMBER,)
_SECONDS = (Unit.SECONDS,)

PERCENTILES = ("p50", "p90", "p99", "p999", "worst")

METRICS: dict[str, Metric] = {
    "errors": Metric("first attempts that did not end well", Scope.OPERATIONS, _COUNTED, True),
    "failed": Metric("first attempts that certainly had no effect", Scope.OPERATIONS, _COUNTED, True),
    "unknown": Metric("first attempts of which nobody knows", Scope.OPERATIONS, _COUNTED, True),
    "refused": Metric(
        "steps that did not end well, repeats included", Scope.OPERATIONS, (Unit.NUMBER, Unit.SHARE), True
    ),
    "lost": Metric("acknowledged items that are gone", Scope.SET, _NUMBER),
    "phantom": Metric("items that nobody asked for", Scope.SET, _NUMBER),
    "duplicates": Metric("items that are there, or were done, once too often", Scope.SET, _NUMBER),
    "oversold": Metric("items with more than one owner", Scope.SET, _NUMBER),
    "unbalanced": Metric("readings of a sum that changed", Scope.SET, _NUMBER),
    "stale": Metric("reads that show less than their session knew", Scope.SET, _NUMBER),
    "violations": Metric("broken rules of the journeys' own", Scope.SET, _NUMBER),
    "recovery": Metric("time from a strike to the end of its last error", Scope.OPERATIONS, _SECONDS),
    "first-write": Metric("time from a strike to the next write that ends well", Scope.WRITES, _SECONDS),
    "writable": Metric(
        "time from the end of a fault to the next write that ends well", Scope.WRITES, _SECONDS
    ),
    "first-ok": Metric("time from a strike to the next operation that ends well", Scope.OPERATIONS, _SECONDS),
    "gap": Metric("longest stretch without an operation that ends well", Scope.OPERATIONS, _SECONDS, True),
    "goodput": Metric(
        "operations per second that end well", Scope.OPERATIONS, (Unit.PER_SECOND, Unit.OF_STEADY), True
    ),
    "attempts": Metric("tries of a caller per step", Scope.OPERATIONS, _NUMBER, True),
    "amplification": Metric("requests at the processes per step", Scope.NONE, _NUMBER),
    "growth.memory": Metric("growth of memory", Scope.PROCESS, (Unit.PER_HOUR,)),
    "growth.descriptors": Metric("growth of open descriptors", Scope.PROCESS, (Unit.PER_HOUR,)),
    "growth.connections": Metric("growth of connections", Scope.PROCESS, (Unit.PER_HOUR,)),
    "figure": Metric("a figure of the run", Scope.FIGURE, (Unit.NUMBER, Unit.SECONDS, Unit.SHARE)),
}
METRICS |= {
    name: Metric(f"latency, {name}", Scope.OPERATIONS, (Unit.SECONDS, Unit.TIMES_STEADY), True)
    for name in PERCENTILES
}
METRICS |= {
    f"added.{name}": Metric(f"latency added to the steady one, {name}", Scope.OPERATIONS, _SECONDS, True)
    for name in PERCENTILES
}

PHASES = ("steady", "fault", "after")
KINDS = ("get", "keyed", "write")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
SPELT: dict[str, tuple[Unit, Decimal]] = {
    "": (Unit.NUMBER, Decimal(1)),
    "%": (Unit.SHARE, Decimal("0.01")),
    "per strike": (Unit.PER_STRIKE, Decimal(1)),
    "ms": (Unit.SECONDS, Decimal("0.001")),
    "s": (Unit.SECONDS, Decimal(1)),
    "m": (Unit.SECONDS, Decimal(60)),
    "x steady": (Unit.TIMES_STEADY, Decimal(1)),
    "% of steady": (Unit.OF_STEADY, Decimal("0.01")),
    "/s": (Unit.PER_SECOND, Decimal(1)),
    "per second": (Unit.PER_SECOND, Decimal(1)),
    "%/h": (Unit.PER_HOUR, Decimal("0.01")),
    "% per hour": (Unit.PER_HOUR, Decimal("0.01")),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold; ``str`` gives its normal form, which reads back as the same rule."""

    metric: str
    scope: str
    phase: str
    """Empty for what the metric looks at by itself."""
    operator: str
    limit: float
    """Seconds, shares of one (also for per cent), or a number."""
    unit: Unit

    @property
    def name(self) -> str:
        """The left side: ``errors.keyed@after``."""
        scoped = f"{self.metric}.{self.scope}" if self.scope else self.metric
        return f"{scoped}@{self.phase}" if self.phase else scoped

    def holds(self, value: float) -> bool:
        return OPERATORS[self.operator](value, self.limit)

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {limit_text(self.limit, self.unit)}"


def limit_text(limit: float, unit: Unit) -> str:
    """A limit in normal form: ``50 ms``, ``0.1 %``, ``2 x steady``; exact, so that it reads back."""
    spelling = "ms" if unit is Unit.SECONDS and 0 < limit < 1 else str(unit)
    digits = format(Decimal(repr(limit)) / SPELT[spelling][1], "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{digits} {spelling}".rstrip()
