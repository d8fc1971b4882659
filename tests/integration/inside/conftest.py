"""A real replica of a small project, and a real PostgreSQL beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mainstay.ops.engines.oneshot import as_unprivileged
from tests.integration.inside.bugsink import ENVIRONMENT, Bugsink
from tests.integration.inside.database import Database, find_bin
from tests.integration.inside.receiver import Receiver
from tests.integration.inside.replica import Replica
from tests.unit.observability.collector import CollectorServer

PROJECT = Path(__file__).parent / "project"
SHOWN = 8_000
"""Characters of a replica's log, from its end."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that a test may change."""
    return Path(shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def start(project: Path, free_port: Callable[[], int], tmp_path: Path) -> Iterator[Callable[..., Replica]]:
    """``start("asgi", MAINSTAY_THREADS="2")``: a replica of the project, ready to answer."""
    started: list[Replica] = []

    def begin(interface: str = "asgi", ready: bool = True, **env: str) -> Replica:
        replica = Replica(project, interface, free_port(), tmp_path / f"replica-{len(started)}.log", env)
        started.append(replica)
        if ready:
            replica.wait_until_ready()
        return replica

    yield begin
    for replica in started:
        replica.kill()
        print(replica.output()[-SHOWN:])  # pytest shows it with a test that failed


@pytest.fixture(scope="session")
def _steady(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Callable[[str], Replica]]:
    folder = tmp_path_factory.mktemp("steady")
    root = Path(shutil.copytree(PROJECT, folder / "project", ignore=shutil.ignore_patterns("__pycache__")))
    running: dict[str, Replica] = {}

    def find(interface: str) -> Replica:
        if interface not in running:
            log = folder / f"{interface}.log"
            running[interface] = Replica(root, interface, free_port(), log, {})
            running[interface].wait_until_ready()
        return running[interface]

    yield find
    for replica in running.values():
        replica.kill()


@pytest.fixture
def steady(_steady: Callable[[str], Replica]) -> Callable[[str], Replica]:
    """``steady("asgi")``: a replica with default settings that many tests share, because a start takes a second."""

    def find(interface: str) -> Replica:
        replica = _steady(interface)
        replica.forget()
        return replica

    return find


@pytest.fixture
def manage(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``manage("mainstay_prepare", DATABASE_URL=…)`` in the project, to its end."""

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=project,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "site1.settings", "MAINSTAY_KIND": "manage", **env},
            capture_output=True,
            text=True,
            timeout=50,
        )

    return run


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Database]:
    """A PostgreSQL server with a synchronous standby's place in its settings, but none asked for."""
    bin_ = find_bin()
    folder = tmp_path_factory.mktemp("postgres")
    port = free_port()
    data = folder / "data"
    initdb = [str(bin_ / "initdb"), "-D", str(data), "-U", "app", "-A", "trust", "--no-sync"]
    subprocess.run(as_unprivileged(initdb), check=True, capture_output=True, timeout=50)
    words = f"-D {data} -p {port} -h 127.0.0.1 -k {folder} -F -c max_connections=40".split()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(as_unprivileged([str(bin_ / "postgres"), *words]), stdout=log, stderr=log)
    database = Database(port, server)
    database.wait()
    yield database
    server.send_signal(signal.SIGINT)
    server.wait(20)


@pytest.fixture(scope="session")
def bugsink(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Bugsink]:
    """A Sentry-compatible server that stores what it is told."""
    if not (ENVIRONMENT / "ready").exists():
        message = "Bugsink is not installed; type: make .venv-bugsink/ready"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder: Path = tmp_path_factory.mktemp("bugsink")
    running = Bugsink(folder, free_port())
    yield running
    running.end()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes error reports and keeps their events."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def collector() -> Iterator[CollectorServer]:
    """Takes spans over OTLP and keeps them."""
    server = CollectorServer()
    yield server
    server.end()
