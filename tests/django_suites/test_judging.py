"""What counts as the same behaviour, and what as a difference."""

from __future__ import annotations

import pytest

from tests.django_suites.excluded import EXCLUDED, Excluded
from tests.django_suites.judging import judge
from tests.django_suites.running import Run, Variant

MEANT = Excluded("handlers.tests.One.test_a", "It looks at a private name.")


def run(variant: Variant, **outcomes: str) -> Run:
    by_test = {f"handlers.tests.One.{name}": outcome for name, outcome in outcomes.items()}
    return Run(variant, ("handlers",), by_test, {}, {}, 0.0)


def test_equal_outcomes_hold() -> None:
    found = judge(
        run("bare", test_a="passed", test_b="skipped"),
        run("chain", test_a="passed", test_b="skipped"),
        (),
        django="5.2",
    )

    assert (found.same, found.holds) == (2, True)


@pytest.mark.parametrize(
    "ours", [{}, {"test_a": "failed"}, {"test_a": "skipped"}, {"test_a": "failed as expected"}]
)
def test_every_other_outcome_is_a_difference(ours: dict[str, str]) -> None:
    """A test that is skipped, or not even found, with our handler alone shows nothing either."""
    found = judge(run("bare", test_a="passed"), run("chain", **ours), (), django="5.2")

    assert [each.test for each in found.differences] == ["handlers.tests.One.test_a"]
    assert not found.holds


def test_what_only_our_run_has_is_a_difference() -> None:
    """So it is with a whole class that cannot be set up: unittest reports that under a name of its own."""
    found = judge(
        run("bare", test_a="passed"), run("chain", test_a="passed", test_z="failed"), (), django="5.2"
    )

    assert not found.holds


def test_failure_of_plain_django_is_set_aside_by_name() -> None:
    fine = {f"test_{number}": "passed" for number in range(100)}
    found = judge(
        run("bare", test_a="failed", **fine), run("chain", test_a="failed", **fine), (), django="5.2"
    )

    assert (found.not_ours, found.holds) == (["handlers.tests.One.test_a"], True)


def test_many_failures_of_plain_django_make_the_comparison_worthless() -> None:
    """They would hide ours."""
    found = judge(run("bare", test_a="failed"), run("chain", test_a="failed"), (), django="5.2")

    assert found.unfit
    assert not found.holds


def test_excluded_test_may_differ() -> None:
    found = judge(run("bare", test_a="passed"), run("chain", test_a="failed"), (MEANT,), django="5.2")

    assert (found.excluded, found.holds) == ([MEANT], True)


@pytest.mark.parametrize("bare", [{"test_a": "passed"}, {"test_b": "passed"}])
def test_exclusion_without_need_is_stale(bare: dict[str, str]) -> None:
    """The test passes by now, or is gone: either way the entry has to go."""
    found = judge(run("bare", **bare), run("chain", **bare), (MEANT,), django="5.2")

    assert len(found.stale) == 1
    assert not found.holds


def test_exclusion_of_another_version_variant_or_label_is_not_asked_for() -> None:
    others = (
        Excluded(MEANT.test, MEANT.reason, django=("6.1",)),
        Excluded(MEANT.test, MEANT.reason, variants=("direct",)),
        Excluded("csrf_tests.tests.Two.test_a", MEANT.reason),
    )
    found = judge(run("bare", test_a="passed"), run("chain", test_a="failed"), others, django="5.2")

    assert found.stale == []
    assert len(found.differences) == 1


def test_each_exclusion_has_a_reason_in_words() -> None:
    assert [each for each in EXCLUDED if len(each.reason.split()) < 5 or not each.reason.endswith(".")] == []
