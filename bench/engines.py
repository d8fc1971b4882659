"""Real servers on loopback, each with a folder of its own, ended with the process that asked for them."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE = 20.0
"""Seconds until a server must take connections."""


def start_valkey() -> str:
    """A Valkey that keeps nothing on disk; its URL."""
    from mainstay.ops.engines.valkey import find
    from mainstay.ops.topology.values import Valkey

    program = find(Valkey(program="", port=0, max_memory=64 << 20)).path
    port, folder = _free_port(), _folder()
    words = f"--port {port} --bind 127.0.0.1 --loglevel warning --save".split()
    _start([str(program), *words, ""], folder, port, signal.SIGKILL)
    return f"redis://127.0.0.1:{port}/0"


def start_postgres() -> int:
    """A new PostgreSQL with the superuser ``app``, who needs no password; its port."""
    from mainstay.ops.engines.oneshot import as_unprivileged
    from mainstay.ops.engines.postgres.find import find
    from mainstay.ops.topology.values import Postgres

    declared = Postgres("", 0, 0, False, "available", 40, 3)
    program = find(declared).path.resolve()
    port, folder = _free_port(), _folder()
    folder.chmod(0o777)
    data = folder / "data"
    made = f"{program.parent / 'initdb'} -D {data} -U app -A trust --no-sync".split()
    subprocess.run(as_unprivileged(made), check=True, capture_output=True, cwd=folder)
    words = f"-D {data} -p {port} -h 127.0.0.1 -k {folder} -F".split()
    _start(as_unprivileged([str(program), *words]), folder, port, signal.SIGINT)
    return port


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="mainstay-bench-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _start(words: Sequence[str], folder: Path, port: int, ending: signal.Signals) -> None:
    with Path(os.devnull).open("w") as nowhere:
        server = subprocess.Popen(words, cwd=folder, stdout=nowhere, stderr=nowhere)

    def end() -> None:
        server.send_signal(ending)
        server.wait()

    atexit.register(end)
    _wait_for(lambda: _answers(port), words[0])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(condition: Callable[[], bool], name: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"{name} did not start within {PATIENCE:g} s")
        time.sleep(0.05)
