"""A neighboring service for tests, as the real thing: its own database, its own process, over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent


@contextmanager
def running(service: str, interface: str) -> Iterator[tuple[str, str]]:
    """Start a service beside the one under test; gives its base URL and the URL of its database."""
    database = _database(f"neighbor_{service}")
    port = _free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": f"{service}.settings",
        "PYTHONPATH": str(ROOT / service),
        "MAINSTAY_BIND": f"127.0.0.1:{port}",
        "MAINSTAY_INTERFACE": interface,
        "MAINSTAY_APPLICATION": f"{service}.{interface}:application",
        "MAINSTAY_THREADS": "16",
    }
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT / service, env=environment, check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "mainstay.http.serve"],
        cwd=ROOT / service,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", database
    finally:
        process.terminate()
        process.wait(20)


def _database(name: str) -> str:
    """A new, empty database on the server of the tests."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(parts._replace(path=f"/{name}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=1) as answer:  # noqa: S310 - loopback
                if answer.status == 200:
                    return
        except OSError:
            if process.poll() is not None:
                break
        time.sleep(0.05)
    raise RuntimeError("the neighbor did not become ready")
