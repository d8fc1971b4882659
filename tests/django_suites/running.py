"""One run of ``runtests.py`` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.django_suites.source import unpacked_tests

LAUNCH = Path(__file__).parent / "inside" / "launch.py"
LIMIT = 1800.0
"""Seconds for one run."""

Variant = Literal["bare", "chain", "direct", "bare async", "chain async"]


class RunBroken(Exception):
    """Django's runner did not come to its end, so nothing is known."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a selection gave."""

    variant: Variant
    labels: tuple[str, ...]
    outcomes: dict[str, str]
    """``passed``, ``failed``, ``skipped`` or ``failed as expected``, by the test's id."""
    reasons: dict[str, str]
    counts: dict[str, int]
    cpu: float
    """Seconds of CPU time."""


def run(variant: Variant, labels: Sequence[str], *, mutant: str = "") -> Run:
    """
    Run the labels in a process of their own.

    Raises:
        SourceUnavailable: Django's tests are not here.
        RunBroken: It ended without a report, or ran into its time limit.
    """
    folder = unpacked_tests()
    with tempfile.TemporaryDirectory() as beside:
        report = Path(beside) / "report.json"
        order = {"folder": str(folder), "report": str(report), "variant": variant, "mutant": mutant}
        said = _start([sys.executable, str(LAUNCH), json.dumps({**order, "labels": list(labels)})])
        if not report.exists():
            raise RunBroken(f"{variant}: no report. The end of what it said:\n{said[-4000:]}")
        told = json.loads(report.read_text())
    if not told["outcomes"]:
        raise RunBroken(f"{variant}: not one test ran. The end of what it said:\n{said[-4000:]}")
    return Run(variant, tuple(labels), told["outcomes"], told["reasons"], told["counts"], told["cpu"])


def part(whole: Run, labels: Sequence[str]) -> Run:
    """The part of a run that these labels select, for a comparison with a run of only those."""
    inside = tuple(f"{label}." for label in labels)
    outcomes = {test: outcome for test, outcome in whole.outcomes.items() if f"{test}.".startswith(inside)}
    return replace(whole, labels=tuple(labels), outcomes=outcomes)


def _start(argv: list[str]) -> str:
    # The same environment for every variant, without what the caller's own Django is configured by.
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    try:
        done = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise RunBroken(f"it did not end within {LIMIT:.0f} s") from None
    return done.stdout


_FOREIGN = {"DJANGO_SETTINGS_MODULE", "PYTHONPATH", "PYTHONWARNINGS"}
