"""
Defects that can be switched on by name, each with the claim that must find it.

A prover that never says no proves nothing. Each mutant takes one mechanism out of the
running system, or breaks the prover itself, and `make mutants` demands that the claim which
names that mechanism fails. Nothing of this is in the product: `switched/sitecustomize.py` is put on the path
of the processes that are to be changed, and changes what they import.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SWITCHED = Path(__file__).parent / "switched"
VARIABLE = "MAINSTAY_MUTANT"

Where = Literal["services", "supervisor", "prover"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One defect."""

    name: str
    says: str
    claim: str
    """The claim that must fail."""
    rules: tuple[str, ...]
    """Metrics of its rules, one of which at least must be what fails: ``lost.orders``."""
    where: Where
    """Whose code is changed."""
    rate: float = 20.0
    tries: int = 6
    """Chances to be caught."""
    by_chance: bool = False
    """It shows only when a request is in the wrong place at the wrong moment, and so may escape them all."""


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "asynchronous-standby",
        "the standby is taken for synchronous, and no commit waits for it",
        "primary-lost",
        ("lost.orders",),
        "supervisor",
    ),
    Mutant(
        "acknowledged-before-commit",
        "sessions do not wait for their commit to be kept (synchronous_commit = off)",
        "primary-lost",
        ("lost.orders",),
        "services",
    ),
    Mutant(
        "no-drain",
        "a replica is killed while it still answers",
        "rollout-orders",
        ("errors",),
        "supervisor",
        rate=60.0,
        by_chance=True,
    ),
    Mutant(
        "no-health-check",
        "the edge is not told of a replica that does not answer",
        "replica-paused-catalog",
        ("errors.get", "worst.get"),
        "supervisor",
        by_chance=True,
    ),
    Mutant(
        "no-retry",
        "the edge does not repeat what is safe to repeat",
        "replica-killed-catalog",
        ("errors.get",),
        "supervisor",
        rate=60.0,
        by_chance=True,
    ),
    Mutant(
        "retry-of-plain-post",
        "the edge repeats a POST without a key",
        "replica-paused-orders",
        ("figure.repeated.write",),
        "supervisor",
        rate=30.0,
        by_chance=True,
    ),
    Mutant(
        "no-connection-check",
        "a pooled connection is used without asking whether it is alive",
        "connections-cut",
        ("errors",),
        "services",
    ),
    Mutant(
        "no-idempotency",
        "an order's key is not looked up",
        "replica-paused-orders",
        ("refused.keyed",),
        "services",
        rate=40.0,
        by_chance=True,
    ),
    Mutant(
        "double-sale",
        "seats are taken without lock, check and constraint",
        "calm",
        ("oversold.seats",),
        "services",
        rate=10.0,
    ),
    Mutant(
        "no-restart",
        "a process that died is not started again",
        "replica-killed-catalog",
        ("ready-again",),
        "supervisor",
    ),
    Mutant(
        "readiness-asks-the-database",
        "a replica is not ready while its database is away",
        "primary-lost",
        ("figure.left-ready",),
        "services",
    ),
    Mutant(
        "readiness-asks-the-cache",
        "a replica is not ready while its cache is away",
        "valkey-frozen",
        ("figure.left-ready",),
        "services",
    ),
    Mutant(
        "places-are-kept",
        "a request keeps its place after it was answered",
        "calm",
        ("errors",),
        "services",
    ),
    Mutant(
        "no-statement-limit",
        "a statement may wait for a lock for as long as it likes",
        "table-locked-catalog",
        ("worst",),
        "services",
    ),
    Mutant(
        "hidden-lateness",
        "latency counts from when a step was sent, and the next waits for the last",
        "generator",
        ("figure.hidden",),
        "prover",
    ),
    Mutant(
        "cache-is-needed",
        "an error of the cache is an error of the request",
        "valkey-killed",
        ("errors.get",),
        "services",
        rate=40.0,
        by_chance=True,
    ),
    Mutant(
        "fault-does-not-bite",
        "faults are injected in name only",
        "replica-killed-catalog",
        (),
        "prover",
    ),
)


def named(name: str) -> Mutant:
    return next(mutant for mutant in MUTANTS if mutant.name == name)
