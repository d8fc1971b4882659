"""Curves over time as places on a drawing: the axis, the rate, the latency."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mainstay.ops.prove.judging.periods import FINAL

WIDTH, LEFT, RIGHT = 960.0, 128.0, 14.0
PLOT = WIDTH - LEFT - RIGHT
RATE_HEIGHT, LATENCY_HEIGHT = 92.0, 118.0
MOST_BINS = 160
"""Points of a curve; a longer run is drawn with wider bins."""
LEAST_BAR = 2.5
"""Height below which a failure would not be seen."""
HEADROOM = 1.08
"""How much higher the axis of the rate goes than the rate."""
LOG_FROM = 15.0
"""Ratio of the slowest to the usual from which a linear axis would flatten the usual."""


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot with its own vertical axis; curves are SVG paths by name."""

    top: float
    height: float
    ticks: list[Tick]
    paths: dict[str, str]
    marks: dict[str, list[float]] = field(default_factory=dict)

    @property
    def bottom(self) -> float:
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Scale:
    """Seconds to places from left to right."""

    end: float

    def x(self, at: float) -> float:
        return round(LEFT + PLOT * min(max(at / self.end, 0.0), 1.0), 1)

    def ticks(self) -> list[Tick]:
        step = nice(self.end / 10)
        count = int(self.end / step + 1e-9)
        return [Tick(self.x(n * step), _clock(n * step)) for n in range(count + 1)]


def nice(value: float) -> float:
    """The next of 1, 2, 5, 10 … that is not smaller."""
    power: float = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(power * m for m in (1.0, 2.0, 5.0, 10.0) if power * m >= value * 0.999)


def _clock(at: float) -> str:
    return f"{at:g} s" if at < 120 else f"{int(at) // 60}:{int(at) % 60:02d}"


def bins_of(timeline: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The columns of a timeline as one value for each bin."""
    names = ("at", "rate", "ok", "fail", "unknown", "p50", "p99", "worst")
    return [dict(zip(names, each, strict=True)) for each in zip(*(timeline[n] for n in names), strict=True)]


def wider(timeline: Mapping[str, Any]) -> tuple[float, list[dict[str, Any]]]:
    """Bins put together until they are few: counts added, the worst kept, percentiles by their largest."""
    step, bins = timeline["width"], bins_of(timeline)
    factor = math.ceil(len(bins) / MOST_BINS) or 1
    groups = [bins[n : n + factor] for n in range(0, len(bins), factor)]
    return step * factor, [_together(group) for group in groups]


def _together(group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"at": group[0]["at"], "rate": sum(each["rate"] for each in group) / len(group)}
    out |= {name: sum(each[name] for each in group) for name in ("ok", "fail", "unknown")}
    for name in ("p50", "p99", "worst"):
        out[name] = max((each[name] for each in group if each[name] is not None), default=None)
    return out


def loaded_until(claim: Mapping[str, Any]) -> float:
    """When the final reading began: it is no load, and its burst would flatten what is."""
    return min((each["began"] for each in claim["phases"] if each["name"] == FINAL), default=math.inf)


def highest_rate(bins: list[dict[str, Any]], until: float) -> float:
    """Of the bins under load, or of all where none is."""
    return max((each["rate"] for each in bins if each["at"] < until), default=0.0) or max(
        (each["rate"] for each in bins), default=0.0
    )


def rate_panel(
    bins: list[dict[str, Any]], step: float, scale: Scale, top: float, *, until: float = math.inf
) -> Panel:
    """
    Operations due in each bin, a second; those that failed or are unknown in front.

    The axis is as high as the load; what is more than that after ``until`` is cut off at its top.
    """
    most = highest_rate(bins, until) or 1.0
    unit = nice(most / 3)
    highest = unit * math.ceil(most * HEADROOM / unit)

    def y(rate: float) -> float:
        return round(top + RATE_HEIGHT * (1 - min(rate / highest, 1.0)), 1)

    bars: dict[str, list[str]] = {"fail": [], "unknown": []}
    for each in bins:
        base = y(0)
        for kind in bars:
            if each[kind]:
                tall = min(max(RATE_HEIGHT * each[kind] / step / highest, LEAST_BAR), base - top)
                x, right = scale.x(each["at"]), scale.x(each["at"] + step)
                bars[kind].append(f"M{x} {base:.1f}V{base - tall:.1f}H{right}V{base:.1f}Z")
                base -= tall
    outline = "".join(f"V{y(e['rate'])}H{scale.x(e['at'] + step)}" for e in bins)
    area = f"M{scale.x(bins[0]['at'])} {y(0)}{outline}V{y(0)}Z"
    ticks = [Tick(y(n * unit), f"{n * unit:,.4g}") for n in range(round(highest / unit) + 1)]
    return Panel(
        top, RATE_HEIGHT, ticks, {"all": area, **{kind: "".join(parts) for kind, parts in bars.items()}}
    )


def latency_panel(bins: list[dict[str, Any]], step: float, scale: Scale, top: float) -> Panel:
    """Percentiles of each bin; logarithmic when the slowest would otherwise flatten the usual."""
    worst = [each["worst"] for each in bins if each["worst"]]
    usual = sorted(each["p50"] for each in bins if each["p50"]) or [0.001]
    y, ticks = _vertical(max(worst, default=0.001), usual[len(usual) // 2], min(usual), top)
    paths = {
        name: _curve([(scale.x(e["at"] + step / 2), None if not e[name] else y(e[name])) for e in bins])
        for name in ("worst", "p99", "p50")
    }
    marks = {
        kind: [scale.x(each["at"] + step / 2) for each in bins if each[kind]] for kind in ("fail", "unknown")
    }
    return Panel(top, LATENCY_HEIGHT, ticks, paths, marks)


def _vertical(
    most: float, usual: float, least: float, top: float
) -> tuple[Callable[[float], float], list[Tick]]:
    if most / usual < LOG_FROM:
        unit = nice(most / 4)
        highest = unit * math.ceil(most / unit - 1e-9)
        ticks = [n * unit for n in range(round(highest / unit) + 1)]
        return (lambda v: _at(v / highest, top)), [Tick(_at(t / highest, top), _short(t)) for t in ticks]
    low, high = 1 / nice(1 / least), nice(most)
    span = math.log10(high / low)
    decades = [10.0**n for n in range(math.ceil(math.log10(low)), math.floor(math.log10(high) + 1e-9) + 1)]

    def y(value: float) -> float:
        return _at(math.log10(max(value, low) / low) / span, top)

    return y, [Tick(y(each), _short(each)) for each in decades]


def _at(share: float, top: float) -> float:
    return round(top + LATENCY_HEIGHT * (1 - min(max(share, 0.0), 1.0)), 1)


def _short(seconds: float) -> str:
    """As an axis says it: ``0``, ``10 ms``, ``2.5 s``."""
    if seconds == 0:
        return "0"
    return f"{seconds:.3g} s" if seconds >= 0.9995 else f"{seconds * 1000:.3g} ms"


def _curve(points: Iterable[tuple[float, float | None]]) -> str:
    """A line that is interrupted where nothing is known; a lone point is a short dash."""
    out, open_ = [], False
    for x, y in points:
        if y is None:
            open_ = False
            continue
        out.append(f"L{x} {y}" if open_ else f"M{x} {y}h0.1")
        open_ = True
    return "".join(out)
