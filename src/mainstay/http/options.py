"""
``MAINSTAY["http"]``: what a project sets about requests, read in one place.

A new key is one line in `OPTIONS`, one in `Options` where this package needs it, and its name in
`base.options.KNOWN`. Values are read late, so that overridden settings in tests are seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from mainstay.base import environment, wire
from mainstay.base.errors import InvalidInput, Problem, nearest

SECTION = "http"
MODES = ("on", "dry-run", "off")
DEADLINE = 5.0
"""Seconds, outside of a running system, whose file says how long a request may take."""

LONGEST = 86_400.0
"""Most seconds that anything here may be told to wait."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the entrance and the handler are told."""

    deadline: float = DEADLINE
    """Seconds that a request has where neither its caller nor its route says less."""

    admission: str = MODES[0]
    """``on``, ``off``, or ``dry-run``, which only counts whom it would have held back."""

    native: bool = True
    """Whether middleware that is known runs in its native form."""

    adapted: tuple[str, ...] = ()
    """Middleware that runs as in Django all the same, by the paths of ``MIDDLEWARE``."""


@dataclass(frozen=True, slots=True)
class Option:
    """One key: what its value has to be, the test for that, one that fits, and the words it can be one of."""

    expected: str
    fits: Callable[[Any], bool]
    example: Any
    words: tuple[str, ...] = ()


def _is_seconds(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 < value <= LONGEST


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_paths(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(path, str) for path in value)


OPTIONS = {
    "deadline": Option("seconds, more than 0 and at most 86400", _is_seconds, DEADLINE),
    "admission": Option(
        "one of " + ", ".join(map(repr, MODES)),
        lambda value: isinstance(value, str) and value in MODES,
        MODES[1],
        MODES,
    ),
    "native": Option("True or False", _is_bool, False),
    "adapted": Option("a list of middleware as MIDDLEWARE names them", _is_paths, ["shop.middleware.Audit"]),
    "problem_base": Option(
        "a text, behind which the kind of a problem is put",
        lambda value: isinstance(value, str),
        "https://docs.example/problems/",
    ),
    "rate_limits": Option("a dictionary", lambda value: isinstance(value, Mapping), {"enabled": False}),
}


def read() -> Options:
    """
    The options of the settings; the defaults where Django has none.

    Raises:
        InvalidInput: With every key that does not exist and every value that does not fit.
    """
    from django.conf import settings

    return parse(getattr(settings, "MAINSTAY", {}) if settings.configured else {})


def parse(given: Any) -> Options:
    """
    The options in the value of ``MAINSTAY``.

    Raises:
        InvalidInput: With every key that does not exist and every value that does not fit.
    """
    section = given.get(SECTION, {}) if isinstance(given, Mapping) else given
    if not isinstance(section, Mapping):
        raise InvalidInput([_problem("", "a dictionary", section)])
    if problems := [problem for name, value in section.items() for problem in _judge(name, value)]:
        raise InvalidInput(problems)
    chosen = {field.name: section[field.name] for field in fields(Options) if field.name in section}
    chosen.setdefault("deadline", environment.number(wire.REQUEST_TIMEOUT, DEADLINE))
    return Options(**{**chosen, "adapted": tuple(chosen.get("adapted", ()))})


def _judge(name: Any, value: Any) -> list[Problem]:
    option = OPTIONS.get(name)
    if option is None:
        expected = "one of " + ", ".join(sorted(OPTIONS))
        hint = nearest(str(name), OPTIONS)
        where = f'MAINSTAY["{SECTION}"]["{name}"]'
        return [Problem("http.unknown-option", "settings", where, expected, repr(name), hint)]
    if option.fits(value):
        return []
    guess = nearest(value, option.words) if isinstance(value, str) and option.words else ""
    return [_problem(f'["{name}"]', option.expected, value, guess or such_as(name, option.example))]


def such_as(key: str, example: Any) -> str:
    """How a line of the settings looks that would do."""
    return f'such as "{key}": ' + (f'"{example}"' if isinstance(example, str) else repr(example)).replace(
        "'", '"'
    )


def _problem(key: str, expected: str, found: Any, hint: str = 'such as "http": {"deadline": 5.0}') -> Problem:
    where = f'MAINSTAY["{SECTION}"]{key}'
    return Problem("http.bad-option", "settings", where, expected, repr(found), hint)
