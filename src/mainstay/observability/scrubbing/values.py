"""
Values of any kind as plain JSON values: bounded in depth, number and length, without cycles and secrets.

Nothing here raises because of what it is given, and nothing asks the database: lazy objects and
querysets are named, not evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from mainstay.observability.scrubbing.names import SHORT, looks_secret
from mainstay.observability.scrubbing.shapes import MASK
from mainstay.observability.scrubbing.texts import MARGIN, TEXT_LIMIT, scrub_text


def scrub(value: Any, secrets: Iterable[str] = (), bounds: Bounds | None = None) -> Any:
    """The value as plain JSON values, without secrets, cycles and excess. Never raises."""
    return _Cleaner(bounds or LINE, tuple(secrets)).clean(value, 0)


def scrub_named(name: str, value: Any, secrets: Iterable[str] = (), bounds: Bounds | None = None) -> Any:
    """The same for a value that stands under a name."""
    return _Cleaner(bounds or LINE, tuple(secrets)).named(name, value, 0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a value is kept."""

    depth: int
    items: int
    nodes: int
    text: int


LINE = Bounds(depth=6, items=50, nodes=400, text=TEXT_LIMIT)
"""For what is added to a log line."""

REPORT = Bounds(depth=16, items=250, nodes=20_000, text=TEXT_LIMIT)
"""For an error report, whose frames lie seven levels deep."""


@dataclass(slots=True)
class _Cleaner:
    bounds: Bounds
    secrets: tuple[str, ...]
    nodes: int = 0
    path: set[int] = field(default_factory=set)

    def clean(self, value: Any, depth: int) -> Any:
        # The type is asked, not `isinstance`: a lazy object would have to be evaluated to answer.
        kind = type(value)
        if value is None or kind is bool:
            return value
        if issubclass(kind, str):
            return self.text(str.__getitem__(value, slice(None)))
        if issubclass(kind, int):
            return _whole(value)
        if issubclass(kind, float):
            return _fraction(value)
        self.nodes += 1
        if self.nodes > self.bounds.nodes:
            return "(too much)"
        if issubclass(kind, bytes | bytearray | memoryview):
            return self.text(_decoded(value, self.bounds.text))
        if issubclass(kind, Mapping | list | tuple | AbstractSet):
            return self._contents(value, kind, depth)
        return self.text(_said(value))

    def named(self, name: str, value: Any, depth: int) -> Any:
        if value is None or value == "" or type(value) is bool:
            return value
        if looks_secret(name) and not (type(value) in (int, float) and abs(value) < 1000):
            return MASK
        return self.clean(value, depth)

    def text(self, value: str) -> str:
        return scrub_text(value, self.bounds.text, self.secrets)

    def _contents(self, value: Any, kind: type, depth: int) -> Any:
        if id(value) in self.path:
            return "(cycle)"
        if depth >= self.bounds.depth:
            return "(too deep)"
        self.path.add(id(value))
        try:
            if issubclass(kind, Mapping):
                return self._mapping(value, kind, depth)
            return self._sequence(value, depth)
        except Exception as error:  # it changed while it was read, or its own methods fail
            return f"(unreadable: {type(error).__name__})"
        finally:
            self.path.discard(id(value))

    def _mapping(self, value: Any, kind: type, depth: int) -> dict[str, Any]:
        pairs = dict.items(value) if issubclass(kind, dict) else value.items()
        out: dict[str, Any] = {}
        for number, (key, inner) in enumerate(list(pairs)):
            if number == self.bounds.items:
                out["…"] = f"{len(value) - number} more"
                break
            name = key if type(key) is str else _said(key)
            out[self.text(name[:SHORT])] = self.named(name, inner, depth + 1)
        return out

    def _sequence(self, value: Any, depth: int) -> list[Any]:
        every = list(value)
        out = [self._member(each, depth + 1) for each in every[: self.bounds.items]]
        return [*out, f"{len(every) - len(out)} more"] if len(every) > len(out) else out

    def _member(self, value: Any, depth: int) -> Any:
        """A pair such as ``("Authorization", "…")`` in a list of headers has a name, too."""
        if type(value) in (tuple, list) and len(value) == 2 and type(value[0]) in (str, bytes):
            name = value[0] if type(value[0]) is str else _decoded(value[0], SHORT)
            if looks_secret(name):
                return [self.text(name), self.named(name, value[1], depth)]
        return self.clean(value, depth)


def _whole(value: int) -> int | str:
    plain = int.__index__(value)
    return plain if -(1 << 63) <= plain < 1 << 64 else f"(a number of {plain.bit_length()} bits)"


def _fraction(value: float) -> float | str:
    plain = float.__float__(value)
    return (
        plain if abs(plain) < float("inf") else str(plain)
    )  # JSON has no name for the others; NaN fails, too


def _decoded(value: Any, limit: int) -> str:
    return bytes(value[: limit + MARGIN]).decode("utf-8", "backslashreplace")


def _model(value: object, meta: Any) -> str:
    """A row by its key: its own text may ask the database for other rows."""
    key = MASK if looks_secret(meta.pk.name) else vars(value).get(meta.pk.attname)
    return f"{meta.label}({key})"


def _said(value: object) -> str:
    """The object in words of its own, if it has any that cost nothing."""
    kind = type(value)
    try:
        names = {base.__name__ for base in kind.__mro__}
        if "QuerySet" in names or "BaseManager" in names:
            return f"({kind.__name__})"
        if "Model" in names and hasattr(kind, "_meta"):
            return _model(value, kind._meta)
        if "LazyObject" in names:
            wrapped = object.__getattribute__(value, "__dict__").get("_wrapped")
            if type(wrapped) is object:
                return "(not evaluated)"
        return str(value)[: TEXT_LIMIT + MARGIN]
    except Exception as error:
        return f"({kind.__name__}: its text fails with {type(error).__name__})"
