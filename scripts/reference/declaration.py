"""Every key of mainstay.toml, from the declaration that also reads the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from mainstay.base.containers import Either, ListOf, MapOf
from mainstay.base.schema import REQUIRED, Key, Table, keys
from mainstay.base.shapes import Shape
from mainstay.ops.topology.declaration import Declaration
from scripts.reference.text import code, table

HEAD = """\
# mainstay.toml

Every key with its type, its default and the reason for the default. The same table may stand in
`pyproject.toml` under `[tool.mainstay]`. `mainstay plan` prints what a file means with every default filled
in, and `mainstay schema` prints the JSON Schema from which an editor completes and checks it.

Durations are numbers of seconds or texts such as `"500ms"`, `"5s"`, `"2m"`; sizes are numbers of bytes or
texts such as `"10 MiB"`. An unknown key, a wrong type or a clash is an error, and all of them are reported
at once.
"""

NAMES = {"service": "NAME"}
"""What stands for the chosen name in the heading of a table that exists several times."""


def page() -> str:
    return HEAD + "\n" + "\n".join(_sections("", Declaration))


def _sections(path: str, declaration: type) -> Iterator[str]:
    known = keys(declaration)
    plain = {name: key for name, key in known.items() if _table(key.shape) is None}
    if plain:
        rows = [(code(name), key.shape.expected, _default(key), _about(key)) for name, key in plain.items()]
        yield table(("key", "type", "default", "meaning"), rows) + "\n"
    for name, key in known.items():
        inner = _table(key.shape)
        if inner is not None:
            where = ".".join(part for part in (path, name, NAMES.get(name, "")) if part)
            yield f"## `[{where}]`\n\n{key.about}\n"
            yield from _sections(where, inner)
    for name, key in plain.items():
        where = f"{path}.{name}" if path else name
        for inner in _alternatives(key.shape):
            yield f"### `{where}.KIND` as a table\n"
            yield from _sections(where, inner)
        for inner in _items(key.shape):
            yield f"### Each `[[{where}]]`\n\n{key.about}\n"
            yield from _sections(where, inner)


def _table(shape: Shape[object]) -> type | None:
    """The declaration behind a table or a map of tables."""
    if isinstance(shape, MapOf):
        shape = shape.value
    return shape.declaration if isinstance(shape, Table) else None


def _alternatives(shape: Shape[object]) -> list[type]:
    value = shape.value if isinstance(shape, MapOf) else shape
    shapes = value.shapes if isinstance(value, Either) else ()
    return [each.declaration for each in shapes if isinstance(each, Table)]


def _items(shape: Shape[object]) -> list[type]:
    """The declaration behind a list of tables."""
    item = shape.item if isinstance(shape, ListOf) else None
    return [item.declaration] if isinstance(item, Table) else []


def _default(key: Key) -> str:
    if key.default is REQUIRED:
        return "required"
    if key.default is None or dataclasses.is_dataclass(key.default):
        return key.because or "—"
    shown = key.shape.show(key.default) if key.default not in ((), {}) else ""
    value = code(shown) if shown not in ("", "—", "none") else "none"
    return f"{value}: {key.because}" if key.because else value


def _about(key: Key) -> str:
    examples = " or ".join(code(_toml(example)) for example in key.examples)
    return f"{key.about} Example: {examples}." if examples else key.about


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
