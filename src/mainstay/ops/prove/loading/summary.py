"""What a generator says of itself: whether its figures can be believed, and what the journeys did wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mainstay.base.units import plural

GOAL = 0.005
"""Seconds by which the latest of a hundred steps may begin late without a word."""

IMMATERIAL = 0.1
"""Share of the latency's p99 below which the generator's own lateness changes no judgement."""

STOOD_STILL = 1.0
"""Seconds for which the generator may be stopped as a whole before nothing it saw can be believed."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A journey that raised: how often, and the first time in full."""

    journey: str
    where: str
    """``step``, ``final``."""
    count: int
    first: str
    """The first traceback, of the project's own lines."""

    def __str__(self) -> str:
        last = self.first.strip().splitlines()[-1] if self.first.strip() else "an error"
        return f"the {self.where} of journey {self.journey!r} raised {times(self.count)}, first: {last}"


@dataclass(frozen=True, slots=True)
class Blocked:
    """A journey that held the event loop: other steps could neither begin nor see their answers."""

    journey: str
    count: int
    worst: float

    def __str__(self) -> str:
        return (
            f"journey {self.journey!r} blocked the event loop {times(self.count)}, "
            f"at worst for {self.worst:.2f} s; a step must await, never sleep or compute for long"
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """Of the load so far. Seconds unless said otherwise."""

    arrivals: int
    """Steps that were due."""
    seconds: float
    """For how long steps were due."""
    late_p50: float
    late_p99: float
    late_worst: float
    """How late steps began that nothing but the generator held up: sent minus scheduled."""
    stall_worst: float
    """The longest time for which the event loop did nothing it should."""
    cpu: float
    """Of one core, of the whole process: 0.8 is 80 %."""
    latency_p99: float
    held: int = 0
    """Steps that had to wait because too many earlier ones were under way: the system was slow."""
    most: int = 0
    """How many may be under way at once."""
    never_begun: int = 0
    """Steps still waiting so when the load ended."""
    cut: dict[str, int] = field(default_factory=dict)
    """Steps that did not end within the limit, by journey."""
    raised: tuple[Raised, ...] = ()
    blocked: tuple[Blocked, ...] = ()

    @property
    def is_late(self) -> bool:
        return self.late_p99 > max(GOAL, IMMATERIAL * self.latency_p99) or self.stall_worst > STOOD_STILL

    @property
    def bottleneck(self) -> str:
        """
        Why latencies of this run would blame the system for what the generator did; empty if they do not.

        Lateness counts when it is more than 5 ms *and* more than a tenth of the p99 that was
        measured: below that it decides nothing.
        """
        if not self.is_late:
            return ""
        causes = [str(each) for each in self.blocked]
        if not causes and self.cpu > 0.85:
            causes = ["one core was not enough for this rate"]
        elif not causes:
            causes = ["the machine gave it no time"]
        return (
            f"the generator was the bottleneck: steps began late, p99 {_ms(self.late_p99)}, worst "
            f"{_ms(self.late_worst)}, longest stall {_ms(self.stall_worst)}, at {self.cpu:.0%} of one core; "
            + "; ".join(causes)
        )

    @property
    def harmless(self) -> str:
        """The same lateness beside a claim that passes all the same."""
        return (
            f"the generator began steps late, p99 {_ms(self.late_p99)}, worst {_ms(self.late_worst)}; it changes no "
            "verdict here: latencies count from when a step was due, so it only made them longer"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What else a person should know."""
        found = [
            f"{plural(count, 'step')} of journey {name!r} {'was' if count == 1 else 'were'} cut, not ended in time"
            for name, count in self.cut.items()
        ]
        if self.held:
            found.append(
                f"{plural(self.held, 'step')} waited for others, as {self.most} were under way: the system was slow, "
                "not the generator; latency counts from when a step was due"
            )
        if self.never_begun:
            found.append(f"{plural(self.never_begun, 'step')} never began for that reason")
        # The bottleneck names who blocked, too.
        found += [self.bottleneck] if self.is_late else map(str, self.blocked)
        return tuple(found)

    @property
    def figures(self) -> dict[str, float]:
        """For `Result.figures`."""
        return {
            "arrivals": float(self.arrivals),
            "lateness.p50": self.late_p50,
            "lateness.p99": self.late_p99,
            "lateness.worst": self.late_worst,
            "stall.worst": self.stall_worst,
            "generator.cpu": self.cpu,
            "held": float(self.held),
        }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of them lies; 0 of none. They must be sorted."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
