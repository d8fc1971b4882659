"""
A poster for every event, drawn by arithmetic: no picture has to be stored, loaded or licensed.

Each kind of event has its own drawing; the event's number picks the colors and the
details. Shapes are plain attributes, so a strict content security policy lets them pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 320, 200

Colors = tuple[str, str, str, str]

PALETTES: tuple[Colors, ...] = (
    ("#1d2a4d", "#e8b04a", "#d9573f", "#f4e7d0"),
    ("#3b1f3f", "#f2826a", "#f6c667", "#fbe9dc"),
    ("#0f3d3e", "#e2dcc8", "#e07a3f", "#7fb7a3"),
    ("#7a1f2b", "#f3d9b1", "#e86a4f", "#2b1a1e"),
    ("#22223b", "#9a8fd0", "#f2c14e", "#f7eaea"),
    ("#134074", "#8dc6e8", "#f6f4d2", "#ee6c4d"),
    ("#2d3a1f", "#dbe6a0", "#e9a03b", "#8fae5d"),
)


@lru_cache(maxsize=1024)
def draw(number: int, kind: str) -> SafeString:
    """The poster of an event as an ``svg`` element; decoration, so hidden from screen readers."""
    colors = PALETTES[number * 3 % len(PALETTES)]
    shapes = "".join(DRAWINGS.get(kind, lines)(number, colors))
    return mark_safe(  # noqa: S308 - numbers and constants only
        f'<svg class="poster" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice" '
        f'aria-hidden="true" focusable="false"><rect width="{WIDTH}" height="{HEIGHT}" fill="{colors[0]}"/>'
        f"{shapes}</svg>"
    )


def lines(number: int, colors: Colors) -> Iterator[str]:
    """Strings that swing: a staff of sine curves in front of a sun."""
    yield circle(90 + number * 37 % 150, 84, 46, colors[2])
    for index in range(9):
        amplitude = 10 + (index * 7 + number * 5) % 22
        shift = number * 0.7 + index * 0.45
        points = " ".join(
            f"{x},{58 + index * 13 + amplitude * math.sin(x / 46 + shift):.1f}"
            for x in range(0, WIDTH + 16, 8)
        )
        color = colors[1] if index % 3 else colors[3]
        yield f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{1.4 + index % 3 * 0.9}"/>'


def curtain(number: int, colors: Colors) -> Iterator[str]:
    """Folds of a curtain, drawn aside from a moonlit stage."""
    yield f'<rect y="150" width="{WIDTH}" height="50" fill="{colors[1]}" opacity="0.25"/>'
    yield circle(160 + number * 23 % 60 - 30, 86, 40, colors[1])
    yield circle(174 + number * 23 % 60 - 30, 78, 36, colors[0])
    for side in (0, 1):
        for fold in range(6):
            width = 24 - fold * 2
            x = fold * 19 if side == 0 else WIDTH - fold * 19 - width
            drop = 200 - fold * fold * (3 + number % 3)
            color = colors[2] if fold % 2 else colors[3]
            yield (
                f'<path d="M{x} 0h{width}v{drop - 24}q{-width / 2} 26 {-width} 10z" fill="{color}" '
                f'opacity="{0.95 - fold * 0.06:.2f}"/>'
            )


def rays(number: int, colors: Colors) -> Iterator[str]:
    """Beams from the back of a stage over a skyline of heads."""
    center = 110 + number * 41 % 110
    for index in range(15):
        angle = math.pi * (index + 0.5) / 15
        x, y = center - 340 * math.cos(angle), 150 - 340 * math.sin(angle)
        x2, y2 = center - 340 * math.cos(angle + 0.1), 150 - 340 * math.sin(angle + 0.1)
        color = colors[1] if index % 2 else colors[2]
        yield f'<path d="M{center} 150L{x:.0f} {y:.0f}L{x2:.0f} {y2:.0f}z" fill="{color}" opacity="0.85"/>'
    yield circle(center, 150, 26, colors[3])
    for index in range(15):
        yield circle(index * 23 + number % 7, 196 + (index * 29 + number * 3) % 12, 17, "#0c0a0c")


def blocks(number: int, colors: Colors) -> Iterator[str]:
    """Paper cut-outs as on a record sleeve of 1959."""
    for index in range(11):
        x, y = (index * 67 + number * 31) % 290, (index * 43 + number * 17) % 150
        color = colors[1 + (index + number) % 3]
        if index % 3 == 0:
            yield circle(x + 20, y + 24, 16 + index * 2, color, 0.92)
        else:
            wide, high = (26, 92) if index % 2 else (74, 18)
            turn = (index * 13 + number * 7) % 30 - 15
            yield (
                f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" rx="2" fill="{color}" opacity="0.92" '
                f'transform="rotate({turn} {x} {y})"/>'
            )


def contours(number: int, colors: Colors) -> Iterator[str]:
    """Height lines of a country that is not there."""
    cx, cy = 100 + number * 29 % 120, 100
    for ring in range(13, 0, -1):
        points = []
        for step in range(0, 360, 12):
            angle = math.radians(step)
            swell = 1 + 0.22 * math.sin(3 * angle + number) + 0.12 * math.sin(5 * angle + ring * 0.35)
            points.append(
                f"{cx + ring * 15 * swell * math.cos(angle):.1f},{cy + ring * 11 * swell * math.sin(angle):.1f}"
            )
        fill = colors[2] if ring == 3 else "none"
        color = colors[1] if ring % 4 else colors[3]
        yield (
            f'<polygon points="{" ".join(points)}" fill="{fill}" stroke="{color}" '
            f'stroke-width="{2.6 if ring % 4 == 0 else 1.2}"/>'
        )


def big_top(number: int, colors: Colors) -> Iterator[str]:
    """Stripes that meet in a point above a scatter of light."""
    peak = 130 + number * 19 % 60
    for index in range(12):
        color = colors[1] if index % 2 else colors[2]
        left, right = index * 34 - 44, index * 34 - 10
        yield f'<path d="M{peak} 14L{left} 150q17 16 34 0L{right} 150z" fill="{color}"/>'
    for index in range(26):
        x, y = (index * 71 + number * 13) % WIDTH, (index * 37 + number * 7) % HEIGHT
        yield circle(x, y, 1.2 + index % 3, colors[3])


def fan(number: int, colors: Colors) -> Iterator[str]:
    """An open fan before a dotted cloth, as a dancer holds it up."""
    for index in range(40):
        yield circle(index % 8 * 44 + index // 8 % 2 * 22, index // 8 * 46 + 8, 6, colors[2], 0.28)
    x, y = 150 + number * 11 % 24, 186
    for index in range(13):
        corners = (*around(x, y, 150, 172 - index * 12.6), *around(x, y, 150, 160.4 - index * 12.6))
        color = colors[3] if index % 2 else colors[1]
        yield '<path d="M{} {}L{:.0f} {:.0f}A150 150 0 0 1 {:.0f} {:.0f}z" fill="{}"/>'.format(
            x, y, *corners, color
        )
    for index in range(14):
        rib = (*around(x, y, 40, 172 - index * 12.6), *around(x, y, 146, 172 - index * 12.6))
        yield '<path d="M{:.0f} {:.0f}L{:.0f} {:.0f}" stroke="{}" stroke-width="2"/>'.format(*rib, colors[0])
    yield f'<path d="M{x - 34} {y}A34 34 0 0 1 {x + 34} {y}z" fill="{colors[0]}"/>'
    yield circle(x, y, 12, colors[2])


def around(x: float, y: float, radius: float, degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return x + radius * math.cos(angle), y - radius * math.sin(angle)


def show(number: int, colors: Colors) -> Iterator[str]:
    """Under canvas or on a wooden floor, in turn: among the evenings written by hand there is one of each."""
    return (fan if number % 4 == 3 else big_top)(number, colors)


def circle(x: float, y: float, radius: float, color: str, opacity: float = 1) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{color}" opacity="{opacity}"/>'


DRAWINGS: dict[str, Callable[[int, Colors], Iterator[str]]] = {
    "classical": lines,
    "theatre": curtain,
    "rock": rays,
    "jazz": blocks,
    "electronic": contours,
    "show": show,
}
