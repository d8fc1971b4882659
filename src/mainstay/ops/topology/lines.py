"""On which line of a TOML text a key stands: tomllib does not say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

from mainstay.base.shapes import join_path

_LONGEST_STATEMENT = 300
"""Lines after which a value is given up on: each further line means parsing all of them again."""


def find_line(lines: Mapping[str, int], path: str) -> int | None:
    """The line of a key, or of the nearest table or list that holds it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None


def key_lines(text: str) -> dict[str, int]:
    """Dotted key paths and their lines, from 1, for a text that is known to be TOML."""
    lines: dict[str, int] = {}
    header = ""
    for number, statement, tree in _statements(text):
        is_header = statement.lstrip().startswith("[")
        base = "" if is_header else header
        for path in _paths(tree, base):
            lines.setdefault(path, number)
            header = path if is_header else header
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Line number, text and meaning of each header and assignment; a value may span lines."""
    held, first = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        first = first if held else number
        held += line + "\n"
        try:
            tree = tomllib.loads(held)
        except tomllib.TOMLDecodeError:
            if number - first > _LONGEST_STATEMENT:
                return
            continue
        if tree:
            yield first, held, tree
        held = ""


def _paths(tree: object, base: str) -> Iterator[str]:
    """The paths of a tree, outer ones first."""
    if isinstance(tree, Mapping):
        for name, inner in tree.items():
            path = join_path(base, str(name))
            yield path
            yield from _paths(inner, path)
