"""Every fault there is: for help, for judging claims before anything is started, and to make them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mainstay.base.errors import OperationFailed, Problem, nearest
from mainstay.ops.prove.faults import (
    bad_release,
    cache,
    clock,
    control,
    cpu,
    database,
    disk,
    link,
    primary,
    process,
    targets,
)
from mainstay.ops.prove.faults.fault import Fault, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, problem
from mainstay.ops.topology.values import Topology

FAMILIES = (process, control, bad_release, primary, database, cache, link, disk, cpu, clock)
CATALOGUE: dict[str, FaultKind] = {kind.name: kind for family in FAMILIES for kind in family.KINDS}


def names() -> list[FaultKind]:
    """Every kind of fault, in the order in which help shows them."""
    return list(CATALOGUE.values())


def check(strike: Strike, topology: Topology) -> list[Problem]:
    """Everything wrong with a strike at such a system, without the place in a file; empty when it can be tried."""
    kind = CATALOGUE.get(strike.fault)
    if kind is None:
        hint = nearest(strike.fault, CATALOGUE) or f"known: {', '.join(CATALOGUE)}"
        return [problem("unknown-fault", "fault", "the name of a fault", repr(strike.fault), hint)]
    target = targets.judge(strike.target, kind.targets, topology, optional=kind.optional_target)
    return [*([target] if target else []), *kind.problems(strike.with_), *_times(kind, strike)]


def _times(kind: FaultKind, strike: Strike) -> Iterator[Problem]:
    if not 0 <= strike.at < math.inf:
        yield problem("wrong-moment", "at", "seconds after the faults begin", f"{strike.at:g}")
    lasts = kind.duration(strike.lasts)
    if not lasts < math.inf:
        yield problem("wrong-duration", "lasts", "a number of seconds", f"{lasts:g}")
    elif kind.lasts and not lasts and not kind.brief:
        hint = f"leave it out for {kind.lasts:g} s"
        yield problem("wrong-duration", "lasts", f"how long {kind.name} lasts", "0", hint)
    elif lasts and not kind.lasts:
        expected = f"nothing: {kind.name} ends by itself"
        yield problem("wrong-duration", "lasts", expected, f"{lasts:g}", "leave it out")


def make(strike: Strike, target: Target) -> Fault:
    """
    The fault of a strike, not begun yet.

    Raises:
        OperationFailed: There is no such fault, or its settings are wrong; `check` says it all before.
    """
    try:
        kind = CATALOGUE[strike.fault]
        return kind.make(strike, kind.read(strike.with_), target)
    except (KeyError, ValueError) as error:
        raise OperationFailed(
            "prove.wrong-strike", f"{strike.fault} cannot be made of {dict(strike.with_)}: {error}"
        ) from error


def duration(strike: Strike) -> float:
    """Seconds that a strike lasts: its own, or its kind's when nobody said."""
    kind = CATALOGUE.get(strike.fault)
    return kind.duration(strike.lasts) if kind else max(strike.lasts, 0.0)
