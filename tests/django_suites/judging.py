"""Two runs of the same selection side by side: is the handler's behaviour Django's?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.django_suites.excluded import Excluded
from tests.django_suites.running import Run

ABSENT = "not there"
TOLERATED = 0.05
"""The share of tests that may fail with plain Django. More means that the environment is not fit for a comparison."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A test that went another way than with plain Django."""

    test: str
    bare: str
    ours: str
    reason: str


@dataclass(slots=True)
class Judgement:
    """What the comparison of two runs gave."""

    same: int = 0
    differences: list[Difference] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    """Differ, as their entries say."""
    stale: list[str] = field(default_factory=list)
    """Entries of the list of exclusions that are no longer true, in words."""
    not_ours: list[str] = field(default_factory=list)
    """Fail with plain Django in this environment, too."""

    @property
    def holds(self) -> bool:
        return not self.differences and not self.stale and not self.unfit

    @property
    def unfit(self) -> bool:
        """So much fails with plain Django that what was set aside would hide what was asked."""
        return len(self.not_ours) > TOLERATED * (self.same + len(self.differences) + len(self.not_ours))


def judge(bare: Run, ours: Run, exclusions: Sequence[Excluded], *, django: str) -> Judgement:
    """
    Compare test by test. Both runs must be of the same labels.

    A test counts as the same only with the same outcome: one that is skipped on our handler alone is
    a difference, and so is one that exists only in one of the runs.
    """
    wanted = {
        each.test: each for each in exclusions if ours.variant in each.variants and django in each.django
    }
    found = Judgement()
    for test in sorted({*bare.outcomes, *ours.outcomes}):
        before, now = bare.outcomes.get(test, ABSENT), ours.outcomes.get(test, ABSENT)
        if before == "failed":
            found.not_ours.append(test)
        elif before == now:
            found.same += 1
        elif test in wanted:
            found.excluded.append(wanted[test])
        else:
            reason = ours.reasons.get(test, "") or bare.reasons.get(test, "")
            found.differences.append(Difference(test, before, now, reason))
    found.stale = [
        _stale(each.test, bare.outcomes.get(each.test, ABSENT))
        for each in wanted.values()
        if _covers(ours.labels, each.test) and each not in found.excluded and each.test not in found.not_ours
    ]
    return found


def _stale(test: str, bare: str) -> str:
    if bare == ABSENT:
        return f"{test}: this test does not exist"
    return f"{test}: this test does the same as with plain Django, so it need not be excluded"


def _covers(labels: Iterable[str], test: str) -> bool:
    return any(test == label or test.startswith(f"{label}.") for label in labels)
