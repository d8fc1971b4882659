"""
``python -m tests.django_suites [LABEL …]``: Django's own tests on our handler, compared with plain Django.

Exit code 0 when every test goes the same way, 1 when one does not, 2 when it could not be told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from tests.django_suites import DIRECT, QUICK, SUITES, SYNC_ONLY, evidence, mutants
from tests.django_suites.excluded import EXCLUDED
from tests.django_suites.judging import judge
from tests.django_suites.running import Run, RunBroken, Variant, part, run
from tests.django_suites.source import SourceUnavailable


def main() -> int:
    options = _options()
    try:
        if options.mutants:
            return _mutants(options.labels)
        if options.bare:
            return _bare(options.labels or SUITES)
        return _compare(options.labels, QUICK if options.quick else SUITES)
    except (SourceUnavailable, RunBroken) as error:
        print(error, file=sys.stderr)
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.django_suites", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--bare", action="store_true", help="run plain Django alone, to see that the tests pass here"
    )
    which.add_argument("--quick", action="store_true", help="run the part that the normal test suite runs")
    which.add_argument(
        "--mutants", action="store_true", help="switch one part of a native form off after the other"
    )
    parser.add_argument(
        "labels", nargs="*", metavar="LABEL", help="labels of runtests.py; without any, all that count"
    )
    return parser.parse_args()


def _bare(labels: Sequence[str]) -> int:
    bare = _run("bare", labels)
    failed = [test for test, outcome in bare.outcomes.items() if outcome == "failed"]
    for test in failed:
        print(f"fails with plain Django: {test}\n{bare.reasons[test]}")
    return 1 if failed else 0


def _compare(labels: Sequence[str], default: Sequence[str]) -> int:
    chosen = labels or default
    bare, chain = _run("bare", chosen), _run("chain", chosen)
    holds = [_tell(bare, chain)]
    counted = [chain]
    if direct := [label for label in chosen if label in DIRECT or labels]:
        counted.append(_run("direct", direct))
        holds.append(_tell(part(bare, direct), counted[-1]))
    if both := [label for label in chosen if label not in SYNC_ONLY]:
        plainly = _run("bare async", both)
        counted.append(_run("chain async", both))
        holds.append(_tell(plainly, counted[-1]))
    print("\n".join(evidence.lines(counted)))
    gaps = list(evidence.gaps(counted)) if chosen is SUITES else []
    for text in gaps:
        print(f"GAP         {text}")
    return 0 if all(holds) and not gaps else 1


def _mutants(names: Sequence[str]) -> int:
    escaped = []
    for mutant in mutants.chosen(names, _django()):
        killers = mutants.hunt(mutant)
        said = f"found by {len(killers)} tests, {killers[0]} among them" if killers else "NOT FOUND"
        print(f"{mutant.name:<28} {said}", flush=True)
        if not killers:
            escaped.append(mutant.name)
    return 1 if escaped else 0


def _run(variant: Variant, labels: Sequence[str]) -> Run:
    done = run(variant, labels)
    outcomes = list(done.outcomes.values())
    parts = ", ".join(f"{outcomes.count(each)} {each}" for each in sorted(set(outcomes)))
    print(
        f"{variant:<11} Django {version('django')}: {len(outcomes)} tests, {parts}; {done.cpu:.0f} s of CPU",
        flush=True,
    )
    return done


def _tell(bare: Run, ours: Run) -> bool:
    found = judge(bare, ours, EXCLUDED, django=_django())
    print(
        f"                {found.same} the same, {len(found.differences)} different, {len(found.excluded)} excluded"
    )
    if found.unfit:
        example = bare.reasons[found.not_ours[0]]
        raise RunBroken(
            f"{len(found.not_ours)} tests fail with plain Django; {found.not_ours[0]}:\n{example}"
        )
    for test in found.not_ours:
        print(f"                fails with plain Django here, too: {test}")
    for each in found.excluded:
        print(f"                excluded: {each.test}: {each.reason}")
    for text in found.stale:
        print(f"STALE       {text}")
    for each in found.differences:
        print(f"DIFFERS     {each.test}: {each.bare} with plain Django, {each.ours} on ours\n{each.reason}")
    return found.holds


def _django() -> str:
    return ".".join(version("django").split(".")[:2])


if __name__ == "__main__":
    sys.exit(main())
