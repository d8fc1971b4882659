"""Other work on the same machine: processes that take all the processor time they can get."""

from __future__ import annotations

import subprocess
import sys

from mainstay.base.units import plural
from mainstay.ops.prove.faults.family import TICKS, Process
from mainstay.ops.prove.faults.fault import Evidence, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Setting, Settings
from mainstay.ops.supervise import proc

LASTS = 5.0
SPARE = 5.0
BURN = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
LEAST_SHARE = 0.05
"""Of one processor, over all; below this nobody could have noticed."""


class CpuPressure:
    """Burners of plain priority. Each ends by itself soon after its time, whatever becomes of prove."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.target = target
        self.count = int(settings["processes"])
        self.seconds = strike.lasts if strike.lasts > 0 else LASTS
        self._burners: list[subprocess.Popen[bytes]] = []
        self._promises: list[int] = []
        self._used = 0.0

    async def inject(self) -> None:
        for _ in range(self.count):
            burner = subprocess.Popen(  # noqa: ASYNC220 - it is not waited for
                (sys.executable, "-I", "-S", "-c", BURN, f"{self.seconds + SPARE:g}"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._burners.append(burner)
            undo = {"kind": "kill", "processes": [Process.of(burner.pid).as_json()]}
            self._promises.append(self.target.guard.promise(undo))

    async def undo(self) -> None:
        self._used += sum(proc.cpu_ticks(burner.pid) for burner in self._burners) / TICKS
        for burner in self._burners:
            burner.kill()
            burner.wait()
        self._burners = []
        while self._promises:
            self.target.guard.release(self._promises.pop())

    async def evidence(self) -> Evidence:
        who = plural(self.count, "process", "processes")
        told = f"{who} used {self._used:.1f} s of processor time in {self.seconds:g} s"
        return Evidence(self._used > self.seconds * LEAST_SHARE, told)


KINDS = (
    FaultKind(
        "cpu",
        "other processes take the processor time",
        CpuPressure,
        ("machine",),
        (Setting("processes", 2, "how many", least=1, most=64),),
        lasts=LASTS,
        optional_target=True,
    ),
)
