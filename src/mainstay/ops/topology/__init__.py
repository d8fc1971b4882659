"""
``mainstay.toml`` → frozen values.

The doors: `load` finds, reads and checks a file; `plan` spells out what it means;
`json_schema` is for editors. Everything else in this package is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mainstay.base.errors import InvalidInput, Problem
from mainstay.base.schema import Default, read
from mainstay.base.schema import json_schema as _json_schema
from mainstay.base.shapes import Json, Spot
from mainstay.ops.topology.case import Case
from mainstay.ops.topology.check import check
from mainstay.ops.topology.declaration import Declaration
from mainstay.ops.topology.lines import find_line, key_lines
from mainstay.ops.topology.load import TABLE, Source, find, locate
from mainstay.ops.topology.plan import Plan, plan
from mainstay.ops.topology.resolve import resolve
from mainstay.ops.topology.values import Topology

AREA = "topology"


def load(path: Path | None = None) -> Topology:
    """
    The system that a file declares, with every default filled in.

    Args:
        path: The file, or its folder; ``None`` looks upward from the current folder.

    Raises:
        InvalidInput: With every problem of the file at once, or the one that kept it from being read.
    """
    return understand(find(path))


def understand(source: Source) -> Topology:
    """
    Read, resolve and check a declaration that was found.

    Raises:
        InvalidInput: With every problem of it at once.
    """
    reading = read(Declaration, source.content, where=source.where, area=AREA, path=source.table)
    if reading.value is None:
        raise InvalidInput(_placed(source, reading.problems))
    spot = Spot(source.where, AREA, source.table)
    topology = resolve(reading.value, source.file, spot)
    prefix = len(source.table) + 1 if source.table else 0
    unread = tuple(problem.path[prefix:] for problem in reading.problems)
    case = Case(reading.value, topology, spot, _service_names(source), unread)
    check(case)
    problems = (*reading.problems, *spot.problems)
    if problems:
        raise InvalidInput(_placed(source, problems))
    return replace(topology, defaults=(*reading.defaults, *(Default(*each) for each in spot.defaults)))


def json_schema() -> Json:
    """The declaration as JSON Schema (draft 2020-12), for editors."""
    about = (
        f"What Mainstay runs: a Django project, its services and engines. Also [{TABLE}] in pyproject.toml."
    )
    return _json_schema(Declaration, title="mainstay.toml", about=about)


def _placed(source: Source, problems: Iterable[Problem]) -> list[Problem]:
    """The problems with their lines, in the order of the file."""
    lines = key_lines(source.text)
    found = [(find_line(lines, problem.path), problem) for problem in problems]
    found.sort(key=lambda pair: pair[0] or 0)
    return [replace(each, where=f"{each.where}:{line}") if line else each for line, each in found]


def _service_names(source: Source) -> Collection[str]:
    tables = source.content.get("service") if isinstance(source.content, Mapping) else None
    return [str(name) for name in tables] if isinstance(tables, Mapping) else []


__all__ = ["Plan", "Topology", "json_schema", "load", "locate", "plan", "understand"]
