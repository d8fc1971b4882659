"""Pieces of Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

ROLE = re.compile(r"``([^`]+)``")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars inside of cells are kept apart from those between them."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def heading(level: int, title: str, anchor: str) -> str:
    """
    A heading that links find under a name of its own.

    An element of HTML, not ``{ #name }``, which is an extension: the site knows it, a code host shows it as text.
    """
    return f'<a id="{anchor}"></a>\n\n{"#" * level} {title}'


def code(text: object) -> str:
    return f"`{text}`"


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: single backquotes, `Args:` and `Raises:` as lists, examples as blocks."""
    lines = ROLE.sub(r"`\1`", inspect.cleandoc(docstring or "")).replace("::\n", ":\n").splitlines()
    return "\n".join(_lines(lines)).strip()


def _lines(lines: list[str]) -> Iterable[str]:
    listing = False
    for line in lines:
        if line in ("Args:", "Raises:", "Returns:"):
            listing = True
            yield f"{line.removesuffix(':')}:\n"
        elif listing and line.startswith("    "):
            name, colon, rest = line.strip().partition(": ")
            yield f"- `{name}`: {rest}" if colon and not line.startswith("     ") else f"  {line.strip()}"
        else:
            listing = listing and not line
            yield line
