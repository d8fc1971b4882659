"""Small real programs for the supervisor to run, and the unit that runs them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.ops.engines.engine import Launch, Probe

SLEEPS = "import time\ntime.sleep(600)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('up', flush=True)\n"
    "time.sleep(600)"
)
FAILS = "print('loading settings')\nprint('ImproperlyConfigured: no such setting')\nraise SystemExit(1)"
FATAL = "print('port in use by settings')\nraise SystemExit(3)"
WITH_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)"
)


async def yes() -> Probe:
    return Probe(True)


async def no() -> Probe:
    return Probe(False, "/readyz answered 503")


async def nothing() -> Probe:
    return Probe(False, "no answer", answered=False)


@dataclass
class Program:
    """A unit whose program, answer and obstacles a test chooses."""

    folder: Path
    code: str = SLEEPS
    answer: Callable[[], Awaitable[Probe]] = yes
    name: str = "catalog.web.1"
    service: str = "catalog"
    kind: str = "web"
    stop_timeout: float = 5.0
    before: list[Exception] = field(default_factory=list)
    """Errors of the next starts, in order."""
    belongs: list[int] = field(default_factory=list)
    """Processes outside the group that belong to it."""
    gate: Callable[[], Awaitable[None]] | None = None

    async def prepare(self) -> None:
        if self.gate is not None:
            await self.gate()
        if self.before:
            raise self.before.pop(0)

    def launch(self) -> Launch:
        return Launch((sys.executable, "-c", self.code), self.folder, stop_timeout=self.stop_timeout)

    async def probe(self) -> Probe:
        return await self.answer()

    def strays(self) -> list[int]:
        return self.belongs
