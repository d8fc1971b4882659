"""What ``MAINSTAY = {"http": {...}}`` may hold for the entrance, and its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mainstay.base.errors import InvalidInput, Problem, nearest

MODES = ("on", "dry-run", "off")
DEADLINE = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """The entrance's options."""

    deadline: float = DEADLINE
    """Seconds that a request has where neither its caller nor its route says less."""

    admission: str = MODES[0]
    """``on``, ``off``, or ``dry-run``, which only counts whom it would have held back."""


def read() -> Options:
    """
    The options of the settings; the defaults where Django has none.

    Raises:
        InvalidInput: With every value that cannot be used.
    """
    from django.conf import settings

    given = getattr(settings, "MAINSTAY", {}) if settings.configured else {}
    return parse(given)


def parse(given: Any) -> Options:
    """
    The options in the value of ``MAINSTAY``.

    Raises:
        InvalidInput: With every value that cannot be used.
    """
    section = given.get("http", {}) if isinstance(given, dict) else {}
    section = section if isinstance(section, dict) else {}
    problems: list[Problem] = []
    deadline = section.get("deadline", DEADLINE)
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not 0 < deadline <= 86_400:
        problems.append(_problem("deadline", "seconds, more than 0 and at most 86400", deadline))
    mode = section.get("admission", MODES[0])
    if mode not in MODES:
        hint = nearest(mode, MODES) if isinstance(mode, str) else ""
        problems.append(_problem("admission", "one of " + ", ".join(map(repr, MODES)), mode, hint))
    if problems:
        raise InvalidInput(problems)
    return Options(float(deadline), mode)


def _problem(key: str, expected: str, found: object, hint: str = "") -> Problem:
    return Problem("http.bad-option", "settings", f'MAINSTAY["http"]["{key}"]', expected, repr(found), hint)
