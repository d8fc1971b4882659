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
    header, elements = "", _Elements()
    for number, statement, tree in _statements(text):
        is_header = statement.lstrip().startswith("[")
        if is_header and statement.lstrip().startswith("[["):
            elements.append(list(_paths(tree, ""))[-1])
        for path in _paths(tree, "" if is_header else header):
            path = elements.place(path) if is_header else path
            lines.setdefault(path.rpartition("[")[0] if path.endswith("]") else path, number)
            lines.setdefault(path, number)
            header = path if is_header else header
    return lines


class _Elements:
    """The latest element of each array of tables, which headers below it mean without saying so."""

    def __init__(self) -> None:
        self._latest: dict[str, str] = {}
        self._count: dict[str, int] = {}

    def append(self, written: str) -> None:
        """``[[written]]``: one more element, in which no array below has any yet."""
        self._latest.pop(written, None)
        array = self.place(written)
        self._latest = {path: at for path, at in self._latest.items() if not path.startswith(f"{written}.")}
        self._latest[written] = f"{array}[{self._count.get(array, 0)}]"
        self._count[array] = self._count.get(array, 0) + 1

    def place(self, written: str) -> str:
        """A path as a header writes it, with the elements in it numbered."""
        around = [path for path in self._latest if written == path or written.startswith(f"{path}.")]
        nearest = max(around, key=len, default="")
        return self._latest.get(nearest, "") + written.removeprefix(nearest)


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
