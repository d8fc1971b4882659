"""Sums that must come out right before anything starts: connections and timeouts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from mainstay.ops.topology.values import Service, Timeouts, Topology

SURGE = 1
"""Extra replicas of a service during a rolling update: the new one runs before the old one leaves."""

CHAINS = (("edge", "request", "statement", "lock"), ("stop", "drain", "request"))
"""Each limit must be longer than the next."""


@dataclass(frozen=True, slots=True)
class Share:
    """The database connections that one kind of process may hold."""

    service: str
    kind: str
    replicas: int
    surge: int
    pool: int

    @property
    def connections(self) -> int:
        return (self.replicas + self.surge) * self.pool

    @property
    def product(self) -> str:
        """Such as ``(2 + 1) × 4``: copies that run, copies while updating, connections of each."""
        copies = f"({self.replicas} + {self.surge})" if self.surge else str(self.replicas)
        return f"{copies} × {self.pool}"


@dataclass(frozen=True, slots=True)
class Budget:
    """All shares beside what the server offers."""

    shares: tuple[Share, ...]
    max_connections: int
    reserved: int

    @property
    def used(self) -> int:
        return sum(share.connections for share in self.shares)

    @property
    def offered(self) -> int:
        return self.max_connections - self.reserved

    @property
    def fits(self) -> bool:
        return self.used <= self.offered


def budget(topology: Topology) -> Budget | None:
    """The connections of every process while every service is being updated; ``None`` without PostgreSQL."""
    postgres = topology.engines.postgres
    if postgres is None:
        return None
    shares = tuple(share for service in topology.services for share in _shares(service))
    return Budget(shares, postgres.max_connections, postgres.reserved_connections)


def broken_links(timeouts: Timeouts) -> list[tuple[str, str]]:
    """Neighbors in a chain whose first limit is not longer than its second."""
    pairs = [pair for chain in CHAINS for pair in pairwise(chain)]
    return [pair for pair in pairs if not getattr(timeouts, pair[0]) > getattr(timeouts, pair[1])]


def _shares(service: Service) -> list[Share]:
    if "postgres" not in service.needs:
        return []
    surge, name, pool = {"web": SURGE}, service.name, service.pool
    return [Share(name, kind.name, kind.replicas, surge.get(kind.name, 0), pool) for kind in service.kinds]
