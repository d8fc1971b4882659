"""
``MAINSTAY["http"]``: what a project sets about requests, read in one place.

A new key is one line in `OPTIONS`. Values are read late, each time they are asked for, so
that overridden settings in tests are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mainstay.base.errors import InvalidInput, Problem, nearest

WHERE = "settings"
SETTING = "MAINSTAY"
SECTION = "http"


@dataclass(frozen=True, slots=True)
class Option:
    """One key: its default, what it has to be, and the test for that."""

    default: Any
    expected: str
    fits: Callable[[Any], bool]


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_paths(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(path, str) for path in value)


OPTIONS = {
    "native": Option(True, "True or False", _is_bool),
    "adapted": Option((), "a list of middleware as MIDDLEWARE names them", _is_paths),
}


def read() -> dict[str, Any]:
    """
    Every option with its value.

    Raises:
        InvalidInput: With every key that does not exist and every value that does not fit.
    """
    problems: list[Problem] = []
    given = _section(problems)
    for name, value in given.items():
        if name not in OPTIONS:
            expected = "one of " + ", ".join(sorted(OPTIONS))
            problems.append(_problem(f".{name}", expected, name, nearest(str(name), OPTIONS)))
        elif not OPTIONS[name].fits(value):
            problems.append(_problem(f".{name}", OPTIONS[name].expected, value))
    if problems:
        raise InvalidInput(problems)
    return {name: given.get(name, option.default) for name, option in OPTIONS.items()}


def _section(problems: list[Problem]) -> Mapping[str, Any]:
    from django.conf import settings

    whole = getattr(settings, SETTING, {})
    section = whole.get(SECTION, {}) if isinstance(whole, Mapping) else whole
    if isinstance(section, Mapping):
        return section
    problems.append(_problem("", "a dictionary", section))
    return {}


def _problem(key: str, expected: str, found: Any, hint: str = "") -> Problem:
    return Problem("http.bad-option", WHERE, f"{SETTING}.{SECTION}{key}", expected, repr(found), hint)
