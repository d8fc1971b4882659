"""
``mainstay.toml`` → frozen values.

The doors: `load` finds, reads and checks a file, `examine` does so and goes on; `plan` spells out
what it means; `json_schema` is for editors. Everything else in this package is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mainstay.base.errors import InvalidInput, Problem
from mainstay.base.schema import Default, read
from mainstay.base.schema import json_schema as _json_schema
from mainstay.base.shapes import Json, Spot
from mainstay.ops.topology.case import Case
from mainstay.ops.topology.check import check
from mainstay.ops.topology.declaration import Declaration
from mainstay.ops.topology.declaration.prove import FAULTS, HOLDS, JOURNEYS, ClaimTable
from mainstay.ops.topology.lines import find_line, key_lines
from mainstay.ops.topology.load import TABLE, Source, find, locate
from mainstay.ops.topology.plan import Plan, plan
from mainstay.ops.topology.resolve import resolve, resolve_claim
from mainstay.ops.topology.values import DeclaredClaim, Topology

AREA = "topology"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file declares as far as it can be told, and every problem of it. Paths are relative to the declaration."""

    topology: Topology
    """
    Where there are problems, only good for finding more of them: what could not be read is at its default, and a
    claim without a name that can be read is called by its number.
    """
    problems: tuple[Problem, ...]
    wrong: tuple[str, ...]
    """Where the problems are."""
    unread: tuple[str, ...]
    """Where of these a value could not be read."""


def load(path: Path | None = None) -> Topology:
    """
    The system that a file declares, with every default filled in.

    Args:
        path: The file, or its folder; ``None`` looks upward from the current folder.

    Raises:
        InvalidInput: With every problem of the file at once, or the one that kept it from being read.
    """
    return understand(find(path))


def examine(path: Path | None = None) -> Examined:
    """
    As `load`, and goes on where the file has problems, for who finds more of them in it.

    Raises:
        InvalidInput: The file is none, or so wrong that nothing can be said of the rest.
    """
    return _examined(find(path))


def understand(source: Source) -> Topology:
    """
    Read, resolve and check a declaration that was found.

    Raises:
        InvalidInput: With every problem of it at once.
    """
    found = _examined(source)
    if found.problems:
        raise InvalidInput(found.problems)
    return found.topology


def _examined(source: Source) -> Examined:
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
    topology = replace(topology, defaults=(*reading.defaults, *(Default(*each) for each in spot.defaults)))
    return Examined(
        _numbered(topology, _written_claims(source)) if problems else topology,
        tuple(_placed(source, problems)),
        tuple(problem.path[prefix:] for problem in problems),
        unread,
    )


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


def _written_claims(source: Source) -> tuple[object, ...]:
    table = source.content.get("prove") if isinstance(source.content, Mapping) else None
    claims = table.get("claim") if isinstance(table, Mapping) else None
    return tuple(claims) if isinstance(claims, list) else ()


def _numbered(topology: Topology, written: Iterable[object]) -> Topology:
    """Each claim at its place in the file; those that could not be read as far as they can be."""
    left = list(topology.prove.claims)
    claims = []
    for position, each in enumerate(written):
        name = each.get("name") if isinstance(each, Mapping) else None
        if left and left[0].name == name:
            claims.append(replace(left.pop(0), position=position, places=_places(each)))
        elif isinstance(each, Mapping) and (unread := _anyway(each, position)):
            claims.append(unread)
    return replace(topology, prove=replace(topology.prove, claims=(*claims, *left)))


def _anyway(written: Mapping[str, object], position: int) -> DeclaredClaim | None:
    """A claim without a name or rules that can be read, with all that can: its faults may be wrong as well."""
    held = written.get("holds")
    texts = [text for text in held if isinstance(text, str)] if isinstance(held, list) else []
    table = {**written, "name": "unread", "holds": texts or ["errors = 0"]}
    reading = read(ClaimTable, table, where="", area=AREA)
    # Called as no other can be, as claims are found by their names.
    if reading.value is None:
        return None
    return replace(resolve_claim(reading.value, position), name=f"#{position}", places=_places(written))


def _places(written: object) -> dict[str, tuple[int, ...]]:
    lists = {"faults": FAULTS, "holds": HOLDS, "journeys": JOURNEYS}
    return (
        {name: shape.places(written.get(name)) for name, shape in lists.items()}
        if isinstance(written, Mapping)
        else {}
    )


def _service_names(source: Source) -> Collection[str]:
    tables = source.content.get("service") if isinstance(source.content, Mapping) else None
    return [str(name) for name in tables] if isinstance(tables, Mapping) else []


__all__ = ["Examined", "Plan", "Topology", "examine", "json_schema", "load", "locate", "plan", "understand"]
