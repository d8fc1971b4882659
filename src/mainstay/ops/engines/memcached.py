"""
Memcached: the second cache, for projects that are used to it.

The plain protocol knows no password and the usual builds and clients have none, so
anybody on this machine may read and change what is in it. It listens on loopback
only, never on UDP, and `note` says this where a person will see it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mainstay.ops.engines import folder
from mainstay.ops.engines.ask import converse, said
from mainstay.ops.engines.engine import File, Launch, Node, Probe, Program
from mainstay.ops.engines.figures import Sample
from mainstay.ops.engines.find import choose, examine_version
from mainstay.ops.topology.values import Memcached as Declared

SECRETS: tuple[str, ...] = ()
MINIMUM = (1, 5)
MEBIBYTE = 1 << 20

FIGURES = {
    "mainstay_cache_hits_total": "get_hits",
    "mainstay_cache_misses_total": "get_misses",
    "mainstay_cache_evictions_total": "evictions",
    "mainstay_cache_memory_bytes": "bytes",
    "mainstay_cache_memory_limit_bytes": "limit_maxbytes",
    "mainstay_cache_connections": "curr_connections",
}
"""Names of figures, and what ``stats`` calls them."""


def find(declared: Declared) -> Program:
    """
    The server to run; it comes from the machine only, as there is no wheel of it.

    Raises:
        OperationFailed: It is not installed.
    """
    return choose(
        "memcached",
        explicit=declared.program,
        names=("memcached",),
        wheel=lambda: None,
        examine=examine_version("memcached", r"memcached ([\d.]+)", MINIMUM, "--version"),
        install="install the package memcached, such as: apt install memcached",
    )


@dataclass
class Memcached:
    """One running copy, on loopback, without a password."""

    node: Node
    program: Program
    declared: Declared

    note = "memcached has no password: any process on this machine can read and change what it holds"

    @property
    def url(self) -> str:
        return f"memcached://{self.node.address}"

    def files(self) -> tuple[File, ...]:
        """Nothing: all it needs is on its command line."""
        return ()

    async def prepare(self) -> None:
        folder.make(self.node.folder)

    def launch(self) -> Launch:
        address = self.node.address
        listen = ("--listen", address.host, "--port", str(address.port), "--udp-port", "0")
        size = ("--memory-limit", str(max(1, self.declared.max_memory // MEBIBYTE)))
        return Launch(
            argv=(str(self.program.path), *listen, *size, "--threads", "2"),
            cwd=self.node.folder,
            unprivileged=True,
        )

    async def probe(self) -> Probe:
        try:
            answer = await converse(self.node.address, b"version\r\n", until=b"\r\n")
        except OSError as error:
            return Probe(False, said(error), answered=False)
        ready = answer.startswith(b"VERSION ") and answer.endswith(b"\r\n")
        return Probe(True) if ready else Probe(False, f"answered {answer[:80]!r} to version")

    async def figures(self) -> tuple[Sample, ...]:
        """What is worth a graph; empty when the copy does not answer."""
        try:
            answer = await converse(self.node.address, b"stats\r\n", until=b"END\r\n")
        except OSError:
            return ()
        found = dict(re.findall(r"^STAT (\w+) (\d+)\r$", answer.decode(errors="replace"), re.MULTILINE))
        labels = {"node": self.node.name}
        return tuple(Sample(name, float(found[key]), labels) for name, key in FIGURES.items() if key in found)
