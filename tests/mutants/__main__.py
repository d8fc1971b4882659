"""
``python -m tests.mutants [NAME …]``: switch each mutant on and demand that its claim finds it.

Exit code 0 when all are caught, 1 when one goes unnoticed, 2 when it could not be told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutants import MUTANTS, SWITCHED, VARIABLE, Mutant, named

REPOSITORY = Path(__file__).parents[2]
LIMIT = 240.0
"""Seconds for one try of one mutant."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant."""

    mutant: Mutant
    caught: bool | None
    """``None``: no try gave anything to judge."""
    tries: int
    seconds: float
    found: str


class NoProof(Exception):
    """A try that gave nothing to judge; the message quotes its end."""


def attempt(mutant: Mutant, file: Path, seed: int) -> dict[str, Any]:
    """
    The claim's part of the proof with the mutant switched on.

    Raises:
        NoProof: It took too long, or did not come to a verdict.
    """
    with tempfile.TemporaryDirectory(prefix="mainstay-mutant-") as folder:
        words = (mutant.name, str(file), f"{folder}/proof", str(seed))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.mutants.one", *words],
                cwd=REPOSITORY,
                env={**os.environ, **environment(mutant)},
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
            claim: dict[str, Any] = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            raise NoProof(f"not within {LIMIT:g} s") from None
        except ValueError:
            raise NoProof(f"{done.stdout[-2000:]}{done.stderr[-2000:]}") from None
        return claim


def environment(mutant: Mutant) -> dict[str, str]:
    """What the proving process and its supervisor are told; services are told by their twin."""
    if mutant.where not in ("supervisor", "prover"):
        return {}
    return {"PYTHONPATH": str(SWITCHED), VARIABLE: mutant.name}


def is_caught(mutant: Mutant, claim: dict[str, Any]) -> bool:
    """Whether the claim failed by one of the rules that speak of the mechanism; a fault in name only must not pass."""
    if not mutant.rules:
        bites = [bite["bit"] for bite in claim["bites"]]
        return claim["verdict"] == "unknown" and bool(bites) and not any(bites)
    failed = [each["rule"] for each in claim["judgements"] if each["verdict"] == "fail"]
    return any(rule.startswith(metric) for rule in failed for metric in mutant.rules)


def hunt(mutant: Mutant, file: Path) -> Outcome:
    began = time.monotonic()
    caught, found, number = None, "", 0
    for number in range(1, mutant.tries + 1):
        try:
            claim = attempt(mutant, file, seed=number)
        except NoProof as error:
            found = str(error)
            continue
        caught, found = is_caught(mutant, claim), told(claim)
        if caught:
            break
    return Outcome(mutant, caught, number, time.monotonic() - began, found)


def told(claim: dict[str, Any]) -> str:
    failed = [f"{each['rule']}: {each['found']}" for each in claim["judgements"] if each["verdict"] == "fail"]
    return "; ".join(failed) or claim.get("reason") or str(claim["verdict"])


WORDS = {True: "caught", False: "MISSED", None: "?"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; by default all")
    parser.add_argument("--file", type=Path, default=REPOSITORY / "boxoffice" / "mainstay.toml")
    parser.add_argument("--list", action="store_true", help="show the mutants and try nothing")
    parser.add_argument("--sure", action="store_true", help="leave out those that show only by chance")
    options = parser.parse_args()
    if unknown := set(options.names) - {mutant.name for mutant in MUTANTS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; --list names them")
    mutants = [named(name) for name in options.names] or list(MUTANTS)
    mutants = [mutant for mutant in mutants if not (options.sure and mutant.by_chance)]
    if options.list:
        for mutant in mutants:
            print(f"{mutant.name:28} {mutant.claim:24} {mutant.says}")
        return 0
    outcomes = []
    for mutant in mutants:
        outcome = hunt(mutant, options.file)
        outcomes.append(outcome)
        place = f"{mutant.name:28} by {mutant.claim:24}"
        tries = f"try {outcome.tries}, " if outcome.tries > 1 else ""
        print(
            f"{WORDS[outcome.caught]:7} {place} {tries}{outcome.seconds:.0f} s  {outcome.found[:160]}",
            flush=True,
        )
    caught = [outcome.caught for outcome in outcomes]
    print(f"{caught.count(True)} of {len(caught)} mutants caught")
    return 2 if None in caught and False not in caught else 1 if False in caught else 0


if __name__ == "__main__":
    sys.exit(main())
