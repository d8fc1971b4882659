"""
The language of what must hold: ``errors.get = 0``, ``p99 <= 2 x steady``, ``lost.orders = 0``.

A rule is a name, where it is wanted a scope behind a dot and a phase behind ``@``, a
comparison, and a limit with its unit::

    errors.keyed@after <= 0.1 %

What is counted looks at the whole load, since more to look at only makes a count stricter. Shares,
waits and rates look at the phases with faults and after them, where a long quiet stretch cannot
dilute what a fault did. A phase that is written says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.ops.prove.judging.figures import FIGURES, LIMITS, NOTED
from mainstay.ops.prove.judging.reach import Reach, beyond
from mainstay.ops.prove.judging.sense import alone, conflicts
from mainstay.ops.prove.judging.vocabulary import KINDS, METRICS, PHASES, SPELT, Rule, Scope, Unit

_SPELLINGS = {"==": "=", "≤": "<=", "≥": ">=", "=<": "<=", "=>": ">="}
_COMPARISON = re.compile(r"==|<=|>=|=<|=>|[=<>≤≥]")
_LEFT = re.compile(r"(?P<name>[\w-]+(?:\.[\w-]+)*)\s*(?:@\s*(?P<phase>[\w-]*))?", re.ASCII)
_NUMERAL = re.compile(r"(?P<digits>[0-9]{1,10}(?:\.[0-9]{1,12})?)(?![0-9.])\s*(?P<unit>.*)", re.ASCII)
_MOST = 1e9
"""A larger limit is a slip of the hand; it also keeps normal form exact."""

_EXAMPLE = {
    Unit.NUMBER: "0",
    Unit.SHARE: "0.1 %",
    Unit.PER_STRIKE: "2 per strike",
    Unit.SECONDS: "50 ms or 1.5 s",
    Unit.TIMES_STEADY: "2 x steady",
    Unit.OF_STEADY: "95 % of steady",
    Unit.PER_SECOND: "100 /s",
    Unit.PER_HOUR: "0.5 %/h",
}


def parse(text: str, *, where: str = "rule", path: str = "") -> Rule:
    """
    Read one rule. ``where`` and ``path`` are the file and the key it stands at, for messages.

    Raises:
        InvalidInput: It is none; with every mistake, its column and what was expected there.
    """
    rule, problems = _Reader(text, where, path).read()
    if rule is None:
        raise InvalidInput(problems)
    return rule


class _Reader:
    """Reads one text and gathers what is wrong with it."""

    def __init__(self, text: str, where: str, path: str) -> None:
        self.text, self.where, self.path = text, where, path
        self.problems: list[Problem] = []

    def read(self) -> tuple[Rule | None, list[Problem]]:
        comparison = _COMPARISON.search(self.text)
        if comparison is None:
            expected = "a name, one of = <= >= < >, and a limit: errors.get = 0"
            self._report("form", expected, len(self.text.rstrip()), "")
            self._left(self.text)
            return None, self.problems
        left = self._left(self.text[: comparison.start()])
        limit = self._limit(comparison.end(), _units(*left[:2]) if left else ())
        if self.problems or left is None or limit is None:
            return None, self.problems
        sign = comparison.group()
        return Rule(*left, _SPELLINGS.get(sign, sign), *limit), []

    def _left(self, text: str) -> tuple[str, str, str] | None:
        start = len(text) - len(text.lstrip())
        match = _LEFT.fullmatch(text.strip())
        if match is None:
            self._report("form", "a name such as errors, p99.get or errors@after", start, text.strip())
            return None
        found = _metric(match["name"])
        if found is None:
            hint = nearest(match["name"], METRICS) or nearest(match["name"].partition(".")[0], METRICS)
            expected = "something that is measured"
            self._report("name", expected, start, match["name"], hint or f"there are {', '.join(METRICS)}")
            return None
        name, scope = found
        self._scope(name, scope, start + len(name) + 1)
        self._phase(name, match["phase"], start + match.start("phase"))
        return name, scope, match["phase"] or ""

    def _scope(self, name: str, scope: str, at: int) -> None:
        allowed = METRICS[name].scope
        if scope and allowed is Scope.NONE:
            self._report("scope", f"nothing behind {name}", at, scope)
        elif not scope and allowed is Scope.FIGURE:
            self._report("scope", f"{name}. and {allowed}", at - 1, "")
        elif allowed is Scope.FIGURE and scope not in FIGURES:
            self._report("figure", "the name of a figure", at, scope, _instead(scope))
        elif scope == "get" and allowed is Scope.WRITES:
            self._report("scope", str(allowed), at, scope, "first-ok.get asks for the next read")

    def _phase(self, name: str, phase: str | None, at: int) -> None:
        if phase is None:
            return
        if not METRICS[name].phased:
            self._report("phase", f"no phase: {name} is about the whole run", at, phase)
        elif phase not in PHASES:
            self._report("phase", " or ".join(PHASES), at, phase, nearest(phase, PHASES))

    def _limit(self, at: int, fitting: tuple[Unit, ...]) -> tuple[float, Unit] | None:
        text = self.text[at:]
        at += len(text) - len(text.lstrip())
        units = fitting or tuple(Unit)
        examples = " or ".join(_EXAMPLE[unit] for unit in units)
        match = _NUMERAL.fullmatch(text.strip())
        if match is None:
            self._report("limit", f"a number: {examples}", at, text.strip())
            return None
        spelling = " ".join(match["unit"].replace("×", "x").split())
        found = _unit(spelling, units, zero=not float(match["digits"]))
        if found is None:
            expected = f"a unit that fits: {examples}" if fitting else f"a unit: {examples}"
            hint = nearest(spelling, (each for each, (unit, _) in SPELT.items() if unit in units))
            self._report("unit", expected, at + match.start("unit"), spelling, hint)
            return None
        limit = float(Decimal(match["digits"]) * found[1])
        if limit > _MOST:
            self._report("limit", f"at most {_MOST:,.0f}", at, text.strip())
            return None
        return limit, found[0]

    def _report(self, kind: str, expected: str, column: int, found: str, hint: str = "") -> None:
        seen = f"{found[:60]!r}" if found else "nothing"
        place = f"{seen} at column {column + 1} of {self.text[:120]!r}"
        self.problems.append(Problem(f"prove.rule-{kind}", self.where, self.path, expected, place, hint))


def _metric(dotted: str) -> tuple[str, str] | None:
    """The longest known name at the start, and what follows its dot."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in METRICS:
            return name, ".".join(parts[length:])
    return None


def _units(name: str, scope: str) -> tuple[Unit, ...]:
    """In what a limit may be said: a figure has one unit, and one that is unknown may have any of them."""
    figure = FIGURES.get(scope) if METRICS[name].scope is Scope.FIGURE else None
    return (LIMITS[figure.measure],) if figure else METRICS[name].units


def _instead(figure: str) -> str:
    """What asks for something that is no figure, or not yet one when rules are judged."""
    first, _, rest = figure.partition(".")
    name = f"{first}@{rest}" if rest in PHASES else figure
    if first in NOTED and name.partition("@")[0] in METRICS:
        return f"it is a rule by itself: {name}"
    return nearest(figure, FIGURES) or f"there are {', '.join(FIGURES)}"


def _unit(spelling: str, units: tuple[Unit, ...], *, zero: bool) -> tuple[Unit, Decimal] | None:
    if zero and not spelling and Unit.NUMBER not in units:
        return units[0], Decimal(1)
    found = SPELT.get(spelling)
    return found if found and found[0] in units else None


def check(
    texts: Iterable[str],
    *,
    where: str = "rules",
    path: str = "",
    journeys: Iterable[str] | None = None,
    reach: Reach | None = None,
) -> tuple[Problem, ...]:
    """
    What is wrong with the rules of one claim: each by itself, and with one another.

    Refused are also rules that hold whatever happens, rules that cannot hold whatever happens,
    and pairs that cannot hold together. With the names of the ``journeys``, scopes that name
    none are refused too; with what is in ``reach``, rules that nothing in it can answer.
    """
    problems: list[Problem] = []
    read: list[tuple[Rule, str]] = []
    for index, text in enumerate(texts):
        place = f"{path}[{index}]" if path else ""
        rule, wrong = _Reader(text, where, place).read()
        problems += wrong
        if rule is not None:
            senseless = list(alone(rule, text, where, place, journeys))
            senseless += [] if reach is None else beyond(rule, text, where, place, reach)
            problems += senseless
            read += [] if senseless else [(rule, place)]
    return (*problems, *conflicts(read, where))


__all__ = ["KINDS", "Rule", "check", "parse"]
