"""
What a single value may look like: text, numbers, durations, sizes, choices.

Each shape reads one value, reports to a `Spot` what is wrong with it, and says the
same thing as JSON Schema. Reading gives ``None`` for a value that cannot be used;
no shape reads to ``None`` otherwise. `containers` holds lists, maps and alternatives.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mainstay.base.errors import Problem, nearest
from mainstay.base.units import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    duration_text,
    parse_duration,
    parse_size,
    size_text,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Json = dict[str, Any]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LONGEST_QUOTE = 60


def describe(value: object) -> str:
    """A value as a message should show it: its text, cut when long, and its type in plain words."""
    if isinstance(value, Mapping):
        return "a table" if value else "an empty table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    kinds: dict[type, str] = {bool: "a boolean", int: "a whole number", float: "a number", str: "text"}
    kinds |= {datetime.datetime: "a date and time", datetime.date: "a date", datetime.time: "a time"}
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else _quote(value)
    return f"{shown} ({kinds.get(type(value), type(value).__name__)})"


def _quote(value: object) -> str:
    text = repr(value) if isinstance(value, str | float) else _digits(value)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def _digits(value: object) -> str:
    # int to str refuses past 4300 digits, and TOML integers have no bound in Python.
    return hex(value) if isinstance(value, int) and value.bit_length() > 200 else str(value)


def join_path(parent: str, name: str) -> str:
    """A dotted key path as TOML would accept it; names that need quotes get them."""
    part = name if _BARE_KEY.fullmatch(name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{parent}.{part}" if parent else part


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the data, and where to report what is found there; children share the lists."""

    where: str
    area: str
    path: str = ""
    problems: list[Problem] = field(default_factory=list)
    defaults: list[tuple[str, object, str, str]] = field(default_factory=list)

    def key(self, name: str) -> Spot:
        return Spot(self.where, self.area, join_path(self.path, name), self.problems, self.defaults)

    def item(self, index: int) -> Spot:
        return Spot(self.where, self.area, f"{self.path}[{index}]", self.problems, self.defaults)

    def report(self, kind: str, expected: str, found: str, hint: str = "") -> None:
        problem = Problem(f"{self.area}.{kind}", self.where, self.path, expected, found, hint)
        self.problems.append(problem)

    def defaulted(self, name: str, value: object, because: str, text: str = "") -> None:
        """Note that nobody wrote this key; ``text`` is the value as a person would write it."""
        self.defaults.append((join_path(self.path, name), value, because, text or show(value)))


REPORTED = ""
"""The kind of a `Refusal` whose reason has been reported already, further inside."""


class Refusal(Exception):
    """The type fits, the content does not; `Shape.read` turns it into a problem."""

    def __init__(self, kind: str, hint: str = "", *, expected: str = "") -> None:
        super().__init__(kind, hint, expected)
        self.kind, self.hint, self.expected = kind, hint, expected


class Shape(Generic[T_co]):
    """
    One kind of value. Shapes hold no state of a reading, so one may serve many keys.

    A subclass says which types it `accepts`, how to `convert` what it accepted, and
    the same as `json`.
    """

    expected: str
    """Completes the sentence *expected …*."""

    def accepts(self, value: object) -> bool:
        """Whether the type fits; the content may still be wrong. Decides between alternatives."""
        raise NotImplementedError

    def convert(self, value: Any, spot: Spot) -> T_co:
        """
        The value as the program wants it; called only with what was accepted.

        Raises:
            Refusal: The content does not fit.
        """
        raise NotImplementedError

    def json(self) -> Json:
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """A value of this shape as a person would write it, without quotes."""
        return show(value)

    def read(self, value: object, spot: Spot) -> T_co | None:
        """The value, or ``None`` after reporting what is wrong."""
        if not self.accepts(value):
            spot.report("wrong-type", self.expected, describe(value))
            return None
        try:
            return self.convert(value, spot)
        except Refusal as refusal:
            if refusal.kind != REPORTED:
                spot.report(refusal.kind, refusal.expected or self.expected, describe(value), refusal.hint)
            return None


def show(value: Any) -> str:
    """Any value in plain words; nothing at all is a dash."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "—" if value in ("", None) else str(value)


def is_number(value: object, *kinds: type) -> bool:
    """Python counts booleans as numbers; nobody who writes a file does."""
    return isinstance(value, kinds) and not isinstance(value, bool)


class Flag(Shape[bool]):
    expected = "true or false"

    def accepts(self, value: object) -> bool:
        return isinstance(value, bool)

    def convert(self, value: Any, spot: Spot) -> bool:
        return bool(value)

    def json(self) -> Json:
        return {"type": "boolean"}


class Integer(Shape[int]):
    """A whole number between two bounds, both allowed."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.expected = f"a whole number from {least} to {most}"

    def accepts(self, value: object) -> bool:
        return is_number(value, int)

    def convert(self, value: Any, spot: Spot) -> int:
        return int(_within(value, self.least, self.most))

    def json(self) -> Json:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Scalar(Shape[bool | int | float | str]):
    """Any single value; who uses it judges it."""

    expected = "text, a number, true or false"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str | int | float)

    def convert(self, value: Any, spot: Spot) -> bool | int | float | str:
        if isinstance(value, float) and not math.isfinite(value):
            raise Refusal("bad-value", expected="a finite number")
        return value  # type: ignore[no-any-return]

    def json(self) -> Json:
        return {"type": ["string", "number", "boolean"]}


class Text(Shape[str]):
    """Text that fully matches a pattern; ``expected`` says the same in words."""

    def __init__(self, expected: str = "text", *, pattern: str = r"[^\x00]*", hint: str = "") -> None:
        # Neither a path nor a variable of a process can hold a zero byte, hence the default pattern.
        self.expected, self.pattern, self.hint = expected, pattern, hint

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)

    def convert(self, value: Any, spot: Spot) -> str:
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise Refusal("bad-value", self.hint)
        return str(value)

    def json(self) -> Json:
        return {"type": "string", "pattern": f"^({self.pattern})$"}


class Choice(Shape[T_co]):
    """One of a few words."""

    def __init__(self, *words: T_co) -> None:
        self.words = words
        self.expected = " or ".join(f'"{word}"' for word in words)

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)

    def convert(self, value: Any, spot: Spot) -> T_co:
        for word in self.words:
            if word == value:
                return word
        raise Refusal("bad-value", nearest(value, map(str, self.words)))

    def json(self) -> Json:
        return {"enum": list(self.words)}


class Duration(Shape[float]):
    """Seconds as a number, or a number with a unit as text."""

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most
        shortest, longest = duration_text(least), duration_text(most)
        self.expected = f'a duration from "{shortest}" to "{longest}", or a number of seconds'

    def accepts(self, value: object) -> bool:
        return is_number(value, int, float, str)

    def convert(self, value: Any, spot: Spot) -> float:
        seconds = parse_duration(value) if isinstance(value, str) else value
        if seconds is None:
            raise Refusal("bad-value", "units: ms, s, m, h, d")
        return float(_within(seconds, self.least, self.most))

    def json(self) -> Json:
        number = {"type": "number", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{DURATION_PATTERN}$"}]}

    def show(self, value: Any) -> str:
        return duration_text(value)


class Size(Shape[int]):
    """Bytes as a whole number, or a number with a unit as text."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.expected = f'a size from "{size_text(least)}" to "{size_text(most)}"'

    def accepts(self, value: object) -> bool:
        return is_number(value, int, str)

    def convert(self, value: Any, spot: Spot) -> int:
        size = parse_size(value) if isinstance(value, str) else value
        if size is None:
            raise Refusal("bad-value", "units: B, kB, KiB, MB, MiB, GB, GiB, TB, TiB")
        return int(_within(size, self.least, self.most))

    def json(self) -> Json:
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{SIZE_PATTERN}$"}]}

    def show(self, value: Any) -> str:
        return size_text(value)


def _within(value: T, least: float, most: float) -> T:
    # Written so that "not a number", which compares false with everything, is refused.
    if not least <= value <= most:  # type: ignore[operator]
        raise Refusal("out-of-range")
    return value
