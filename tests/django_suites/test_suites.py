"""
A part of Django's own tests, plain and on our handler, each time the tests run.

`make suites` runs all of them, and all mutants.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version

import pytest

from tests.django_suites import DIRECT, QUICK, evidence
from tests.django_suites.excluded import EXCLUDED
from tests.django_suites.judging import judge
from tests.django_suites.mutants import hunt, named
from tests.django_suites.running import Run, part, run
from tests.django_suites.source import SourceUnavailable, unpacked_tests

pytestmark = [pytest.mark.django_suites, pytest.mark.timeout(600)]

SERIES = ".".join(version("django").split(".")[:2])
DIRECTLY = tuple(label for label in QUICK if label in DIRECT)


@pytest.fixture(scope="session")
def bare() -> Run:
    """Plain Django; without a way to its tests, nothing can be compared here."""
    try:
        unpacked_tests()
    except SourceUnavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    return run("bare", QUICK)


def differences(bare: Run, ours: Run) -> Sequence[str]:
    found = judge(bare, ours, EXCLUDED, django=SERIES)
    return [
        f"{each.test}: {each.bare}, {each.ours}\n{each.reason}" for each in found.differences
    ] + found.stale


def test_django_alone_passes_its_own_tests_here(bare: Run) -> None:
    assert len(bare.outcomes) > 1000
    assert [test for test, outcome in bare.outcomes.items() if outcome == "failed"] == []


def test_every_test_goes_the_same_way_on_our_handler(bare: Run) -> None:
    chain = run("chain", QUICK)

    assert differences(bare, chain) == []
    # It was our handler: requests went through its chain, and none through one that Django built.
    assert chain.counts.get("requests.sync", 0) > 500
    assert chain.counts.get("requests.async", 0) > 50
    assert chain.counts.get("requests.bare", 0) == 0
    for form in ("authentication.before", "common.after", "csrf.view", "messages.after", "sessions.after"):
        assert chain.counts.get(form, 0) > 100, form


def test_the_sync_client_through_the_async_chain_makes_no_difference() -> None:
    """Few of Django's tests are written for ASGI; sent through the async chain, the others are as well."""
    labels = ("csrf_tests", "messages_tests", "middleware_exceptions", "test_client")
    chain = run("chain async", labels)

    assert differences(run("bare async", labels), chain) == []
    assert chain.counts.get("requests.async", 0) > 300


def test_middleware_called_without_a_handler_does_the_same_in_native_form(bare: Run) -> None:
    direct = run("direct", DIRECTLY)

    assert differences(part(bare, DIRECTLY), direct) == []
    assert direct.counts["csrf.view"] > 100
    assert [text for text in evidence.gaps([direct]) if "mutant" in text] == []


@pytest.mark.parametrize("name", ["csrf.view", "sessions.after_full", "chain.turned-over"])
def test_a_defect_of_the_handler_is_noticed(bare: Run, name: str) -> None:
    """One of a middleware's form, one of its slow path, one of the chain; `make suites` tries them all."""
    assert hunt(named(name)) != []
