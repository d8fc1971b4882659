"""
Services that use a database of their own and not the system's: what is claimed of that says nothing of them.

Their preparation says so, because a project that forgot to change `DATABASES` works all the same. What it says is
told at the begin of a proof: a twin has copies of such databases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mainstay.ops.prove.claim import FROM_TOPOLOGY, Claim
from mainstay.ops.topology.values import Topology

WORDS = "does not use the system's PostgreSQL"
"""What a service's preparation says of it (`mainstay_prepare`)."""

FAULTS = ("primary.lost", "disk-full", "lock", "slow-query", "replay-delay")
TARGETS = ("primary", "standby", "postgres", "replication")


def services(events: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The services that said so."""
    return frozenset(
        str(event["subject"])
        for event in events
        if event["event"] == "service.warning" and WORDS in str(event["why"])
    )


def warnings(events: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What the services' preparations warned of, once each, in the order in which it was said."""
    said = (f"{event['subject']}: {event['why']}" for event in events if event["event"] == "service.warning")
    return tuple(dict.fromkeys(said))


def why_not(claim: Claim, topology: Topology, apart: frozenset[str]) -> str:
    """Why a claim that came by itself says nothing, when everybody who could use its database uses another."""
    needing = {service.name for service in topology.services if "postgres" in service.needs}
    if not needing or not needing <= apart or claim.source != FROM_TOPOLOGY or not _is_about_it(claim):
        return ""
    names = ", ".join(sorted(needing))
    change = "DATABASES = mainstay.databases(BASE_DIR) changes that"
    return f"{names} uses a database of its own, not the system's; {change}"


def _is_about_it(claim: Claim) -> bool:
    return any(
        strike.fault in FAULTS or any(word in strike.target for word in TARGETS) for strike in claim.strikes
    )
