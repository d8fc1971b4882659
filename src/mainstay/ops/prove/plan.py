"""What a proof will try, before anything is started: claims chosen, their words understood, journeys read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.ops.prove import calibration, replay
from mainstay.ops.prove.claim import FROM_TOPOLOGY, Claim, Load
from mainstay.ops.prove.claims import claims, known_names, source, strikes_of
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.judging import rules
from mainstay.ops.prove.proof import Size
from mainstay.ops.topology.lines import find_line, key_lines
from mainstay.ops.topology.values import Topology

SHRINK_LIMITS: dict[Size, float] = {"quick": 60.0, "normal": 240.0, "full": 900.0}
"""Seconds spent on looking for less that still fails, for each claim that does."""


UNDER_LOAD = "under-load"
"""What is claimed of a system that is only loaded, unless the file has a claim of that name."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person asked for."""

    size: Size = "normal"
    only: tuple[str, ...] = ()
    """Names of claims; ``*`` stands for anything. Claims of every size can be named."""
    seed: int = 0
    rate: float | None = None
    """Steps per second instead of what the file says."""
    seconds: float | None = None
    """Length of the calm stretches before and after the faults."""
    repeat: int = 1
    """How many times each claim is tried."""
    edge: str = ""
    """``haproxy`` or ``nginx`` instead of what the file says."""
    running: bool = False
    """Break the system that runs, not a twin of it."""
    against: str = ""
    """A base URL to load and check, without faults."""
    allow_remote: bool = False
    """Whether that may be another machine."""
    writes: bool = False
    """Let journeys that write take part although the system is in use, not a twin."""
    replay: Path | None = None
    """A schedule that was saved; it is all that is tried."""
    shrink: bool = True
    """On failure, look for the fewest faults and the shortest time that still fail."""
    keep: bool = False
    """Leave the twin's folder behind, with its logs and data."""
    evidence: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the twin's supervisor, beside those of this process."""
    twin: Mapping[str, Any] = field(default_factory=dict)
    """How the twin differs from the file, as its twin.json says it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What will be tried, and what of it means nothing."""

    claims: tuple[Claim, ...]
    """In order, each as the options change it."""
    seed: int
    problems: tuple[Problem, ...] = ()


def chosen(topology: Topology, options: Options) -> tuple[tuple[Claim, ...], int]:
    """
    The claims to try, and the seed. Journeys are not looked at: `understanding` does both.

    Raises:
        InvalidInput: A claim in the file, a schedule that was saved, or a name means nothing; with all
            such problems.
    """
    choice = choose(topology, options)
    if choice.problems:
        raise InvalidInput(with_lines(topology, choice.problems))
    return choice.claims, choice.seed


def choose(topology: Topology, options: Options) -> Choice:
    """The claims to try, the seed, and every problem of them."""
    if options.replay is not None:
        try:
            return _replayed(topology, options, options.replay)
        except InvalidInput as error:
            return Choice((), options.seed, error.problems)
    everything = claims(topology, size=None if options.only else options.size)
    if options.against:
        unbroken = [claim for claim in everything if not claim.strikes and claim.source != FROM_TOPOLOGY]
        unbroken = [claim for claim in unbroken if claim.name != calibration.NAME]
        own = any(claim.name == UNDER_LOAD for claim in unbroken)
        everything = tuple(unbroken) if own else (_under_load(topology), *unbroken)
    problems = _unknown_words(topology, options, everything)
    for claim in everything:
        problems += problems_of(topology, claim, place(topology, claim))
    wanted = [claim for claim in everything if not options.only or _named(claim.name, options.only)]
    return Choice(_repeated(wanted, options), options.seed, tuple(problems))


def _replayed(topology: Topology, options: Options, path: Path) -> Choice:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            [Problem("prove.replay-unreadable", str(path), "", "a schedule that was saved", str(error))]
        ) from error
    saved = replay.from_text(text, where=str(path))
    problems = problems_of(topology, saved.claim, place(topology, saved.claim))
    return Choice(_repeated([saved.claim], options), saved.seed, tuple(problems))


def _repeated(claims: Iterable[Claim], options: Options) -> tuple[Claim, ...]:
    return tuple(
        _time(_adapted(claim, options), each, options) for claim in claims for each in range(options.repeat)
    )


def _time(claim: Claim, number: int, options: Options) -> Claim:
    """A claim that is tried several times has a name, and so a place for its evidence, each time."""
    return claim if options.repeat == 1 else replace(claim, name=f"{claim.name}.{number + 1}")


def _adapted(claim: Claim, options: Options) -> Claim:
    if claim.source == calibration.CLAIM.source:
        return claim  # its server and its judgement know one rate only
    load = claim.load if options.rate is None else replace(claim.load, rate=options.rate)
    claim = replace(claim, load=load)
    return claim if options.seconds is None else replace(claim, steady=options.seconds, after=options.seconds)


def _under_load(topology: Topology) -> Claim:
    return Claim(
        UNDER_LOAD,
        "Under this load, nothing fails.",
        (),
        Load(topology.prove.rate),
        ("errors = 0",),
        steady=10.0,
        after=0.0,
        tags=("quick", "normal", "full"),
    )


def _named(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _unknown_words(topology: Topology, options: Options, everything: Sequence[Claim]) -> list[Problem]:
    names = [claim.name for claim in everything]
    lost = [pattern for pattern in options.only if not any(_named(name, (pattern,)) for name in names)]
    expected, known_from = "the name of a claim", "`mainstay prove --full --list` names them"
    if options.against:
        expected += " without faults, as --against breaks nothing, that came from your file"
        known_from = f"here that can be {' or '.join(names)}"
    found = [
        _problem("unknown-claim", "--only", expected, repr(name), nearest(name, names) or known_from)
        for name in lost
    ]
    known = [*known_names(topology), *(claim.name for claim in topology.prove.claims)]
    for claim in topology.prove.claims:
        if claim.name == calibration.NAME:
            expected = "a name that is not that of the check of the load generator itself"
            path = f"prove.claim[{claim.position}].name"
            found.append(_problem("reserved-claim", path, expected, repr(claim.name), topology=topology))
    for index, name in enumerate(topology.prove.without):
        if name not in known:
            hint, path = (
                nearest(name, known) or "`mainstay prove --list` names them",
                f"prove.without[{index}]",
            )
            found.append(_problem("unknown-claim", path, "the name of a claim", repr(name), hint, topology))
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim was written: the file, the path of its keys, and what some of them are called there."""

    where: str
    path: str = ""
    faults: str = "faults"
    journeys: str = "journeys"
    strikes: tuple[Strike, ...] | None = None
    """The faults as they are written, each once; where that is not known, each strike is one."""
    places: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """As `DeclaredClaim` has them."""

    def as_written(self, problems: Iterable[Problem]) -> list[Problem]:
        """The same problems; an item of a list is that of the file, of which others may be unreadable."""
        return [replace(each, path=self._as_written(each.path)) for each in problems]

    def _as_written(self, path: str) -> str:
        found = re.match(rf"{re.escape(self.path)}\.(\w+)\[(\d+)\]", path)
        if not found or found[1] not in self.places:
            return path
        place = self.places[found[1]][int(found[2])]
        return f"{self.path}.{found[1]}[{place}]{path[found.end() :]}"

    def key(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def place(topology: Topology, claim: Claim) -> Place:
    """Where a claim stands: in the file of the system, in one of a schedule, or nowhere, as it came by itself."""
    for each in topology.prove.claims:
        if claim.source == source(topology, each):
            return Place(
                topology.file.name,
                f"prove.claim[{each.position}]",
                strikes=strikes_of(each),
                places=each.places,
            )
    if claim.source == FROM_TOPOLOGY:
        return Place(claim.source, claim.name)
    return Place(claim.source, "", "strikes", "load.only")


def problems_of(topology: Topology, claim: Claim, where: Place, *, faults: bool = True) -> list[Problem]:
    """Everything in a claim that means nothing: where wanted its faults with targets and settings, rules and shapes."""
    found: list[Problem] = []
    strikes = claim.strikes if where.strikes is None else where.strikes
    for index, strike in enumerate(strikes if faults else ()):
        key = where.key(f"{where.faults}[{index}]")
        found += [
            replace(wrong, where=where.where, path=f"{key}.{_key_of(wrong)}")
            for wrong in catalogue.check(strike, topology)
        ]
    found += rules.check(claim.holds, where=where.where, path=where.key("holds"))
    return where.as_written([*found, *_shapeless(claim, where)])


def with_lines(topology: Topology, problems: Iterable[Problem]) -> list[Problem]:
    """The same problems, once each; those in the file of the system with their lines where these are known."""
    lines = key_lines(topology.file.read_text())
    found = []
    for problem in dict.fromkeys(problems):
        line = find_line(lines, problem.path) if problem.where == topology.file.name else None
        found.append(replace(problem, where=f"{problem.where}:{line}") if line else problem)
    return found


def _key_of(problem: Problem) -> str:
    """What the catalogue calls after a setting stands in the table of settings."""
    is_setting = problem.id in ("prove.unknown-setting", "prove.wrong-setting")
    return f"settings.{problem.path}" if is_setting else problem.path


def _shapeless(claim: Claim, where: Place) -> list[Problem]:
    """A peak without a shape that reaches it, or the other way round, changes nothing."""
    if (claim.load.shape == "steady") is (claim.load.peak == 1):
        return []
    if claim.load.shape == "steady":
        expected, found = "a shape that reaches the peak: step, ramp or spike", "steady"
        return [Problem("prove.load-shape", where.where, where.key("shape"), expected, repr(found))]
    expected = f"how many times the rate this {claim.load.shape} reaches"
    return [Problem("prove.load-peak", where.where, where.key("peak"), expected, f"{claim.load.peak:g}")]


def _problem(
    kind: str, path: str, expected: str, found: str, hint: str = "", topology: Topology | None = None
) -> Problem:
    where = topology.file.name if topology else "the command line"
    return Problem(f"prove.{kind}", where, path, expected, found, hint)


def estimate(claims: Iterable[Claim], *, start: float = 12.0) -> float:
    """Seconds that trying them will take, roughly: nobody knows how long a recovery takes before it did."""
    return start + sum(length(claim) for claim in claims)


def length(claim: Claim) -> float:
    """Seconds that one try of a claim takes, roughly."""
    recovery = 4.0 if claim.strikes else 0.0
    last = max((strike.at + catalogue.duration(strike) for strike in claim.strikes), default=0.0)
    return claim.steady + last + recovery + claim.after + 2.0
