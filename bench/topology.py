"""What reading a whole declaration costs beside parsing its TOML alone; every command pays it once."""

from __future__ import annotations

import tomllib
from pathlib import Path

from bench.frame import Comparison
from mainstay.ops.topology import load

FILE = Path(__file__).resolve().parent.parent / "boxoffice" / "mainstay.toml"


def comparisons() -> list[Comparison]:
    return [
        Comparison(
            "load boxoffice/mainstay.toml", "file", "tomllib", _parse, "mainstay.ops.topology.load", _load
        )
    ]


def _parse(count: int) -> None:
    for _ in range(count):
        tomllib.loads(FILE.read_text())


def _load(count: int) -> None:
    for _ in range(count):
        load(FILE)
