"""
The picture of a claim, as places on a drawing: rate, latency and processes on one axis of time.

Nothing is drawn here. Values in, geometry out; the template turns it into SVG, which
needs no script, prints sharply and can be read aloud by its title and description.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mainstay.base.units import plural
from mainstay.ops.prove.evidence.panels import (
    WIDTH,
    Panel,
    Scale,
    Tick,
    bins_of,
    latency_panel,
    loaded_until,
    rate_panel,
    wider,
)
from mainstay.ops.prove.evidence.phrases import rate_text, seconds_text

LANE, LANE_GAP = 17.0, 5.0
LABEL = 15.0
"""Height of one row of fault labels."""
CHARACTER = 6.3
"""Width of an average character of the labels; wide enough for every system font that was tried."""
MOST_LANES = 20
MOST_LABELS = 20
"""Strikes that are each named in the picture; a soak has hundreds."""


@dataclass(frozen=True, slots=True)
class Stripe:
    """Something with a begin and an end on the axis of time."""

    x: float
    width: float
    text: str
    row: int = 0
    kind: str = ""
    title: str = ""
    anchor: str = "start"
    text_x: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One process."""

    name: str
    y: float
    stripes: list[Stripe]


@dataclass(frozen=True, slots=True)
class Chart:
    """All of it; heights and widths in units of the drawing."""

    height: float
    ticks: list[Tick]
    axis: float
    phases: list[Stripe]
    faults: list[Stripe]
    faults_top: float
    recovered: list[Tick]
    rate: Panel
    latency: Panel
    lanes: list[Row]
    left_out: int
    """Processes that changed too, and for which there was no room."""
    lanes_top: float
    steady: list[str]
    """Processes that were ready all the time."""
    description: str
    bins: list[list[float | None]]
    """at, rate, fail, unknown, p50, p99, worst of each point, for whoever points at it."""
    seconds: float
    step: float


def chart(claim: Mapping[str, Any]) -> Chart | None:
    """The picture of a claim; none when no load was seen."""
    step, bins = wider(claim["timeline"])
    end: float = max([claim["seconds"], *(each["at"] + step for each in bins)])
    if not bins or end <= 0:
        return None
    scale = Scale(end)
    faults = _faults(claim, scale)
    faults_top = 20.0
    top = faults_top + LABEL * (max((each.row for each in faults), default=-1) + 1) + 18
    rate = rate_panel(bins, step, scale, top, until=loaded_until(claim))
    latency = latency_panel(bins, step, scale, rate.bottom + 34)
    lanes_top = latency.bottom + 16
    changed, steady = _split(claim["processes"])
    drawn = enumerate(changed[:MOST_LANES])
    rows = [_row(lane, scale, lanes_top + n * (LANE + LANE_GAP)) for n, lane in drawn]
    axis = lanes_top + len(rows) * (LANE + LANE_GAP) + 4
    return Chart(
        height=axis + 22,
        ticks=scale.ticks(),
        axis=axis,
        phases=_phases(claim["phases"], scale),
        faults=faults,
        faults_top=faults_top,
        recovered=_recovered(claim, scale),
        rate=rate,
        latency=latency,
        lanes=rows,
        left_out=len(changed) - len(rows),
        lanes_top=lanes_top,
        steady=steady,
        description=description(claim),
        bins=[
            [each[name] for name in ("at", "rate", "fail", "unknown", "p50", "p99", "worst")] for each in bins
        ],
        seconds=end,
        step=step,
    )


def _phases(phases: list[dict[str, Any]], scale: Scale) -> list[Stripe]:
    return [
        Stripe(x, round(right - x, 1), _fitting(each["name"], right - x))
        for each in phases
        for x, right in [(scale.x(each["began"]), scale.x(each["ended"]))]
    ]


def _faults(claim: Mapping[str, Any], scale: Scale) -> list[Stripe]:
    """
    Bands of what was done, each with a label in the first row that is free there.

    Where there are more than `MOST_LABELS`, everything that was done alike has a row, and its first a label.
    """
    if len(claim["bites"]) > MOST_LABELS:
        return _many_faults(claim["bites"], scale)
    free: list[float] = []
    out = []
    for bite in sorted(claim["bites"], key=lambda each: each["began"]):
        x, right = scale.x(bite["began"]), scale.x(bite["ended"])
        text = _cut(bite["text"] + ("" if bite["bit"] else " (did not bite)"), 60)
        room = len(text) * CHARACTER + 12
        flip = x + room > WIDTH - 2
        begin = right - room if flip else x
        row = next((n for n, edge in enumerate(free) if edge <= begin), len(free))
        free[row : row + 1] = [x + room if not flip else right]
        kind = "bit" if bite["bit"] else "missed"
        title = f"{bite['text']}, {span_text(bite)}: {bite['what']}"
        side = ("end", max(right - 5, x)) if flip else ("start", x + 5)
        out.append(
            Stripe(x, max(round(right - x, 1), 2.0), text, row, kind, title, side[0], round(side[1], 1))
        )
    return out


def _many_faults(bites: Sequence[Mapping[str, Any]], scale: Scale) -> list[Stripe]:
    rows: dict[str, int] = {}
    out = []
    for bite in sorted(bites, key=lambda each: each["began"]):
        first = bite["text"] not in rows
        row = rows.setdefault(bite["text"], len(rows))
        x, right = scale.x(bite["began"]), scale.x(bite["ended"])
        text = _cut(bite["text"], 60) if first else ""
        kind = "bit" if bite["bit"] else "missed"
        title = f"{bite['text']}, {span_text(bite)}: {bite['what']}"
        out.append(Stripe(x, max(round(right - x, 1), 2.0), text, row, kind, title, "start", round(x + 5, 1)))
    return out


def span_text(bite: Mapping[str, Any]) -> str:
    """``at 4.00 s``, ``from 4.00 s to 7.00 s``."""
    if bite["ended"] - bite["began"] < 0.05:
        return f"at {bite['began']:.2f} s"
    return f"from {bite['began']:.2f} s to {bite['ended']:.2f} s"


def _recovered(claim: Mapping[str, Any], scale: Scale) -> list[Tick]:
    """Where the last failure was over that the claim's recovery counts to."""
    at = claim["recovered"]
    return (
        []
        if at is None
        else [Tick(scale.x(at), f"recovered after {seconds_text(claim['figures']['recovery'])}")]
    )


def _split(processes: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Processes that changed, and the names of those that were ready all the time."""
    through = {each["name"]: each["bands"][0]["state"] for each in processes if len(each["bands"]) == 1}
    steady = [name for name, state in through.items() if state == "ready"]
    # What was stopped all the time is one that an earlier claim had replaced.
    changed = [each for each in processes if through.get(each["name"]) not in ("ready", "stopped")]
    return changed, steady


def _row(lane: dict[str, Any], scale: Scale, y: float) -> Row:
    return Row(_cut(lane["name"], 19), y, list(_stripes(lane, scale)))


def _stripes(lane: dict[str, Any], scale: Scale) -> Iterator[Stripe]:
    for band in lane["bands"]:
        x, right = scale.x(band["began"]), scale.x(band["ended"])
        words = f"{band['state']} {band['role']}".strip()
        shown = band["role"] if band["state"] == "ready" and band["role"] else band["state"]
        kind = band["state"] + (f" {band['role']}" if band["role"] else "")
        why = f": {band['why']}" if band["why"] else ""
        title = f"{lane['name']} {words}, {span_text(band)}{why}"
        yield Stripe(x, max(round(right - x, 1), 1.5), _fitting(shown, right - x), 0, kind, title)


def _fitting(text: str, width: float) -> str:
    return text if len(text) * CHARACTER + 8 <= width else ""


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def description(claim: Mapping[str, Any]) -> str:
    """What the picture shows, for those who do not see it."""
    bins, operations, width = bins_of(claim["timeline"]), claim["operations"], claim["timeline"]["width"]
    rates = sorted(each["rate"] for each in bins if each["rate"])
    slowest = max((each for each in bins if each["worst"]), key=lambda each: each["worst"], default=None)
    parts = [f"{plural(operations['all'], 'operation')} in {seconds_text(claim['seconds'])}"]
    if rates:
        parts.append(f"usually {rate_text(rates[len(rates) // 2])}")
    for kind, word in (("fail", "failed"), ("unknown", "unknown")):
        hit = [each["at"] for each in bins if each[kind]]
        if hit:
            parts.append(f"{operations[kind]:,} {word} between {min(hit):.2f} s and {max(hit) + width:.2f} s")
    if slowest is not None:
        parts.append(f"the slowest took {seconds_text(slowest['worst'])} at {slowest['at']:.2f} s")
    if len(claim["bites"]) > MOST_LABELS:
        times = Counter(bite["text"] for bite in claim["bites"])
        parts += [f"{text} {count} times" if count > 1 else text for text, count in times.items()]
    else:
        parts += [f"{bite['text']} {span_text(bite)}" for bite in claim["bites"]]
    parts += [_story(lane) for lane in claim["processes"] if len(lane["bands"]) > 1][:MOST_LANES]
    return "; ".join(parts) + "."


def _story(lane: dict[str, Any]) -> str:
    words = [
        f"{band['state']} {band['role']}".strip() + f" from {band['began']:.2f} s" for band in lane["bands"]
    ]
    return f"{lane['name']} {', '.join(words)}"
