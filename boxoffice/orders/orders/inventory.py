"""
The seats of every event by arithmetic: which rows there are, how long they are, what they cost.

The catalogue carries the same description, so that both services can be filled alone
and still speak of the same seats: seat ids are ``event * 1000 + place``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SEATS_PER_EVENT = 1000
"""Room for ids; no layout has as many."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one section: their names, the seats of the first row, the growth per row, the price factor in percent."""

    section: str
    rows: tuple[str, ...]
    first: int
    growth: int
    factor: int


def single(last: str) -> tuple[str, ...]:
    return tuple(chr(code) for code in range(ord("A"), ord(last) + 1))


def double(last: str) -> tuple[str, ...]:
    return tuple(letter * 2 for letter in single(last))


LAYOUTS: tuple[tuple[Block, ...], ...] = (
    (Block("Stalls", single("N"), 18, 1, 100), Block("Circle", double("F"), 28, 0, 70)),  # concert hall, 511
    (Block("Parterre", single("J"), 14, 1, 100), Block("Gallery", double("D"), 24, 0, 60)),  # theatre, 281
    (Block("Floor", single("R"), 24, 1, 80), Block("Tribune", double("H"), 36, 0, 100)),  # arena, 873
    (Block("Tables", single("H"), 10, 0, 120), Block("Balcony", double("C"), 16, 0, 75)),  # club, 128
)
VENUES = (0, 1, 2, 3, 0, 2)
"""The layout of each venue; event ``n`` takes place in venue ``(n - 1) % 6``."""


@dataclass(frozen=True, slots=True)
class Place:
    id: int
    section: str
    row: str
    number: int
    price: int


def price_of(event: int, factor: int) -> int:
    """In cents, a multiple of 50."""
    base = 2400 + (event * 1700) % 7300
    return base * factor // 100 // 50 * 50


def places(event: int) -> Iterator[Place]:
    """Every seat of an event, front to back."""
    seat = event * SEATS_PER_EVENT
    for block in LAYOUTS[VENUES[(event - 1) % len(VENUES)]]:
        price = price_of(event, block.factor)
        for index, row in enumerate(block.rows):
            for number in range(1, block.first + index * block.growth + 1):
                yield Place(seat, block.section, row, number, price)
                seat += 1
