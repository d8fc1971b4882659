"""What ``[prove]`` may say: the load, and the claims beside those that come by themselves, with their faults."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.containers import ListOf, MapOf
from mainstay.base.schema import Table, key
from mainstay.base.shapes import Choice, Duration, Integer, Scalar, Text
from mainstay.ops.topology.declaration.spelling import PATH, WORDS
from mainstay.ops.topology.values import ClaimSize, LoadShape

_MOMENT = Duration(0.0, 90_000.0)
"""A day of strikes again and again, and an hour for the moment of each, so that what was saved can be replayed."""


@dataclass(frozen=True, slots=True)
class FaultTable:
    fault: str = key(
        Text(),
        "What is done; `mainstay prove --list` names the faults, their targets and their settings.",
        examples=["kill", "pause", "link.latency"],
    )
    target: str = key(
        Text(),
        "To whom: a process, a kind such as catalog.web, primary, standby, an engine, a service, or a link.",
        default="",
        examples=["catalog.web", "primary", "orders->payments"],
    )
    at: float = key(
        _MOMENT, "How long after the faults begin.", default=0.0, because="all at once unless you say so"
    )
    lasts: float | None = key(
        _MOMENT,
        "How long until it is undone.",
        default=None,
        because="as long as a fault of its kind lasts; see the reference of `mainstay prove`",
    )
    settings: dict[str, bool | int | float | str] = key(
        MapOf(Text("the name of a setting", pattern=r"[a-z][a-z0-9_]*"), Scalar()),
        "The fault's own settings.",
        default={},
        examples=[{"milliseconds": 300, "jitter": 50}],
    )


FAULTS = ListOf(Table(FaultTable))
HOLDS = ListOf(WORDS, least=1)
JOURNEYS = ListOf(WORDS)


@dataclass(frozen=True, slots=True)
class ClaimTable:
    name: str = key(
        Text("a name of lower-case letters, digits and -", pattern=r"[a-z][a-z0-9-]{0,59}"),
        "What the claim is called; that of a claim which comes by itself replaces it.",
        examples=["payments-slow"],
    )
    says: str = key(
        WORDS,
        "One sentence for the report.",
        default="",
        because="made from the faults and the rules",
    )
    faults: tuple[FaultTable, ...] = key(
        FAULTS,
        "What happens; none at all claims something about load alone.",
        default=(),
        examples=[[{"fault": "link.latency", "target": "orders->payments", "lasts": "5s"}]],
    )
    holds: tuple[str, ...] = key(
        HOLDS,
        "What must hold meanwhile and afterwards.",
        examples=[["errors.get = 0", "recovery <= 1.5 s", "p99 <= 2 x steady"]],
    )
    journeys: tuple[str, ...] = key(
        JOURNEYS, "Which journeys are the load.", default=(), because="all of them, by their weights"
    )
    rate: int | None = key(
        Integer(1, 100_000),
        "Steps of journeys begun per second.",
        default=None,
        because="the rate of [prove]",
    )
    shape: LoadShape = key(
        Choice[LoadShape]("steady", "step", "ramp", "spike"),
        "How the rate changes while the faults are on.",
        default="steady",
        because="one thing changes at a time",
    )
    peak: int = key(
        Integer(1, 100), "How many times the rate a step, ramp or spike reaches.", default=1, because="steady"
    )
    calm: float = key(
        Duration(1.0, 86_400.0),
        "How long the load is on before the first fault, and again after everything was ready.",
        default=4.0,
        because="enough to know what is normal at this rate",
    )
    within: float = key(
        Duration(0.1, 3600.0),
        "How long everything may take to be ready again after the last fault.",
        default=30.0,
        because="a database that is rewound and catches up takes seconds",
    )
    every: float | None = key(
        Duration(0.5, 3600.0),
        "Strike again and again: one of the faults so often, each in its turn, for as long as `during` says.",
        default=None,
        because="each fault strikes once, at its own moment",
        examples=["10s"],
    )
    during: float | None = key(
        Duration(1.0, 86_400.0),
        "How long `every` goes on.",
        default=None,
        because="each fault strikes once, at its own moment",
        examples=["20m"],
    )
    size: ClaimSize = key(
        Choice[ClaimSize]("quick", "normal", "full", "named"),
        "From which size of a proof on it is tried; a `named` one only when `--only` names it.",
        default="quick",
        because="who writes a claim wants to know",
    )


@dataclass(frozen=True, slots=True)
class ProveTable:
    journeys: str = key(
        PATH,
        "A Python file with classes of mainstay.ops.prove.Journey, or a Locust file.",
        default="",
        because="pages are found by the OpenAPI schema or by following links, and only read",
        examples=["proof.py"],
    )
    rate: int = key(
        Integer(1, 100_000),
        "Steps of journeys begun per second, all together, in a steady load.",
        default=20,
        because="enough to see a second of trouble, and a laptop bears it",
    )
    claim: tuple[ClaimTable, ...] = key(
        ListOf(Table(ClaimTable)), "Claims beside those that come by themselves.", default=()
    )
    without: tuple[str, ...] = key(
        ListOf(WORDS),
        "Names of claims that are left out, such as one that this system does not make.",
        default=(),
        examples=[["valkey-killed"]],
    )
    reads: tuple[str, ...] = key(
        ListOf(WORDS),
        "Aliases in DATABASES of PostgreSQL servers elsewhere that a twin may read; they refuse its writes.",
        default=(),
        because="what is broken on purpose has no business in another database",
        examples=[["warehouse"]],
    )
