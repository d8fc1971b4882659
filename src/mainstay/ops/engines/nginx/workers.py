"""
The processes of a running nginx, as the kernel shows them.

nginx tells nobody when a reload has taken effect or what it has open towards a
replica; the process table and the socket table do. Linux only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.ops.engines.engine import Address

PROC = Path("/proc")
LEAVING = b"is shutting down"
"""How a worker that takes no new connections names itself (``ngx_worker_process_cycle``)."""

ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Master:
    """The master process of one nginx."""

    pid: int

    def alive(self) -> bool:
        return b"nginx: master process" in _title(self.pid)

    def workers(self) -> dict[int, bool]:
        """The workers, and whether each is on its way out."""
        return {pid: LEAVING in title for pid in _children(self.pid) if (title := _title(pid))}

    def sockets(self, address: Address) -> int:
        """Connections that the workers have open towards an address."""
        wanted = {inode for inode, remote in _connections() if remote == address}
        if not wanted:
            return 0
        held = (inode for pid in self.workers() for inode in _inodes(pid))
        return sum(inode in wanted for inode in held)


def find(pid_file: Path) -> Master | None:
    """The running master that wrote this file; ``None`` when it is gone and its number given to another."""
    try:
        master = Master(int(pid_file.read_text()))
    except (OSError, ValueError):
        return None
    return master if master.alive() else None


def _title(pid: int) -> bytes:
    """The command line, which nginx rewrites to say what a process does; empty for one that has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _children(parent: int) -> Iterator[int]:
    for folder in PROC.iterdir():
        if folder.name.isdigit() and _parent(folder) == parent:
            yield int(folder.name)


def _parent(folder: Path) -> int:
    try:
        stat = (folder / "stat").read_text()
    except OSError:
        return 0
    # The second field is the program's name in brackets and may itself hold brackets and spaces.
    return int(stat.rpartition(")")[2].split()[1])


def _inodes(pid: int) -> Iterator[int]:
    try:
        for link in (PROC / str(pid) / "fd").iterdir():
            target = str(link.readlink())
            if target.startswith("socket:["):
                yield int(target[8:-1])
    except OSError:
        return


def _connections() -> Iterator[tuple[int, Address]]:
    """Inode and remote address of every established TCP connection on this machine."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == ESTABLISHED:
                yield int(fields[9]), _address(fields[2])


def _address(text: str) -> Address:
    """
    An address as ``/proc/net/tcp`` spells it: 32-bit words in the machine's byte order.

    https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt
    """
    host, port = text.split(":")
    words = bytes.fromhex(host)
    raw = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    return Address(str(ipaddress.ip_address(raw)), int(port, 16))
