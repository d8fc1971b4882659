"""
A service whose clock is wrong: its processes are replaced by ones that see another time.

The offset is made by libfaketime (https://github.com/wolfcw/libfaketime), which the processes load
before the C library. Intervals stay right: only the time of day is shifted.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from pathlib import Path

from mainstay.base import wire
from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.ask import converse
from mainstay.ops.engines.engine import Address
from mainstay.ops.prove.faults.bad_release import Own, as_it_was, changed, restore, twin_of
from mainstay.ops.prove.faults.fault import Evidence, NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Setting, Settings

PLACES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib*/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)


class ClockOffset:
    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.target, self.name = target, strike.target
        self.seconds = float(settings["seconds"])
        self._before: Own | None = None
        self._promise: int | None = None
        self._offsets: list[float] = []

    async def inject(self) -> None:
        library, twin = find_library(), twin_of(self.target)
        self._promise = self.target.guard.promise(as_it_was(twin))
        self._before = changed(twin, self.name, {"env": environment(library, self.seconds)})
        await self.target.call("rollout", name=self.name)
        self._offsets = await self._measure()

    async def _measure(self) -> list[float]:
        """By how much each replica's ``Date`` differs from this process's clock."""
        rows = (await self.target.status())["processes"]
        addresses = [row["address"] for row in rows if (row["service"], row["kind"]) == (self.name, "web")]
        return [await offset(address) for address in addresses]

    async def undo(self) -> None:
        if self._before is None:
            return
        restore(twin_of(self.target), self.name, self._before)
        self._before = None
        if self._promise is not None:
            self.target.guard.release(self._promise)
            self._promise = None
        await self.target.call("rollout", name=self.name)

    async def evidence(self) -> Evidence:
        told = ", ".join(f"{each:+.0f} s" for each in self._offsets)
        # A server may send the date of some seconds ago, so what counts is which time it is nearer to.
        bit = bool(self._offsets) and all(abs(each - self.seconds) < abs(each) for each in self._offsets)
        return Evidence(bit, f"the replicas of {self.name} were off by {told or 'nothing'}")


def find_library() -> Path:
    """
    Raises:
        NotPossible: It is not installed.
    """
    for pattern in PLACES:
        if found := sorted(Path("/").glob(pattern.lstrip("/"))):
            return found[0]
    raise NotPossible("a clock is shifted by libfaketime; install the package libfaketime")


def environment(library: Path, seconds: float) -> dict[str, str]:
    """What a process is started with to see the time of day so many seconds later."""
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+g}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # its name before 0.9.10
    }


async def offset(address: str) -> float:
    """
    Seconds by which a replica's clock is ahead of this process's, as its answers tell.

    Raises:
        OperationFailed: It does not answer, or does not say.
    """
    host, _, port = address.rpartition(":")
    question = f"GET {wire.LIVE_PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    try:
        answer = await converse(Address(host, int(port)), question.encode(), until=b"\r\n\r\n", limit=2.0)
        lines = answer.decode(errors="replace").splitlines()
        date = next(line.partition(":")[2] for line in lines if line.lower().startswith("date:"))
        return parsedate_to_datetime(date.strip()).timestamp() - time.time()
    except (OSError, ValueError, StopIteration) as error:
        raise OperationFailed("prove.no-date", f"{address} did not say what time it is: {error}") from error


KINDS = (
    FaultKind(
        "clock",
        "the clock of a service is off",
        ClockOffset,
        ("service",),
        (Setting("seconds", 300.0, "how much later it is there", "s", least=-(10**9), most=10**9),),
        needs="libfaketime, and a twin",
        lasts=5.0,
    ),
)
