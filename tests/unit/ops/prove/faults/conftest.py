"""The topology of a shop, for strikes at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.ops.topology import load
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.faults.fakes import FakeTarget, row
from tests.unit.ops.topology.projects import write_project

TEXT = """
[system]
name = "shop"
[service.catalog]
root = "catalog"
routes = ["/"]
replicas = 2
needs = ["postgres", "valkey"]
calls = ["orders"]
[service.orders]
root = "orders"
routes = ["/orders/"]
needs = ["postgres"]
processes.worker = 1
[engine.postgres]
standbys = 1
"""


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    for name in ("catalog", "orders"):
        write_project(tmp_path / name, name)
    (tmp_path / "mainstay.toml").write_text(TEXT)
    return load(tmp_path)


@pytest.fixture
def target(topology: Topology, tmp_path: Path) -> FakeTarget:
    rows = [
        row("postgres.1", role="primary"),
        row("postgres.2", role="standby"),
        row("valkey.1"),
        row("catalog.web.1"),
        row("catalog.web.2"),
        row("orders.web.1"),
        row("orders.worker.1"),
        row("edge.1"),
    ]
    return FakeTarget(topology, tmp_path / "state", rows)
