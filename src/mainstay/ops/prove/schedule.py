"""Which faults strike whom and for how long: chosen by the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.faults.fault import Strike


def resolve(strikes: Sequence[Strike], processes: Iterable[str], seed: int) -> tuple[Strike, ...]:
    """
    The same strikes with nothing left open: any of a kind becomes one process, a duration that nobody gave its own.

    The same strikes, processes and seed give the same schedule on every machine. Each strike
    draws by itself, so taking one away leaves the others as they are, except that strikes of one
    moment hit different processes while there are enough. Roles, services, links and
    whole kinds (``catalog.web.*``) stay: who they are is decided when the strike begins.

    Args:
        processes: The names of all processes, such as ``catalog.web.1``.
    """
    names = sorted(processes)
    found: list[Strike] = []
    for index, strike in enumerate(strikes):
        strike = replace(strike, lasts=catalogue.duration(strike))
        hit = {other.target for other in found if overlap(strike, other)}
        one_of = _replicas(strike.target, names)
        if one_of:
            free = [name for name in one_of if name not in hit] or one_of
            dice = random.Random(f"{seed}/{index}/{strike.fault}/{strike.target}")  # noqa: S311 - no secret
            strike = replace(strike, target=dice.choice(free))
        found.append(strike)
    return tuple(found)


def overlap(one: Strike, other: Strike) -> bool:
    """Whether two strikes are under way at the same time, or begin at the same moment."""
    first, second = sorted((one, other), key=lambda strike: strike.at)
    return second.at <= first.at + max(first.lasts, 0.0)


def _replicas(target: str, names: Iterable[str]) -> list[str]:
    """The processes of which a target means one: those of its name and a number."""
    return [name for name in names if name.rpartition(".")[0] == target and name.rpartition(".")[2].isdigit()]
