"""
A known way to configure a project wrongly, as the system checks of every capability report it.

Values only: what looks for one stands in ``checks.py`` of the capability, and the
reference page is written from the same values.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trap:
    """``id`` is stable and can be put into ``SILENCED_SYSTEM_CHECKS``; its letter is the level, E or W."""

    id: str
    message: str
    """What was found; a part in braces is filled in."""
    hint: str
    because: str
    """What happens to those who leave it; for the reference page."""

    @property
    def is_error(self) -> bool:
        return self.id.rpartition(".")[2].startswith("E")
