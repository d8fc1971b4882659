"""
Django's tests that may differ on Mainstay's handler, each with its reason.

An entry is a promise in both directions: the run fails when such a test is gone, and when it
passes. So nothing stays here longer than it has to.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.django_suites.running import Variant


@dataclass(frozen=True, slots=True)
class Excluded:
    """One test that is known to differ."""

    test: str
    """Its id, as unittest spells it."""
    reason: str
    """Why the difference is meant, or why it cannot matter; a whole sentence."""
    variants: tuple[Variant, ...] = ("chain",)
    django: tuple[str, ...] = ("5.2", "6.1")


EXCLUDED: tuple[Excluded, ...] = ()
