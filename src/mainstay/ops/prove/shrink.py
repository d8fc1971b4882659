"""
From a schedule that fails to the least that still fails.

Delta debugging by A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing
Input", IEEE TSE 28 (2002): first fewer strikes, then shorter ones, then less around them.
Every step is a run of its own, so all of it has a budget; what is returned has always been
seen to fail. A run of which nobody knows counts as one that does not fail.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.faults.fault import Strike

T = TypeVar("T")

Length = Callable[[Claim], float]
"""Seconds that a try of a claim takes."""

Fails = Callable[[Claim], Awaitable[bool | None]]
"""Whether a claim fails when it is tried; ``None`` when it could not be told."""

SHORTEST = 0.1
"""Seconds below which a strike is not made shorter."""
LEAST_LOAD = 1.0
"""Seconds of load before and after that are always kept, to have something to compare with."""
LEAST_RATE = 1.0
"""Steps per second below which the load is not made lighter."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What is left of a claim."""

    claim: Claim
    """Seen to fail; the given one when nothing could be left out."""
    tries: int
    seconds: float
    complete: bool
    """Whether all was tried; otherwise the budget was spent before."""
    steps: tuple[str, ...]
    """What was left out, in order, for a person."""

    def as_json(self) -> dict[str, Any]:
        return {
            "tries": self.tries,
            "seconds": round(self.seconds, 1),
            "complete": self.complete,
            "steps": list(self.steps),
        }


async def shrink(
    claim: Claim,
    fails: Fails,
    *,
    tries: int = 30,
    seconds: float = 300.0,
    length: Length = lambda claim: 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Shrunk:
    """
    The fewest strikes, then the shortest time and the lightest load, with which a claim still fails.

    ``claim`` must have failed already; it is not tried again. No run is begun when its budget of
    ``tries`` or ``seconds`` is spent, nor one of a ``length`` that what is left of them cannot hold; one under
    way is waited for. What is left has as few strikes as can be reached by taking away any one of them, if
    ``complete``.
    """
    attempt = _Attempts(claim, fails, tries, clock() + seconds, clock, length)
    began = clock()
    try:
        await _fewer(attempt)
        await _earlier(attempt)
        await _shorter(attempt)
        await _less_around(attempt)
        complete = not attempt.skipped
    except _Spent:
        complete = False
    return Shrunk(attempt.best, attempt.made, clock() - began, complete, tuple(attempt.steps))


class _Spent(Exception):
    """The budget is used up."""


@dataclass
class _Attempts:
    """The least claim so far that failed, and the runs that may still be made."""

    best: Claim
    fails: Fails
    most: int
    until: float
    clock: Callable[[], float]
    length: Length
    made: int = 0
    skipped: int = 0
    steps: list[str] = field(default_factory=list)

    async def take(self, claim: Claim, what: str) -> bool:
        """Try something smaller, and keep it when it fails too."""
        if claim == self.best:
            return False
        if self.made >= self.most or self.clock() >= self.until:
            raise _Spent
        if self.clock() + self.length(claim) > self.until:
            self.skipped += 1
            return False
        self.made += 1
        if await self.fails(claim) is not True:
            return False
        self.best = claim
        self.steps.append(what)
        return True


async def ddmin(items: Sequence[T], fails: Callable[[Sequence[T]], Awaitable[bool]]) -> list[T]:
    """
    A part of the items that fails, none of which can be left out alone; all of ``items`` fail.

    The algorithm of the paper, and before it the empty part, which it does not try: a failure
    that needs no cause at all is the first thing to know.
    """
    if not items or await fails([]):
        return []
    left, parts = list(items), 2
    while len(left) >= 2:
        chunks = list(_chunks(left, parts))
        rests = [[item for other in chunks if other is not chunk for item in other] for chunk in chunks]
        smaller = next_parts = None
        for candidate, number in [*((each, 2) for each in chunks), *((each, parts - 1) for each in rests)]:
            if len(candidate) < len(left) and await fails(candidate):
                smaller, next_parts = candidate, number
                break
        if smaller is not None and next_parts is not None:
            left, parts = smaller, max(next_parts, 2)
        elif parts < len(left):
            parts = min(2 * parts, len(left))
        else:
            break
    return left


def _chunks(items: Sequence[T], parts: int) -> Iterator[list[T]]:
    for index in range(parts):
        begin, end = index * len(items) // parts, (index + 1) * len(items) // parts
        yield list(items[begin:end])


async def _fewer(attempt: _Attempts) -> None:
    start = attempt.best

    async def still(strikes: Sequence[Strike]) -> bool:
        what = f"{len(strikes)} of {len(start.strikes)} strikes {'is' if len(strikes) == 1 else 'are'} enough"
        return await attempt.take(replace(start, strikes=tuple(strikes)), what)

    await ddmin(start.strikes, still)


async def _earlier(attempt: _Attempts) -> None:
    """All strikes as early as they go, the distances between them kept; then the distances halved."""
    strikes = attempt.best.strikes
    first = min((strike.at for strike in strikes), default=0.0)
    if first > 0:
        await attempt.take(_at(attempt.best, lambda at: at - first), "the first strike at once")
    while max((strike.at for strike in attempt.best.strikes), default=0.0) > SHORTEST:
        if not await attempt.take(_at(attempt.best, lambda at: round(at / 2, 3)), "strikes closer together"):
            break


async def _shorter(attempt: _Attempts) -> None:
    for index in range(len(attempt.best.strikes)):
        while (lasts := catalogue.duration(attempt.best.strikes[index])) >= 2 * SHORTEST:
            shorter = round(lasts / 2, 3)
            strikes = list(attempt.best.strikes)
            strikes[index] = replace(strikes[index], lasts=shorter)
            what = f"{strikes[index].fault} {strikes[index].target} for {shorter:g} s"
            if not await attempt.take(replace(attempt.best, strikes=tuple(strikes)), what):
                break


async def _less_around(attempt: _Attempts) -> None:
    await _halve(
        attempt, LEAST_LOAD, lambda c: c.steady, lambda c, n: replace(c, steady=n), "{:g} s of steady load"
    )
    await _halve(
        attempt, LEAST_LOAD, lambda c: c.after, lambda c, n: replace(c, after=n), "{:g} s of load after"
    )
    await _halve(
        attempt,
        LEAST_RATE,
        lambda c: c.load.rate,
        lambda c, n: replace(c, load=replace(c.load, rate=n)),
        "a rate of {:g} /s",
    )


async def _halve(
    attempt: _Attempts,
    least: float,
    of: Callable[[Claim], float],
    to: Callable[[Claim, float], Claim],
    what: str,
) -> None:
    """Half of something, and half again, while the claim still fails."""
    while (value := of(attempt.best)) > least:
        half = max(round(value / 2, 3), least)
        if not await attempt.take(to(attempt.best, half), what.format(half)):
            break


def _at(claim: Claim, change: Callable[[float], float]) -> Claim:
    return replace(claim, strikes=tuple(replace(strike, at=change(strike.at)) for strike in claim.strikes))
