"""A claim's run as small as a word, for a table of all claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mainstay.ops.prove.evidence.panels import highest_rate, loaded_until, wider

WIDTH, HEIGHT = 150.0, 24.0


@dataclass(frozen=True, slots=True)
class Spark:
    """A claim's run as small as a word: its rate, its faults, its failures."""

    area: str
    fail: str
    unknown: str
    faults: list[tuple[float, float]]


def spark(claim: Mapping[str, Any]) -> Spark | None:
    """None when no load was seen."""
    step, bins = wider(claim["timeline"])
    end: float = max([claim["seconds"], *(each["at"] + step for each in bins)])
    most = highest_rate(bins, loaded_until(claim))
    if not most:
        return None

    def x(at: float) -> float:
        return round(WIDTH * min(max(at / end, 0.0), 1.0), 1)

    def y(rate: float) -> float:
        return round(HEIGHT - (HEIGHT - 4) * min(rate / most, 1.0), 1)

    outline = "".join(f"V{y(e['rate'])}H{x(e['at'] + step)}" for e in bins)
    marks = {
        kind: "".join(
            f"M{x(e['at'])} {HEIGHT:g}v-{min(max(HEIGHT * e[kind] / step / most, 5), HEIGHT):.1f}h1.6V{HEIGHT:g}z"
            for e in bins
            if e[kind]
        )
        for kind in ("fail", "unknown")
    }
    faults = [(x(b["began"]), max(x(b["ended"]) - x(b["began"]), 1.5)) for b in claim["bites"] if b["bit"]]
    return Spark(
        f"M{x(bins[0]['at'])} {HEIGHT:g}{outline}V{HEIGHT:g}Z",
        marks["fail"],
        marks["unknown"],
        faults,
    )
