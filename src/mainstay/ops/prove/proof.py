"""A proof: every claim that was tried on one system, and what they say together."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from mainstay.ops.prove.claim import Result
from mainstay.ops.prove.verdict import Verdict

Size = Literal["quick", "normal", "full"]


def wall_clock_offset() -> float:
    """Seconds between the monotonic clock of histories and the time of day of the supervisor's events."""
    return time.time() - time.monotonic()


@dataclass
class Proof:
    """The facts of a run and the results of its claims, in the order in which they were tried."""

    system: str
    url: str
    size: Size
    seed: int
    began: datetime
    """With its zone."""
    seconds: float
    versions: Mapping[str, str]
    """What it ran on, by name: each engine, and `surroundings`."""
    topology_text: str
    """The whole of ``mainstay.toml``; what looks secret in it is masked before it is written anywhere."""
    argv: Sequence[str]
    """The command line that does the same again, seed included."""
    results: list[Result]
    figures: dict[str, float] = field(default_factory=dict)
    """Of the whole proof, measured as those of a claim."""
    events: list[Mapping[str, Any]] = field(default_factory=list)
    """What the supervisor noted while the proof ran, oldest first."""
    clock: float = field(default_factory=wall_clock_offset)
    """What to add to a moment of a history to get seconds since 1970."""
    notes: Sequence[str] = ()
    """
    Which pages were read where nobody wrote journeys, and what the services' preparation warned of: a database that
    is a copy, settings that are not the system's.
    """
    printed: int = 0
    """Bytes that journeys printed."""
    interrupted: str = ""
    """Why it ended before its last claim, when it did."""

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many claims got each verdict; every verdict is there, gravest first."""
        found = Counter(result.verdict for result in self.results)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def verdict(self) -> Verdict:
        """
        Fail if one claim fails; pass if some pass and nothing is left open.

        A claim that was not run takes nothing away, it is only named: a machine without
        the means for one fault can still prove the others. When nothing passed, nothing
        was shown, and that is unknown.
        """
        counts = self.counts
        if counts[Verdict.FAIL]:
            return Verdict.FAIL
        if counts[Verdict.UNKNOWN] or self.interrupted or not counts[Verdict.PASS]:
            return Verdict.UNKNOWN
        return Verdict.PASS

    @property
    def exit_code(self) -> int:
        """0 all hold, 1 one does not, 2 it could not be told."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1}.get(self.verdict, 2)


def surroundings() -> dict[str, str]:
    """Versions and means of this machine, without its name."""
    return {
        "mainstay": _own_version(),
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processors": str(len(os.sched_getaffinity(0))),
    }


def _own_version() -> str:
    try:
        return version("django-mainstay")
    except PackageNotFoundError:
        return "unknown"
