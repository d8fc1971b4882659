"""
Reading the process environment, with every mistake named.

Only the values are read here; what they mean stands beside the setting they feed.
Nothing is cached: a test, or a settings file, may change the environment first.
"""

from __future__ import annotations

import os

from mainstay.base import wire
from mainstay.base.errors import InvalidInput, Problem


def text(name: str, default: str = "") -> str:
    """The value of a variable; empty counts as absent."""
    return os.environ.get(name) or default


def listed(name: str) -> tuple[str, ...]:
    """The parts of a comma-separated variable, without blanks."""
    return tuple(part for part in (part.strip() for part in text(name).split(",")) if part)


def number(name: str, default: float) -> float:
    """
    A variable that holds seconds or another positive amount.

    Raises:
        InvalidInput: The value is no number, or below zero.
    """
    value = text(name)
    try:
        amount = float(value) if value else default
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise invalid(name, "a number of zero or more", value)
    return amount


def whole(name: str, default: int, least: int = 1) -> int:
    """
    A variable that counts something.

    Raises:
        InvalidInput: The value is no whole number, or below ``least``.
    """
    value = text(name)
    try:
        count = int(value) if value else default
    except ValueError:
        count = least - 1
    if count < least:
        raise invalid(name, f"a whole number of {least} or more", value)
    return count


def is_managed() -> bool:
    """Whether Mainstay started this process, so that development defaults are out of place."""
    return bool(text(wire.SERVICE))


def invalid(name: str, expected: str, found: str, hint: str = "") -> InvalidInput:
    """The error for one variable with a wrong value."""
    return InvalidInput([Problem("settings.bad-variable", "environment", name, expected, repr(found), hint)])
