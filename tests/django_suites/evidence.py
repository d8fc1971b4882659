"""
That it was our handler which ran, and which parts of it.

The counts are made in the process of the tests, by ``inside/watching.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.django_suites.mutants import MUTANTS
from tests.django_suites.running import Run

UNREACHED = {
    "gzip.after_full": "compresses bodies of more than 32 KiB in a thread, and Django's tests have none so large",
    "whitenoise.before": "Django's tests do not use WhiteNoise",
    "whitenoise.before_full": "Django's tests do not use WhiteNoise",
}
"""Parts of native forms that no test of Django's can reach, with the reason; tests/unit/http holds them."""


def total(runs: Iterable[Run]) -> Counter[str]:
    """The counts of several runs together."""
    counts: Counter[str] = Counter()
    for each in runs:
        for name, number in each.counts.items():
            counts[name] += number
    return counts


def gaps(runs: Iterable[Run]) -> Iterator[str]:
    """
    What a complete run leaves unshown: nothing, when all is well.

    Every part of every native form has to run and to have a mutant, or stand in `UNREACHED`, but
    only as long as it is not reached.
    """
    counts = total(runs)
    mutants = {each.name for each in MUTANTS}
    if not counts["requests.sync"] or not counts["requests.async"]:
        yield "no request went through our chain"
    if counts["requests.bare"]:
        yield f"{counts['requests.bare']} requests went through a chain that Django built"
    for name, number in sorted(counts.items()):
        if name.split(".")[0] in ("requests", "adapted"):
            continue
        if name in UNREACHED:
            if number:
                yield f"{name}: it ran, so it must not stand among the parts that cannot be reached"
        elif not number:
            yield f"{name}: it never ran, so nothing was shown of it"
        elif name not in mutants:
            yield f"{name}: it has no mutant, so a defect of it might go unnoticed"


def lines(runs: Iterable[Run]) -> Iterator[str]:
    """What ran, for people."""
    counts = total(runs)
    yield (
        f"            {counts['requests.sync']} sync and {counts['requests.async']} async requests on our chain, "
        f"{counts['requests.bare']} on one that Django built"
    )
    forms: dict[str, list[str]] = {}
    for name, number in sorted(counts.items()):
        first, _, rest = name.partition(".")
        if first == "adapted":
            yield f"            left to Django's own code {number} times: {rest}"
        elif first != "requests":
            forms.setdefault(first, []).append(f"{rest} {number}")
    for form, parts in forms.items():
        yield f"            native {form}: {', '.join(parts)}"
