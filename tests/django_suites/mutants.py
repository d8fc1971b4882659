"""
Native forms with one part switched off: Django's tests must notice each.

A suite that passes whatever the handler does would prove nothing. Every part of every form
that the suites reach is made to do nothing once, and a test must fail that passes without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.django_suites.running import Run, Variant, run


@dataclass(frozen=True, slots=True)
class Mutant:
    """One part of one native form that does nothing."""

    name: str
    """The form, and which part of it."""
    labels: tuple[str, ...]
    """The suites that must find it."""
    variant: Variant = "chain"
    django: tuple[str, ...] = ("5.2", "6.1")


MUTANTS: tuple[Mutant, ...] = ()


def chosen(names: Sequence[str], django: str) -> list[Mutant]:
    """Those of this Django whose name begins with one of the names; all of them without a name."""
    return [
        each
        for each in MUTANTS
        if django in each.django and (not names or each.name.startswith(tuple(names)))
    ]


def hunt(mutant: Mutant) -> list[str]:
    """The tests that pass without the mutant and fail with it."""
    return differing(run("bare", mutant.labels), run(mutant.variant, mutant.labels, mutant=mutant.name))


def differing(bare: Run, changed: Run) -> list[str]:
    """Tests that passed in the first run and failed in the second."""
    return [
        test
        for test, outcome in bare.outcomes.items()
        if outcome == "passed" and changed.outcomes.get(test) == "failed"
    ]
