"""
Untyped data, such as a parsed TOML file, into frozen dataclasses.

A declaration is written once: a dataclass whose fields are made with `key`. From
it come the reader, which reports **every** problem instead of stopping at the
first, the JSON Schema that editors complete from, and the reference page. A key
that cannot be read takes its default, so that later checks can still run and
report in the same go; such a value is only ever used to find more problems.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.base.shapes import REPORTED, Json, Refusal, Shape, Spot

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D = TypeVar("D")

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KEY = "mainstay.key"


class Required:
    """Stands where a default would: the key must be written."""


REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class Key:
    """What a declaration knows of one key, apart from its name."""

    shape: Shape[Any]
    about: str
    default: Any
    because: str
    examples: tuple[Any, ...]

    def json(self) -> Json:
        schema = {**self.shape.json(), "description": self._description()}
        if self.default not in (None, REQUIRED) and not dataclasses.is_dataclass(self.default):
            schema["default"] = _plain(self.default)
        if self.examples:
            schema["examples"] = [_plain(example) for example in self.examples]
        return schema

    def _description(self) -> str:
        return f"{self.about} Default: {self.because}." if self.because else self.about


@dataclass(frozen=True, slots=True)
class Default:
    """A value that nobody wrote, and the reason for it."""

    path: str
    value: object
    because: str
    text: str
    """The value as a person would write it."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What came of reading: ``value`` is ``None`` only when nothing sensible can stand in."""

    value: T | None
    problems: tuple[Problem, ...]
    defaults: tuple[Default, ...]


def key(
    shape: Shape[T],
    about: str,
    *,
    default: D | Required = REQUIRED,
    because: str = "",
    examples: Iterable[object] = (),
) -> T | D:
    """
    Declare one key of a table; use it as the default of a dataclass field.

    ``default=None`` says that the default is worked out later, from other keys or
    from the project; ``because`` then says how. ``about`` is the documentation:
    one or two whole sentences.
    """
    known = Key(shape, about, default, because, tuple(examples))
    metadata = {_KEY: known}
    if default is REQUIRED:
        declared: Any = field(metadata=metadata, kw_only=True)
    elif isinstance(default, dict):
        declared = field(default_factory=lambda: dict(default), metadata=metadata, kw_only=True)
    else:
        declared = field(default=default, metadata=metadata, kw_only=True)
    return declared  # type: ignore[no-any-return]


def keys(declaration: type) -> dict[str, Key]:
    """The keys of a declaration by name, in the order in which they were written."""
    return {each.name: each.metadata[_KEY] for each in dataclasses.fields(declaration)}


class Table(Shape[T_co]):
    """A table with known keys, read into the dataclass that declares them."""

    def __init__(self, declaration: type[T_co]) -> None:
        self.declaration = declaration
        self.expected = "a table"

    def accepts(self, value: object) -> bool:
        return isinstance(value, Mapping)

    def convert(self, value: Any, spot: Spot) -> T_co:
        known = keys(self.declaration)
        for name in value:
            if name not in known:
                self._unknown(str(name), spot, known)
        read = {name: self._key(name, each, value, spot) for name, each in known.items()}
        if any(each is REQUIRED for each in read.values()):
            raise Refusal(REPORTED)
        return self.declaration(**read)

    def json(self) -> Json:
        known = keys(self.declaration)
        schema: Json = {"type": "object", "additionalProperties": False}
        schema["properties"] = {name: each.json() for name, each in known.items()}
        required = [name for name, each in known.items() if each.default is REQUIRED]
        return {**schema, "required": required} if required else schema

    def _unknown(self, name: str, spot: Spot, known: Mapping[str, Key]) -> None:
        hint = nearest(name, known) or f"known keys: {', '.join(known)}"
        spot.key(name).report("unknown-key", "a known key", repr(name), hint)

    def _key(self, name: str, known: Key, table: Mapping[str, object], spot: Spot) -> Any:
        if name in table:
            read = known.shape.read(table[name], spot.key(name))
            return known.default if read is None else read
        if isinstance(known.shape, Table) and dataclasses.is_dataclass(known.default):
            return known.shape.read({}, spot.key(name))
        if known.default is REQUIRED:
            example = f"such as {known.examples[0]!r}" if known.examples else ""
            spot.key(name).report("missing-key", known.shape.expected, "nothing", example)
        elif known.default is not None and known.because:
            spot.defaulted(name, known.default, known.because, known.shape.show(known.default))
        return _copy(known.default)


def read(declaration: type[T], data: object, *, where: str, area: str, path: str = "") -> Reading[T]:
    """
    Read data into a declaration; nothing is raised.

    Args:
        where: The file, as messages should name it.
        area: First part of every problem's id, such as ``topology``.
        path: Dotted path of ``data`` inside the file.
    """
    spot = Spot(where, area, path)
    value = Table(declaration).read(data, spot)
    defaults = (Default(*each) for each in spot.defaults)
    return Reading(value, tuple(spot.problems), tuple(defaults))


def read_or_raise(declaration: type[T], data: object, *, where: str, area: str, path: str = "") -> T:
    """
    Read data into a declaration.

    Raises:
        InvalidInput: With every problem of shape.
    """
    reading = read(declaration, data, where=where, area=area, path=path)
    if reading.problems or reading.value is None:
        raise InvalidInput(reading.problems)
    return reading.value


def json_schema(declaration: type, *, title: str, about: str) -> Json:
    """The declaration as JSON Schema, draft 2020-12."""
    head = {"$schema": DIALECT, "title": title, "description": about}
    return {**head, **Table(declaration).json()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def _copy(default: Any) -> Any:
    return dict(default) if isinstance(default, dict) else default


__all__ = [
    "REQUIRED",
    "Default",
    "Key",
    "Reading",
    "Table",
    "json_schema",
    "key",
    "keys",
    "read",
    "read_or_raise",
]
