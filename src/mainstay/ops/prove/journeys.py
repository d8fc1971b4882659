"""Where the load of a proof comes from: the project's journeys, a Locust file, or what the pages themselves show."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.ops.prove import calibration
from mainstay.ops.prove.claim import FROM_TOPOLOGY, Claim
from mainstay.ops.prove.faults import targets
from mainstay.ops.prove.judging import rules
from mainstay.ops.prove.judging.reach import Reach
from mainstay.ops.prove.judging.vocabulary import KINDS
from mainstay.ops.prove.loading import derive, journey, locust
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.plan import Options, place, with_lines
from mainstay.ops.prove.trial import rules_of
from mainstay.ops.topology.values import Topology

ROLES = (targets.EVERYTHING, "primary", "standby")
"""Words for whom a fault hits that are no process."""

MOST_NAMED = 6
"""Pages that are named where nobody wrote journeys."""


class Source:
    """
    Gives each claim journeys of its own, so that none starts with what another left behind.

    Making one reads the project's file, if it names one, before anything is started.

    Raises:
        InvalidInput: The file is wrong, its rules or those of ``claims`` do not fit it or one
            another, a claim asks for journeys that it does not have or for what none of them can
            answer, or something was wrong ``beside``; all of it at once.
    """

    def __init__(
        self,
        topology: Topology,
        options: Options,
        claims: Iterable[Claim] = (),
        *,
        beside: Iterable[Problem] = (),
    ) -> None:
        self._topology = topology
        self._path = topology.prove.journeys
        self._spares = bool(options.against or options.running) and not options.writes
        self._derived: Sequence[Journey] = ()
        problems = [*beside]
        try:
            known = self._read() if self._path is not None else []
        except InvalidInput as error:
            problems += error.problems
        else:
            problems += [*_own_problems(self._path, known), *_problems(topology, known, claims)]
        if problems:
            raise InvalidInput(with_lines(topology, problems))

    async def fresh(self, url: str) -> Sequence[Journey]:
        """
        New journeys for a system that is up.

        Raises:
            OperationFailed: Nothing was found there that could be read.
        """
        if self._path is not None:
            return self._read()
        if not self._derived:
            self._derived = await derive.journeys(url)
        return self._derived

    @property
    def notes(self) -> tuple[str, ...]:
        """Where nobody has written journeys: what was read instead, once it is known."""
        if not self._derived:
            return ()
        names = [each.name for each in self._derived]
        more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
        pages = ", ".join([*names[:MOST_NAMED], *more])
        return (f"there is no file of journeys, so nothing was written: the load only read {pages}",)

    def answerable(self, claim: Claim, texts: Sequence[str], journeys: Sequence[Journey]) -> tuple[str, ...]:
        """
        Of these rules, those that a claim can answer that was made smaller than the one they are of.

        Without any strike left, a rule that counts from one would have the whole schedule refused.
        """
        known = journeys if self._path is not None else ()
        reach = _reach(self._topology, replace(claim, source=""), known)
        return tuple(text for text in texts if not rules.check([text], reach=reach))

    def _read(self) -> Sequence[Journey]:
        assert self._path is not None  # noqa: S101 - asked by both callers
        # What the file prints while it is read must not come between what programs read.
        with contextlib.redirect_stdout(sys.stderr):
            found = locust.journeys(self._path) if locust.is_locust(self._path) else journey.load(self._path)
        if not self._spares:
            return found
        if reading := [each for each in found if not each.writes]:
            return reading
        expected = "a journey that only reads, as the system is in use"
        problem = Problem(
            "prove.journey-writes",
            str(self._path),
            "",
            expected,
            f"{len(found)} that write",
            "--writes lets them",
        )
        raise InvalidInput([problem])


def _own_problems(path: Path | None, journeys: Sequence[Journey]) -> list[Problem]:
    """What is wrong with the rules of the journeys themselves."""
    names = [each.name for each in journeys]
    return [
        problem
        for each in journeys
        for problem in rules.check(each.rules, where=str(path), path=f"{each.name}.rules", journeys=names)
    ]


def _problems(topology: Topology, journeys: Sequence[Journey], claims: Iterable[Claim]) -> list[Problem]:
    """What is wrong between these claims and the journeys that are their load."""
    return [
        problem
        for claim in claims
        for problem in place(topology, claim).as_written(_in_claim(topology, journeys, claim))
    ]


def _in_claim(topology: Topology, journeys: Sequence[Journey], claim: Claim) -> list[Problem]:
    names = [each.name for each in journeys]
    found: list[Problem] = []
    where = place(topology, claim)
    for index, name in enumerate(claim.load.only):
        if name not in names:
            expected = (
                f"a journey: {', '.join(names)}" if names else "none: [prove] names no file of journeys"
            )
            key = where.key(f"{where.journeys}[{index}]")
            hint = nearest(name, names)
            found.append(Problem("prove.journey-unknown", where.where, key, expected, repr(name), hint))
    held, reach = where.key("holds"), _reach(topology, claim, journeys)
    own = rules.check(
        claim.holds, where=where.where, path=held, journeys=names if names else None, reach=reach
    )
    told = {(each.id, each.expected, each.found) for each in own}
    together = rules.check(rules_of(claim, journeys), where=where.where)
    found += own
    found += [
        replace(each, path=held)
        for each in together
        if each.id == "prove.rule-conflict" and (each.id, each.expected, each.found) not in told
    ]
    return found


def _reach(topology: Topology, claim: Claim, journeys: Sequence[Journey]) -> Reach | None:
    """What there will be to look at in a claim that somebody wrote; others are made to fit what is found."""
    if claim.source in (FROM_TOPOLOGY, calibration.CLAIM.source):
        return None
    words = [word for word in targets.words(topology) if not word.endswith(".*")]
    return Reach(
        has_faults=bool(claim.strikes),
        has_peak=claim.load.peak != 1,
        processes=[word for word in words if word not in ROLES],
        kinds=KINDS if journeys else ("get",),
        has_facts=any(not isinstance(each, locust.Users) for each in journeys),
    )
