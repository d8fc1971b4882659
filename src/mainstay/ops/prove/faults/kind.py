"""What a fault may be told, and whom it may be done to: a kind of fault, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mainstay.base.errors import Problem, nearest
from mainstay.base.units import parse_duration, parse_size
from mainstay.ops.prove.faults.fault import Fault, Strike, Target

Scope = Literal["process", "service", "primary", "standby", "cache", "edge", "machine", "link"]
"""What a target may name: processes in any of the ways of `targets`, or only those of one sort."""

Settings = Mapping[str, Any]
Make = Callable[[Strike, Settings, Target], Fault]

BY_DEFAULT = -1.0
"""`Strike.lasts` when nobody said how long: as long as the kind of fault lasts by itself."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a kind of fault. Its type is that of its default."""

    name: str
    default: float | int | str | bool
    says: str
    unit: str = ""
    """``s``, ``ms`` and ``bytes`` may also be written as text: ``"500ms"``, ``"10 MiB"``."""
    least: float = 0.0
    most: float = float("inf")
    one_of: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        if self.one_of:
            return f"one of {', '.join(self.one_of)}"
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return "text"
        number = "a whole number" if isinstance(self.default, int) else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        if self.most == float("inf"):
            return f"{number}{unit} from {self.least:g}"
        return f"{number}{unit} between {self.least:g} and {self.most:g}"

    def read(self, given: object) -> Any:
        """
        The value in the setting's own type.

        Raises:
            ValueError: It is none; `expected` says what is.
        """
        value = self._converted(given)
        if self.one_of and value not in self.one_of:
            raise ValueError(given)
        if isinstance(value, int | float) and not self.least <= value <= self.most:
            raise ValueError(given)
        return value

    def _measured(self, text: str) -> float:
        found = parse_size(text) if self.unit == "bytes" else parse_duration(text)
        if found is None or self.unit not in ("bytes", "s", "ms"):
            raise ValueError(text)
        return found * 1000 if self.unit == "ms" else found

    def _converted(self, given: object) -> Any:
        if isinstance(given, str) and not isinstance(self.default, str):
            return self._measured(given)
        if isinstance(given, bool) is not isinstance(self.default, bool):
            raise ValueError(given)
        if isinstance(self.default, float) and isinstance(given, int | float):
            return float(given)
        if not isinstance(given, type(self.default)):
            raise ValueError(given)
        return given


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One entry of the catalogue."""

    name: str
    says: str
    """One sentence for a person: what is done."""
    make: Make = field(repr=False, compare=False)
    targets: tuple[Scope, ...] = ()
    """Empty: it has no target, or only ``everything``."""
    settings: tuple[Setting, ...] = ()
    needs: str = ""
    """What the machine or the system must have; empty when nothing special."""
    lasts: float = 0.0
    """Seconds, when nobody says; 0 for what ends by itself, and may not be told a duration."""
    optional_target: bool = False
    brief: bool = False
    """Whether it makes sense to undo it at once, although it could last."""

    def read(self, given: Settings) -> dict[str, Any]:
        """
        Every setting, with its default where nothing was given.

        Raises:
            ValueError: One is unknown or wrong; `problems` says which.
        """
        if unknown := set(given) - {setting.name for setting in self.settings}:
            raise ValueError(", ".join(sorted(unknown)))
        return {each.name: each.read(given.get(each.name, each.default)) for each in self.settings}

    def problems(self, given: Settings) -> Iterator[Problem]:
        """Every mistake in what was given; whoever knows the file adds the place."""
        known = {setting.name: setting for setting in self.settings}
        for name, value in given.items():
            if name not in known:
                expected = f"a setting of {self.name}" if known else f"nothing: {self.name} has no settings"
                hint = nearest(name, known) or _listed(known)
                yield problem("unknown-setting", name, expected, repr(name), hint)
                continue
            try:
                known[name].read(value)
            except ValueError:
                yield problem("wrong-setting", name, f"{name}: {known[name].expected}", repr(value))

    def duration(self, lasts: float) -> float:
        """How long it lasts when told so."""
        return self.lasts if lasts < 0 else lasts


def problem(kind: str, path: str, expected: str, found: str, hint: str = "") -> Problem:
    return Problem(f"prove.{kind}", "", path, expected, found, hint)


def _listed(known: Mapping[str, Setting]) -> str:
    return f"known: {', '.join(known)}" if known else ""
