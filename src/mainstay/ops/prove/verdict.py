"""What a proof says of a claim, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """In the order of gravity: the verdict of several is the first of these among them."""

    FAIL = "fail"
    """What must hold did not."""
    UNKNOWN = "unknown"
    """It could not be told: the fault did not bite, nothing was tried, or the generator was the bottleneck."""
    NOT_RUN = "not run"
    """This machine or this system lacks the means; says which."""
    PASS = "pass"  # noqa: S105 - a verdict, no password


GRAVITY = tuple(Verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest; of none, unknown, because nothing was judged."""
    found = set(verdicts)
    return next((verdict for verdict in GRAVITY if verdict in found), Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing that must hold, and whether it did."""

    rule: str
    """As the claim says it: ``errors.get = 0``."""
    verdict: Verdict
    found: str
    """What was seen, with its count: ``0 of 1,240 (95 % bound: 0.24 %)``."""
    value: float | None = None
    """In the unit of the rule: seconds, shares of one, or a number."""
    offending: tuple[int, ...] = ()
    """Numbers of the operations that broke it, at most twenty."""
    details: tuple[str, ...] = field(default=())
    """Lines for a person: the lost order, the seat and its two owners."""
