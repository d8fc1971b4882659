"""A failed claim as a file: everything needed to run the very same schedule again with ``--replay``."""

# ruff: noqa: RUF009 - `key` makes a dataclass field, which is what belongs there

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mainstay.base.containers import ListOf
from mainstay.base.errors import InvalidInput, Problem
from mainstay.base.schema import Table, key, read
from mainstay.base.shapes import Choice, Integer, Json, Refusal, Shape, Spot, Text, is_number
from mainstay.ops.prove.claim import Claim, Load
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.judging import rules
from mainstay.ops.topology.declaration import FaultTable
from mainstay.ops.topology.values import LoadShape

FORMAT = 1


class Number(Shape[float]):
    """A number between two bounds, both allowed."""

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most
        self.expected = f"a number from {least:g} to {most:g}"

    def accepts(self, value: object) -> bool:
        return is_number(value, int, float)

    def convert(self, value: Any, spot: Spot) -> float:
        if not self.least <= value <= self.most:
            raise Refusal("out-of-range")
        return float(value)

    def json(self) -> Json:
        return {"type": "number", "minimum": self.least, "maximum": self.most}


_SECONDS = Number(0.0, 86_400.0)
_WORDS = ListOf(Text())


@dataclass(frozen=True, slots=True)
class LoadTable:
    rate: float = key(Number(0.001, 100_000.0), "Steps of journeys begun per second.")
    shape: LoadShape = key(
        Choice[LoadShape]("steady", "step", "ramp", "spike"), "How the rate changes.", default="steady"
    )
    peak: float = key(Number(1.0, 1000.0), "How many times the rate it reaches.", default=1.0)
    only: tuple[str, ...] = key(_WORDS, "Names of journeys; empty for all.", default=())


@dataclass(frozen=True, slots=True)
class ReplayTable:
    format: int = key(Integer(FORMAT, FORMAT), "The version of this file's format.")
    seed: int = key(Integer(0, 2**63 - 1), "What chance was drawn from.")
    name: str = key(Text("the name of a claim", pattern=r"\S[^\x00-\x1f]*"), "The claim.")
    says: str = key(Text(), "One sentence for a person.", default="")
    strikes: tuple[FaultTable, ...] = key(ListOf(Table(FaultTable)), "What happens.", default=())
    load: LoadTable = key(Table(LoadTable), "The load meanwhile.")
    holds: tuple[str, ...] = key(ListOf(Text(), least=1), "What must hold.")
    steady: float = key(_SECONDS, "Seconds of load before the first strike.")
    after: float = key(_SECONDS, "Seconds of load after everything was ready again.")
    patience: float = key(_SECONDS, "Seconds within which everything must be ready again.")
    note: str = key(Text(), "How this schedule was found.", default="")


@dataclass(frozen=True, slots=True)
class Replay:
    """A claim with its schedule, and the seed it was tried with."""

    claim: Claim
    seed: int
    note: str = ""


def to_json(replay: Replay) -> dict[str, Any]:
    """The file's content, as plain values."""
    claim = replay.claim
    return {
        "format": FORMAT,
        "seed": replay.seed,
        "name": claim.name,
        "says": claim.says,
        "strikes": [_strike_json(strike) for strike in claim.strikes],
        "load": {**asdict(claim.load), "only": list(claim.load.only)},
        "holds": list(claim.holds),
        "steady": claim.steady,
        "after": claim.after,
        "patience": claim.patience,
        "note": replay.note,
    }


def from_text(text: str, *, where: str) -> Replay:
    """
    Read the file's text.

    Raises:
        InvalidInput: It is not JSON or not such a file, or its rules mean nothing; with every
            problem. Whether faults and targets exist is for whoever knows the system to say.
    """
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        problem = Problem("prove.replay-syntax", where, "", "JSON, as `mainstay prove` wrote it", str(error))
        raise InvalidInput([problem]) from error
    return from_json(content, where=where)


def from_json(content: object, *, where: str) -> Replay:
    """
    Read the file's content; see `from_text`.

    Raises:
        InvalidInput: With every problem.
    """
    reading = read(ReplayTable, content, where=where, area="prove")
    held = content.get("holds") if isinstance(content, Mapping) else None
    texts = [text for text in held if isinstance(text, str)] if isinstance(held, list) else []
    problems = [*reading.problems, *rules.check(texts, where=where, path="holds")]
    if problems or reading.value is None:
        raise InvalidInput(problems)
    return _replay(reading.value, where)


def _replay(table: ReplayTable, where: str) -> Replay:
    strikes = tuple(
        Strike(each.fault, each.target, each.at, -1.0 if each.lasts is None else each.lasts, each.settings)
        for each in table.strikes
    )
    load = Load(table.load.rate, table.load.shape, table.load.peak, table.load.only)
    claim = Claim(
        table.name,
        table.says,
        strikes,
        load,
        table.holds,
        steady=table.steady,
        after=table.after,
        patience=table.patience,
        tags=("quick", "normal", "full"),
        source=where,
    )
    return Replay(claim, table.seed, table.note)


def _strike_json(strike: Strike) -> dict[str, Any]:
    content = {"fault": strike.fault, "target": strike.target, "at": strike.at}
    lasts = {"lasts": strike.lasts} if strike.lasts >= 0 else {}
    return {**content, **lasts, "settings": dict(strike.with_)}


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
