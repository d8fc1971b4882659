"""Find the file and read it: the only part of this package that looks for ``mainstay.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mainstay.base.errors import InvalidInput, Problem

FILE = "mainstay.toml"
PYPROJECT = "pyproject.toml"
TABLE = "tool.mainstay"
_LARGEST_FILE = 4 * 1024 * 1024
_DEEPEST = 32
_PLACE = re.compile(r"^(?P<what>.*) \(at (?P<place>.*)\)$", re.DOTALL)
_LINE = re.compile(r"line (?P<line>\d+), column (?P<column>\d+)")


@dataclass(frozen=True, slots=True)
class Source:
    """A declaration that was found but not yet understood."""

    file: Path
    table: str
    """The dotted path of the declaration inside the file; empty for a file of its own."""
    text: str
    content: object

    @property
    def where(self) -> str:
        return shown(self.file)


def find(path: Path | None, start: Path | None = None) -> Source:
    """
    The declaration to use: the named file, else the nearest one upward from ``start``.

    In each folder ``mainstay.toml`` comes first, then a pyproject.toml that has the
    table ``[tool.mainstay]``; other pyproject files are passed over.

    Raises:
        InvalidInput: No such file, not readable, or not TOML.
    """
    if path is not None:
        return _named(path.absolute())
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if _exists(folder / FILE):
            return _own(folder / FILE)
        if _exists(folder / PYPROJECT) and (source := _inside_pyproject(folder / PYPROJECT)):
            return source
    expected = f"{FILE}, or [{TABLE}] in {PYPROJECT}, here or above"
    hint = "`mainstay init` writes one for the Django project found here"
    if below := sorted(here.glob(f"*/{FILE}")):
        hint = f"there is one below: mainstay --file {shown(below[0].parent)} …"
    raise _problem("file-missing", str(here), expected, "neither", hint)


def locate(path: Path | None, start: Path | None = None) -> Path:
    """
    Where the file is, without reading what it declares: enough to speak to a running system.

    Raises:
        InvalidInput: There is none.
    """
    try:
        return find(path, start).file
    except InvalidInput:
        here = (path or start or Path.cwd()).absolute()
        folders = (here, *here.parents) if path is None else (here, here.parent)
        for file in (folder / FILE for folder in folders):
            if file.is_file():
                return file
        raise


def shown(path: Path) -> str:
    """A path as messages name it: relative when below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _named(path: Path) -> Source:
    file = path / FILE if path.is_dir() and _exists(path / FILE) else path
    if file.name != PYPROJECT:
        return _own(file)
    source = _inside_pyproject(file)
    if source is None:
        raise _problem("file-missing", shown(file), f"the table [{TABLE}]", "no such table")
    return source


def _own(file: Path) -> Source:
    text = _text(file)
    return Source(file, "", text, _parse(file, text))


def _inside_pyproject(file: Path) -> Source | None:
    text = _text(file)
    tool = _parse(file, text).get("tool")
    if not isinstance(tool, Mapping) or "mainstay" not in tool:
        return None
    return Source(file, TABLE, text, tool["mainstay"])


def _exists(file: Path) -> bool:
    # A folder or a broken link of this name is a mistake to report, not one to walk past.
    return file.is_symlink() or file.exists()


def _text(file: Path) -> str:
    try:
        if not file.exists():
            hint = f"`mainstay init` writes a {FILE}"
            raise _problem("file-missing", shown(file), "a file", "nothing of that name", hint)
        if not file.is_file():
            raise _problem(
                "not-a-file", shown(file), "a file", "a folder" if file.is_dir() else "something else"
            )
        if file.stat().st_size > _LARGEST_FILE:
            raise _problem("file-too-large", shown(file), "at most 4 MiB", f"{file.stat().st_size} bytes")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        raise _problem("file-encoding", shown(file), "text in UTF-8", found) from None
    except OSError as error:
        raise _problem(
            "file-unreadable", shown(file), "a readable file", error.strerror or str(error)
        ) from None


def _parse(file: Path, text: str) -> dict[str, object]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(file, text, str(error)) from None
    except (RecursionError, ValueError) as error:
        raise _problem("syntax", shown(file), "TOML", str(error) or "values nested too deeply") from None
    if _is_deeper_than(content, _DEEPEST):
        raise _problem(
            "syntax", shown(file), f"at most {_DEEPEST} levels of tables", "values nested too deeply"
        )
    return content


def _is_deeper_than(content: object, levels: int) -> bool:
    """Level by level, because a dotted key can nest deeper than Python calls."""
    level = [content]
    for _ in range(levels + 1):
        level = [inner for each in level for inner in _inside(each)]
    return bool(level)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _syntax(file: Path, text: str, message: str) -> InvalidInput:
    """tomllib ends its messages with ``(at line 3, column 7)`` or ``(at end of document)``."""
    match = _PLACE.match(message)
    what, place = (match["what"], match["place"]) if match else (message, "")
    position = _LINE.match(place)
    if not position:
        return _problem("syntax", shown(file), "TOML", f"{what} ({place})" if place else what)
    line, column = int(position["line"]), int(position["column"])
    quoted = text.split("\n")[line - 1].strip()[:100]
    return _problem("syntax", f"{shown(file)}:{line}:{column}", "TOML", f"{what} in: {quoted}")


def _problem(kind: str, where: str, expected: str, found: str, hint: str = "") -> InvalidInput:
    return InvalidInput([Problem(f"topology.{kind}", where, "", expected, found, hint)])
