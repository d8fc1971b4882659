"""That it was our handler which ran, and which parts of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.django_suites.running import Run

UNREACHED: dict[str, str] = {
    "whitenoise before": "Django's tests do not know WhiteNoise; its form is compared in this repository's own tests",
    "whitenoise before_full": "as above",
}
"""Parts of native forms that no test of Django's can reach, with the reason."""


def total(runs: Iterable[Run]) -> Counter[str]:
    """The counts of several runs together."""
    counts: Counter[str] = Counter()
    for each in runs:
        for name, number in each.counts.items():
            counts[name] += number
    return counts


def missing(runs: Iterable[Run]) -> tuple[str, ...]:
    """Parts of native forms that were built and never called."""
    return tuple(
        name for name, number in sorted(total(runs).items()) if number == 0 and name not in UNREACHED
    )


def lines(runs: Iterable[Run]) -> Iterator[str]:
    """What ran, for people."""
    counts = total(runs)
    yield (
        f"        {counts['requests sync']} sync and {counts['requests async']} async requests on our chain, "
        f"{counts['requests bare']} on one that Django built"
    )
    for form in sorted({name.split()[0] for name in counts} - {"requests", "adapted"}):
        parts = (f"{name.split()[1]} {counts[name]}" for name in sorted(counts) if name.split()[0] == form)
        yield f"        native {form}: {', '.join(parts)}"
    for name in sorted(name for name in counts if name.startswith("adapted ")):
        yield f"        left to Django's own code {counts[name]} times: {name.removeprefix('adapted ')}"
