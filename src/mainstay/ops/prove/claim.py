"""A claim: under this load, when this happens, that holds. And what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay.ops.prove.faults.fault import Evidence, Strike
from mainstay.ops.prove.history import History
from mainstay.ops.prove.verdict import Judgement, Verdict, worst
from mainstay.ops.topology.values import LoadShape

FROM_TOPOLOGY = "topology"
"""The source of the claims that come by themselves."""

QUICK = ("quick", "normal", "full")
NORMAL = ("normal", "full")
FULL = ("full",)
"""In which sizes of a proof a claim takes part: in this one and all that are larger."""


@dataclass(frozen=True, slots=True)
class Load:
    """Open-loop load: arrivals by the clock, whatever became of earlier ones."""

    rate: float
    """Steps of journeys begun per second, all journeys together."""
    shape: LoadShape = "steady"
    peak: float = 1.0
    """How many times ``rate`` a step, ramp or spike reaches while the faults are on."""
    only: tuple[str, ...] = ()
    """Names of journeys; empty for all."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Everything that is needed to judge, and to run it again the same way."""

    name: str
    says: str
    """One sentence for a person."""
    strikes: tuple[Strike, ...]
    load: Load
    holds: tuple[str, ...]
    """Rules, as `rules.parse` reads them: ``errors.get = 0``, ``p99 <= 2 x steady``, ``lost = 0``."""
    steady: float = 4.0
    """Seconds of load before the first strike."""
    after: float = 4.0
    """Seconds of load after the last strike was undone and everything was ready again."""
    patience: float = 30.0
    """Seconds within which everything must be ready again after the last strike."""
    tags: tuple[str, ...] = NORMAL
    """In which sizes of a proof it takes part: ``quick``, ``normal``, ``full``."""
    overload: bool = False
    """Whether it is about a load that is too much: the peak is raised until it is, and else nothing is told."""
    source: str = FROM_TOPOLOGY
    """Where it comes from: the topology, or the file and its line."""


@dataclass
class Bite:
    """A strike as it happened."""

    strike: Strike
    began: float
    ended: float
    evidence: Evidence


@dataclass
class Result:
    """A claim that was tried."""

    claim: Claim
    history: History
    bites: list[Bite] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    """As `judging.figures` says what each is measured in: ``recovery``, ``p99.steady``, ``lateness.p99`` …"""
    notes: tuple[str, ...] = ()
    """What else a person should know of the load: steps that waited, that were cut, that blocked."""
    idle: tuple[str, ...] = ()
    """Rules that were not judged, as no journey does what they are about."""
    not_run: str = ""
    """Why it was not run, when it was not."""
    trouble: str = ""
    """Why nothing can be said: the generator was late, the system was not ready before, a journey raised."""

    @property
    def verdict(self) -> Verdict:
        if self.not_run:
            return Verdict.NOT_RUN
        verdicts = [judgement.verdict for judgement in self.judgements]
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL
        if self.trouble or not self._bit():
            return Verdict.UNKNOWN
        return worst(verdicts)

    def _bit(self) -> bool:
        """Whether of each strike it is known that it bit."""
        told = len(self.bites) >= len(self.claim.strikes)
        return told and all(bite.evidence.bit for bite in self.bites)
