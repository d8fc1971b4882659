"""A service, its replicas and their edge, all in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.units import WebReplica
from mainstay.ops.topology import load
from mainstay.ops.topology.values import Service, Topology
from tests.unit.ops.topology.projects import write_project

TEXT = """
[system]
name = "shop"
[edge]
hosts = ["shop.example"]
[service.catalog]
root = "catalog"
routes = ["/"]
replicas = 2
needs = ["postgres", "valkey"]
calls = ["orders"]
env = { REDIS_URL = "{valkey.url}", ORDERS = "{service.orders.url}", SITE = "{edge.url}" }
[service.orders]
root = "orders"
routes = ["/orders/"]
replicas = 1
needs = ["postgres", "valkey"]
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
def catalog(topology: Topology) -> Service:
    return topology.service("catalog")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "events.jsonl")


@pytest.fixture
def replica(catalog: Service) -> Callable[..., WebReplica]:
    """A web replica by number and generation; its port tells which it is."""

    def make(number: int = 1, generation: int = 1, service: Service = catalog) -> WebReplica:
        address = Address("127.0.0.1", 20000 + 10 * number + generation)
        declared = replace(service)
        unit = WebReplica(
            f"{service.name}.web.{number}", declared, lambda: NotImplemented, lambda: address, generation
        )
        unit.address = address
        return unit

    return make
