"""
Ports for processes: fixed ones are checked, automatic ones are found.

Automatic ports come from below the range that the kernel hands out to outgoing
connections (ip_local_port_range), so that no client socket can sit on one while its
process restarts.
"""

from __future__ import annotations

import errno
import random
import socket
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise import proc

LOOPBACK = "127.0.0.1"
LOWEST = 20000


def _highest() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32768


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now; leftovers in TIME_WAIT do not count."""
    try:
        _listen_once(port, host)
    except OSError:
        return False
    return True


def _listen_once(port: int, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)


def check(port: int, host: str, key: str) -> None:
    """
    Refuse a fixed port that is taken, or that this user may not have.

    Raises:
        OperationFailed: Names the holder of a taken one when it can be known.
    """
    try:
        _listen_once(port, host)
        return
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise OperationFailed(
                "port.cannot-listen",
                f"{host}:{port} ({key}): {error.strerror or error}",
                hint="ports below 1024 are for root as a rule, and a host must be an address of this machine",
            ) from error
    holder = proc.listener(port)
    raise OperationFailed(
        "port.busy",
        f"{host}:{port} ({key}) is in use" + (f" by {holder}" if holder else ""),
        hint=f"stop it, or set another {key} in mainstay.toml; 0 lets Mainstay choose",
    )


class Ports:
    """Hands out automatic ports, the one used last time first, and never one twice."""

    def __init__(self, remembered: dict[str, int]) -> None:
        self.given = dict(remembered)

    def take(self, owner: str) -> int:
        """A free port for this owner; kept for its next start."""
        last = self.given.get(owner)
        if last is not None and is_free(last):
            return last
        for _ in range(2000):
            port = random.randint(max(LOWEST, 1024), max(_highest() - 1, LOWEST + 2000))  # noqa: S311 - not a secret
            if port not in self.given.values() and is_free(port):
                self.given[owner] = port
                return port
        raise OperationFailed("port.none-free", "no free port was found on 127.0.0.1")

    def forget(self, owner: str) -> None:
        """This owner will not come back; others may have its port."""
        self.given.pop(owner, None)
