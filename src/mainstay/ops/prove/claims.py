"""
The claims of a system: those that come by themselves from its topology, and those in its file.

One in the file replaces the one of its name that comes by itself, and ``[prove] without``
leaves it out.
"""

from __future__ import annotations

from dataclasses import replace

from mainstay.ops.prove.claim import FULL, NORMAL, QUICK, Claim, Load
from mainstay.ops.prove.derived import by_itself
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.proof import Size
from mainstay.ops.topology.values import ClaimSize, DeclaredClaim, DeclaredFault, Topology

TAGS: dict[ClaimSize, tuple[str, ...]] = {"quick": QUICK, "normal": NORMAL, "full": FULL, "named": ()}


def claims(topology: Topology, *, size: Size | None = "normal") -> tuple[Claim, ...]:
    """What is claimed of this system, in the order in which it is tried; everything when ``size`` is ``None``."""
    own = {claim.name: declared(topology, claim) for claim in topology.prove.claims}
    found = {**by_itself(topology), **own}
    left_out = set(topology.prove.without)
    return tuple(
        claim
        for name, claim in found.items()
        if (size is None or size in claim.tags) and name not in left_out
    )


def known_names(topology: Topology) -> tuple[str, ...]:
    """Every claim that comes by itself here, whatever the size, and whether or not it is left out."""
    return tuple(by_itself(topology))


def declared(topology: Topology, claim: DeclaredClaim) -> Claim:
    """A claim of the file, as it is tried."""
    strikes = _again_and_again(claim, strikes_of(claim))
    load = Load(claim.rate or topology.prove.rate, claim.shape, claim.peak, claim.journeys)
    what = " and ".join(f"{each.fault} {each.target}".strip() for each in claim.faults) or "under this load"
    return Claim(
        claim.name,
        claim.says or f"{what}: {', '.join(claim.holds)}",
        strikes,
        load,
        claim.holds,
        steady=claim.calm,
        after=claim.calm,
        patience=claim.within,
        tags=TAGS[claim.size],
        source=source(topology, claim),
    )


def strikes_of(claim: DeclaredClaim) -> tuple[Strike, ...]:
    """Its faults as they are written, each once."""
    return tuple(_strike(each) for each in claim.faults)


def _strike(fault: DeclaredFault) -> Strike:
    return Strike(
        fault.fault, fault.target, fault.at, -1.0 if fault.lasts is None else fault.lasts, fault.settings
    )


def _again_and_again(claim: DeclaredClaim, strikes: tuple[Strike, ...]) -> tuple[Strike, ...]:
    """The schedule of a claim that strikes more than once: its faults in turn, evenly spaced."""
    if claim.every is None or claim.during is None or not strikes:
        return strikes
    return tuple(
        replace(strike, at=strike.at + turn * claim.every)
        for turn in range(claim.turns)
        for strike in [strikes[turn % len(strikes)]]
    )


def source(topology: Topology, claim: DeclaredClaim) -> str:
    """What a claim says of where it comes from, when it was written in the file."""
    return f"{topology.file.name}: prove.claim {claim.name}"
