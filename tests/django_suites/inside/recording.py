"""What became of each test, by its id."""

from __future__ import annotations

import traceback
import unittest
from collections.abc import Callable
from typing import Any

from django.test.runner import DiscoverRunner


class Recorder(unittest.TextTestResult):
    """Keeps the worst outcome of each test."""

    outcomes: dict[str, str] = {}
    reasons: dict[str, str] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        # Of a test that skipped a subtest, unittest says both.
        self.outcomes.setdefault(test.id(), "passed")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._failed(test, err)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._failed(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test, err, f"{subtest}\n")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.outcomes.setdefault(test.id(), "skipped")
        self.reasons.setdefault(test.id(), reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self.outcomes[test.id()] = "failed as expected"

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self.outcomes[test.id()] = "failed"
        self.reasons[test.id()] = "it was expected to fail and did not"

    def _failed(self, test: unittest.TestCase, err: Any, which: str = "") -> None:
        text = which + "".join(traceback.format_exception(*err))
        already = self.reasons.get(test.id(), "") if self.outcomes.get(test.id()) == "failed" else ""
        self.outcomes[test.id()] = "failed"
        self.reasons[test.id()] = f"{already}\n{text}" if already else text


def at_start(begin: Callable[[], None]) -> None:
    """Record what ``runtests.py`` runs, and call ``begin`` before the first test."""
    run_suite = DiscoverRunner.run_suite

    def begin_and_run(self: DiscoverRunner, suite: unittest.TestSuite, **kwargs: Any) -> Any:
        begin()
        return run_suite(self, suite, **kwargs)

    DiscoverRunner.run_suite = begin_and_run
    DiscoverRunner.get_resultclass = lambda self: Recorder
