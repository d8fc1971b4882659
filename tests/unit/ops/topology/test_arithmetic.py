"""Sums of connections and chains of limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainstay.ops.topology.arithmetic import broken_links, budget
from mainstay.ops.topology.values import Timeouts, Topology


def test_connections_are_counted_while_every_service_is_being_updated(
    declare: Callable[[str], Topology],
) -> None:
    """Old and new run side by side then: three web processes where two were asked for."""
    topology = declare(
        """
        [service.catalog]
        root = "catalog"
        routes = ["/"]
        pool = 5
        processes.worker = 3
        [service.orders]
        root = "orders"
        replicas = 4
        pool = 2
        [service.payments]
        root = "payments"
        needs = []
        [engine.postgres]
        max_connections = 50
        reserved_connections = 10
        """
    )
    sums = budget(topology)

    assert sums is not None
    assert [(share.service, share.kind, share.product, share.connections) for share in sums.shares] == [
        ("catalog", "web", "(2 + 1) × 5", 15),
        ("catalog", "worker", "3 × 5", 15),
        ("orders", "web", "(4 + 1) × 2", 10),
    ]
    assert (sums.used, sums.offered, sums.fits) == (40, 40, True)


def test_there_is_no_budget_without_postgres(declare: Callable[[str], Topology]) -> None:
    assert budget(declare('[service.web]\nroot = "catalog"\nneeds = []')) is None


@pytest.mark.parametrize(
    ("timeouts", "broken"),
    [
        (Timeouts(), []),
        (Timeouts(edge=10.0), [("edge", "request")]),
        (Timeouts(request=5.0), [("request", "statement")]),
        (Timeouts(lock=5.0), [("statement", "lock")]),
        (Timeouts(drain=15.0), [("stop", "drain")]),
        (Timeouts(drain=10.0), [("drain", "request")]),
        (Timeouts(request=20.0), [("edge", "request"), ("drain", "request")]),
    ],
)
def test_each_limit_is_longer_than_the_next(timeouts: Timeouts, broken: list[tuple[str, str]]) -> None:
    assert broken_links(timeouts) == broken
