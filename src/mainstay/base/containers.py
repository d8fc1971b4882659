"""Shapes made of other shapes: lists, maps and alternatives. Tables with known keys are in `schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from mainstay.base.shapes import Json, Refusal, Shape, Spot, Text, describe

T_co = TypeVar("T_co", covariant=True)


class ListOf(Shape[tuple[T_co, ...]]):
    """A list without repeats; items that cannot be read are left out."""

    def __init__(self, item: Shape[T_co], *, least: int = 0) -> None:
        self.item, self.least = item, least
        self.expected = f"a list, each item {item.expected}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list | tuple)

    def convert(self, value: Any, spot: Spot) -> tuple[T_co, ...]:
        if len(value) < self.least:
            raise Refusal("bad-value", expected=f"at least {self.least} in the list")
        return tuple(self._kept(value, spot).values())

    def places(self, value: object) -> tuple[int, ...]:
        """Where in a list as it was written those items stand that could be read."""
        return tuple(self._kept(value, Spot("", ""))) if self.accepts(value) else ()

    def _kept(self, value: Any, spot: Spot) -> dict[int, T_co]:
        read: dict[int, T_co] = {}
        for index, each in enumerate(value):
            got = self.item.read(each, spot.item(index))
            if got is not None and got in read.values():
                spot.item(index).report("repeated", "each item once", describe(each))
            elif got is not None:
                read[index] = got
        return read

    def json(self) -> Json:
        schema = {"type": "array", "items": self.item.json(), "uniqueItems": True}
        return {**schema, "minItems": self.least} if self.least else schema


class MapOf(Shape[dict[str, T_co]]):
    """A table whose keys are names chosen by the person; entries that cannot be read are left out."""

    def __init__(self, name: Text, value: Shape[T_co], *, least: int = 0) -> None:
        self.name, self.value, self.least = name, value, least
        self.expected = f"a table; its keys: {name.expected}, its values: {value.expected}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, Mapping)

    def convert(self, value: Any, spot: Spot) -> dict[str, T_co]:
        if len(value) < self.least:
            raise Refusal("bad-value", expected=f"at least {self.least} entry")
        read = {}
        for name, each in value.items():
            place = spot.key(str(name))
            got = self.value.read(each, place)
            if self.name.read(name, place) is not None and got is not None:
                read[str(name)] = got
        return read

    def json(self) -> Json:
        names = {"pattern": self.name.json()["pattern"]}
        schema: Json = {"type": "object", "additionalProperties": self.value.json(), "propertyNames": names}
        return {**schema, "minProperties": self.least} if self.least else schema


class Either(Shape[T_co]):
    """Alternatives that differ in type, such as a number or a table; the type decides which is meant."""

    def __init__(self, *shapes: Shape[T_co]) -> None:
        self.shapes = shapes
        self.expected = " or ".join(shape.expected for shape in shapes)

    def accepts(self, value: object) -> bool:
        return any(shape.accepts(value) for shape in self.shapes)

    def convert(self, value: Any, spot: Spot) -> T_co:
        return next(shape for shape in self.shapes if shape.accepts(value)).convert(value, spot)

    def json(self) -> Json:
        return {"anyOf": [shape.json() for shape in self.shapes]}
