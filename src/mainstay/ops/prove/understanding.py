"""
Everything that a person wrote for a proof, understood at once and before anything is started.

The file of the system, its claims, the names on the command line, the journeys and their rules: all
mistakes are told together, whoever asks, a proof or the list of what it would try.
"""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.prove import plan
from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.claims import declared
from mainstay.ops.prove.journeys import Source
from mainstay.ops.prove.plan import Options, place
from mainstay.ops.topology import Examined
from mainstay.ops.topology.case import overlaps
from mainstay.ops.topology.values import Topology


@dataclass(frozen=True, slots=True)
class Understood:
    """What will be tried."""

    claims: tuple[Claim, ...]
    seed: int
    journeys: Source


def understand(topology: Topology, options: Options) -> Understood:
    """
    The claims to try, in order, each as the options change it; the seed; and where journeys come from.

    Raises:
        InvalidInput: With every mistake in the claims, the names and the journeys.
    """
    choice = plan.choose(topology, options)
    journeys = Source(topology, options, choice.claims, beside=choice.problems)
    return Understood(choice.claims, choice.seed, journeys)


def sound(examined: Examined, options: Options) -> Topology:
    """
    The system of a file without mistakes; with some, its claims and journeys are looked at all the same.

    Raises:
        InvalidInput: With every mistake of the file, also those in its claims and journeys.
    """
    if not examined.problems:
        return examined.topology
    more = [
        problem
        for problem in _in_claims(examined, options)
        if not any(overlaps(bad, problem.path) for bad in examined.unread)
    ]
    raise InvalidInput((*examined.problems, *more))


def _in_claims(examined: Examined, options: Options) -> tuple[Problem, ...]:
    """What is wrong with the claims of a file and their journeys, with its lines."""
    topology = examined.topology
    claims = [declared(topology, claim) for claim in topology.prove.claims]
    # Of a system that is wrong itself nobody can say whom a fault may hit.
    is_system_known = all(path.split(".")[0] == "prove" for path in examined.wrong)
    found = [
        problem
        for claim in claims
        for problem in plan.problems_of(topology, claim, place(topology, claim), faults=is_system_known)
    ]
    try:
        Source(topology, options, claims if is_system_known else (), beside=found)
    except InvalidInput as error:
        return error.problems
    return ()
