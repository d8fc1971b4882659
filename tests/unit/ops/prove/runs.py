"""A made-up run, told in a few words."""

from __future__ import annotations

from typing import Any

from mainstay.ops.prove.claim import Bite, Claim, Load, Result
from mainstay.ops.prove.faults.fault import Evidence, Strike
from mainstay.ops.prove.history import Fact, FactKind, History, Kind, Operation, Outcome, Phase
from mainstay.ops.prove.judging.growth import Sample
from mainstay.ops.prove.judging.judge import judge
from mainstay.ops.prove.verdict import Judgement

OK, FAIL, UNKNOWN = Outcome.OK, Outcome.FAIL, Outcome.UNKNOWN
BEGIN = 1000.0
"""On the monotonic clock; everything else counts from here."""


class Run:
    """Steady from 0 to 10 s, faults from 10 to 20 s, after from 20 to 30 s, final reading from 31 s."""

    def __init__(self, *, final: bool = True, phases: bool = True) -> None:
        self.history = History(began=BEGIN)
        self.bites: list[Bite] = []
        if phases:
            self.phase("steady", 0, 10).phase("fault", 10, 20).phase("after", 20, 30)
        if phases and final:
            self.phase("final", 31, 35)

    def phase(self, name: str, began: float, ended: float) -> Run:
        self.history.add(Phase(name, BEGIN + began, BEGIN + ended))
        return self

    def strike(self, began: float, ended: float = 0.0, *, fault: str = "kill", bit: bool = True) -> Run:
        evidence = Evidence(bit, "pid 1 was gone" if bit else "pid 1 was still there")
        strike = Strike(fault, "catalog.web.1", lasts=-1.0)
        self.bites.append(Bite(strike, BEGIN + began, BEGIN + max(began, ended), evidence))
        return self

    def operation(
        self,
        due: float,
        took: float = 0.01,
        outcome: Outcome = OK,
        kind: Kind = "get",
        *,
        journey: str = "browse",
        late: float = 0.0,
        **more: Any,
    ) -> int:
        """Add one; its number."""
        number = len(self.history.operations) + 1
        more.setdefault("status", {OK: 200, FAIL: 503, UNKNOWN: 0}[outcome])
        due += BEGIN
        self.history.add(
            Operation(number, journey, f"{kind} /", kind, due, due + late, due + took, outcome, **more)
        )
        return number

    def every(self, step: float, began: float, ended: float, took: float = 0.01, **more: Any) -> Run:
        """Operations at even distances."""
        for index in range(round((ended - began) / step)):
            self.operation(began + index * step, took, **more)
        return self

    def fact(
        self, kind: FactKind, item: str = "", at: float = 5.0, *, set: str = "orders", **more: Any
    ) -> Run:
        self.history.add(Fact(BEGIN + at, kind, set, item, **more))
        return self

    def result(self, *rules: str) -> Result:
        strikes = tuple(bite.strike for bite in self.bites)
        claim = Claim("made-up", "", strikes, Load(10.0), rules)
        return Result(claim, self.history, self.bites)

    def judged(self, rule: str, **more: Any) -> Judgement:
        """What is thought of one rule."""
        result = self.result(rule)
        judge(result, **more)
        (judgement,) = result.judgements
        return judgement


def calm() -> Run:
    """Ten operations a second, all well, a strike at 12 s."""
    return Run().every(0.1, 0, 30).strike(12)


def samples(growth: float, *, seconds: int = 1200, noise: float = 0.0) -> list[Sample]:
    """Two processes of 100 MB and 50 descriptors that grow by a share per hour, one sample a second."""
    found = []
    for second in range(seconds):
        size = 1e8 * (1 + growth * second / 3600) * (1 + noise * (second * 7919 % 13 - 6) / 6)
        found += [Sample(float(second), f"catalog.web.{number}", size, 50, 5) for number in (1, 2)]
    return found
