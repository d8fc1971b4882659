"""
What the setting ``MAINSTAY`` may hold: one section for each capability.

Read late, so that a test may change it; what is not there has the default that stands
beside the code which reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "http": frozenset({"adapted", "admission", "deadline", "native", "problem_base", "rate_limits"}),
    "health": frozenset({"dependencies"}),
}
"""Section → its keys. Whoever adds an option adds its name here, or the system check warns of it."""


def read(given: object, section: str, key: str, default: Any) -> Any:
    """One option of the setting's value; anything that is no table counts as empty, and a check says so."""
    options = given.get(section) if isinstance(given, Mapping) else None
    return options.get(key, default) if isinstance(options, Mapping) else default
