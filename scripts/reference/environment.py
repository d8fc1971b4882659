"""Names on the wire between Mainstay and a process, from the module in which they stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.base import wire
from scripts.reference.text import code, prose, table

HEAD = """\
# Environment, headers and paths

Mainstay and a Django process know each other by these names alone. The variables are set for every process
that Mainstay starts; `mainstay.settings` reads them, and a project with settings of its own can read them
just as well.
"""
SECTION = re.compile(r"# --- (.+?) -+$")


@dataclass(frozen=True)
class Name:
    constant: str
    value: str
    about: str


def page() -> str:
    parts = [HEAD]
    for title, names in sections():
        rows = [(code(name.value), name.about) for name in names]
        parts.append(f"## {title[0].upper()}{title[1:]}\n\n{table(('name', 'meaning'), rows)}\n")
    parts.append(
        f"Another service is called at the address in {code(wire.service_url('NAME'))}, one per `calls`.\n"
    )
    return "\n".join(parts)


def sections() -> Iterator[tuple[str, list[Name]]]:
    """The names under each heading comment of the module, in order; headings without any are left out."""
    source = Path(wire.__file__).read_text()
    names = _names(source)
    starts = [
        (number, match[1])
        for number, line in enumerate(source.splitlines(), 1)
        if (match := SECTION.match(line))
    ]
    ends = [number for number, _ in starts[1:]] + [len(source)]
    for (start, title), end in zip(starts, ends, strict=True):
        inside = [name for line, name in names if start < line < end]
        if inside:
            yield title, inside


def _names(source: str) -> list[tuple[int, Name]]:
    body = ast.parse(source).body
    found = []
    for statement, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        match statement:
            case ast.Assign(targets=[ast.Name(id=constant)], value=ast.Constant(value=str(value))):
                found.append((statement.lineno, Name(constant, value, _about(following))))
    return found


def _about(following: ast.stmt) -> str:
    match following:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return prose(text).replace("\n", " ")
    return ""
