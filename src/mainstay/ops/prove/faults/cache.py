"""A cache that forgets everything at once."""

from __future__ import annotations

import re

from mainstay.ops.engines.ask import converse, said
from mainstay.ops.engines.engine import Address
from mainstay.ops.engines.valkey import PASSWORD, command
from mainstay.ops.prove.faults import targets
from mainstay.ops.prove.faults.fault import Evidence, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Settings
from mainstay.ops.prove.faults.targets import Absent, Victim
from mainstay.ops.supervise.state import StateFolder

LIMIT = 5.0


class Flush:
    """FLUSHALL of Valkey, ``flush_all`` of Memcached."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self._victim: Victim | None = None
        self._before = self._after = 0
        self._said = ""

    async def inject(self) -> None:
        victim = self._victim = await targets.find_one(self.strike, self.target)
        host, _, port = victim.address.rpartition(":")
        address = Address(host, int(port))
        try:
            if victim.kind == "memcached":
                await self._flush_memcached(address)
            else:
                await self._flush_valkey(address)
        except OSError as error:
            raise Absent(f"{victim.name} could not be asked: {said(error)}") from error

    async def _flush_valkey(self, address: Address) -> None:
        password = StateFolder(self.target.folder, "").load("secrets")[PASSWORD]
        # The keys are counted on the same connection, so that little can be written in between.
        question = [command("AUTH", password), command("INFO", "keyspace"), command("FLUSHALL", "SYNC")]
        question += [command("INFO", "keyspace"), command("QUIT")]
        answer = await converse(address, b"".join(question), until=b"", limit=LIMIT)
        before, _, after = answer.partition(b"\r\n+OK\r\n$")
        self._before, self._after = _keys(before), _keys(after)
        self._said = _complaint(answer)

    async def _flush_memcached(self, address: Address) -> None:
        self._before = await self._items(address)
        answer = await converse(address, b"flush_all\r\n", until=b"\r\n", limit=LIMIT)
        self._said = "" if answer == b"OK\r\n" else answer.decode(errors="replace").strip()
        self._after = 0 if not self._said else self._before

    async def _items(self, address: Address) -> int:
        answer = await converse(address, b"stats\r\n", until=b"END\r\n", limit=LIMIT)
        found = re.search(rb"STAT curr_items (\d+)", answer)
        return int(found[1]) if found else 0

    async def undo(self) -> None:
        """Nothing: what is gone has to be worked out again."""

    async def evidence(self) -> Evidence:
        name = self._victim.name if self._victim else self.strike.target
        if self._said:
            return Evidence(False, f"{name} refused: {self._said}")
        if not self._before:
            return Evidence(False, f"{name} was empty before, so nothing was lost", idle=True)
        return Evidence(True, f"keys in {name}: {self._before} before, {self._after} right after")


def _keys(answer: bytes) -> int:
    """The keys of all databases: ``db0:keys=12,expires=3,…`` a line each."""
    return sum(map(int, re.findall(rb"db\d+:keys=(\d+)", answer)))


def _complaint(answer: bytes) -> str:
    return next((line[1:].decode(errors="replace") for line in answer.splitlines() if line[:1] == b"-"), "")


KINDS = (FaultKind("flush", "a cache is emptied", Flush, ("cache",)),)
