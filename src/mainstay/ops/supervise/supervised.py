"""
One supervised process: started, asked whether it is ready, restarted when it ends.

The states and what moves between them:

    starting -> ready        the process answered that it is ready
    ready    -> not-ready    it runs and does not answer, or answers that it is not ready
    ready    -> starting     it ended and is being replaced
    starting -> crash-loop   it ended `CRASH_LIMIT` times within `CRASH_WINDOW` seconds
    any      -> draining     a planned stop has begun
    any      -> stopped      it has ended and shall not come back
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from mainstay.base.backoff import Backoff
from mainstay.base.errors import MainstayError
from mainstay.ops.engines.engine import Launch, Probe
from mainstay.ops.engines.oneshot import environment
from mainstay.ops.supervise import proc
from mainstay.ops.supervise.child import Child, open_log
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.logs import Mark

CRASH_LIMIT = 5
CRASH_WINDOW = 60.0
REMEMBERED_ENDS = 32
PROBE_LIMIT = 5.0
"""Every probe has a limit of its own well below this; one that hangs all the same is a miss."""
QUOTED_LINES = 12


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not-ready"
    DRAINING = "draining"
    STOPPED = "stopped"
    CRASH_LOOP = "crash-loop"


class Unit(Protocol):
    """What a supervised process is: an engine's node or a service's replica."""

    @property
    def name(self) -> str: ...

    @property
    def service(self) -> str:
        """Empty for engines."""

    @property
    def kind(self) -> str: ...

    async def prepare(self) -> None: ...

    def launch(self) -> Launch: ...

    async def probe(self) -> Probe: ...

    def strays(self) -> list[int]:
        """Processes outside the group that belong to this unit and must die with it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each kind of silence is borne, in seconds."""

    ready: float = 60.0
    silence: float = 2.0
    """A process that has not answered for so long no longer counts as ready."""
    liveness: float = 10.0
    """A process that was ready and has not answered for so long is killed and replaced."""
    fast: float = 0.05
    """Between two probes while it starts."""
    slow: float = 0.2
    """Between two probes once it is ready."""


class Supervised:
    """
    Keeps one unit running until told otherwise.

    Lifetime: `start` once, then `stop` once; between them the process may be restarted
    any number of times. ``changed`` is called after every change of state.
    """

    def __init__(
        self,
        unit: Unit,
        journal: Journal,
        log: Path,
        *,
        patience: Patience | None = None,
        changed: Callable[[Supervised], None] = lambda _: None,
    ) -> None:
        self.unit = unit
        self.name = unit.name
        self.patience = patience or Patience()
        self.state = State.STOPPED
        self.detail = ""
        self.restarts = 0
        self.since = time.time()
        self.child: Child | None = None
        self.fatal = False
        """The process said that another start would fail the same way (exit code 3)."""
        self.kill_when_frozen = False
        """Kill as soon as it is seen to be frozen: something hangs on it that only its end lets go."""
        self.is_spare: Callable[[], bool] = lambda: True
        """Whether others do its work meanwhile; the last one that might still answer is borne three times as long."""
        self._log_path = log
        self._began = Mark.end_of(log)
        """Where in the log the latest process began: an earlier one's words explain nothing of it."""
        self._last_words: tuple[str, ...] = ()
        """How the log of the latest process that has ended was at its end."""
        self._journal = journal
        self._changed = changed
        self._backoff = Backoff()
        self._ends: deque[float] = deque(maxlen=REMEMBERED_ENDS)
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._settled = asyncio.Event()
        """Set while it is known how the latest start went."""
        self._wanted = False
        self._kill_reason = ""
        self._planned = False
        self._worked = False
        """Whether the latest process was ready at some time."""
        self._hurry = asyncio.Event()
        """Set to start again at once instead of after the rest of the backoff."""

    # --- for callers ---------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child and self.child.alive else None

    def start(self) -> None:
        self._wanted = True
        self._move(State.STARTING, "")
        self._task = asyncio.create_task(self._run(), name=f"supervise {self.name}")

    async def wait_ready(self, within: float) -> bool:
        """Wait until ready, or until it is clear that it will not be; says which."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._settled.is_set():
                    await self._settled.wait()
        return self.state is State.READY and self._settled.is_set()

    async def stop(self, why: str, within: float | None = None) -> None:
        """Stop for good: stop signal, patience, SIGKILL to the group."""
        self._wanted = False
        if self.state is not State.STOPPED:
            self._move(State.DRAINING, why)
        if self.child is not None and self.child.alive:
            await self.child.stop(within)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self.end_strays()
        if self.state is not State.STOPPED:
            self._move(State.STOPPED, why)

    async def restart(self, why: str) -> None:
        """Stop the process in its own way; it is started again at once and no crash is counted."""
        if not self._wanted:
            return
        self._ready.clear()
        self._settled.clear()
        child = self.child
        if child is None or not child.alive:
            self._ends.clear()
            self._move(State.STARTING, why)
            self._hurry.set()
            return
        self._kill_reason = why
        self._planned = True
        await child.stop()

    def abandon(self) -> None:
        """SIGKILL to the group and no replacement: the last resort of a second Ctrl-C."""
        self._wanted = False
        if self.child is not None and self.child.alive:
            self.child.kill_group()
        self.end_strays()

    def kill(self, why: str) -> None:
        """SIGKILL now; the process is then replaced like one that ended by itself."""
        if self.child is not None and self.child.alive:
            self._kill_reason = why
            self._journal.note("process.killed", self.name, why, pid=self.child.pid)
            self.child.kill_group()

    def mark_draining(self, why: str) -> None:
        """Show that a planned stop has begun; `stop` follows, and what ends before it is not started again."""
        self._wanted = False
        self._move(State.DRAINING, why)

    def last_lines(self, count: int = QUOTED_LINES) -> tuple[str, ...]:
        """
        What the latest process wrote last, for a person who has to know why; while it is silent, the one before it.

        Never what stood in the log before `start`: that was another run, with reasons of its own. Nor what the process
        that it shall replace says of its requests meanwhile, in the same log.
        """
        return self._began.last(count, self._generation) or self._last_words[-count:]

    @property
    def _generation(self) -> int | None:
        return getattr(self.unit, "generation", None)  # no engine has any

    # --- the life of the process ----------------------------------------------------------

    async def _run(self) -> None:
        while self._wanted:
            ended = await self._once()
            if not self._wanted:
                return
            self._worked = self._ready.is_set()
            self._ready.clear()
            self._hurry.clear()
            delay = self._after_end(ended)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), delay)
            self.restarts += 1

    async def _once(self) -> str:
        """Start the process and watch it to its end; returns how it ended, in words."""
        self._kill_reason = ""
        self.fatal = False
        self._began = Mark.end_of(self._log_path)
        try:
            await self.unit.prepare()
            if not self._wanted:
                return "no longer wanted"
            launch = self.unit.launch()
            with open_log(self._log_path) as log:
                self.child = child = Child.start(launch, environment(launch.env), log)
        except (MainstayError, OSError) as error:
            return str(error)
        except Exception as error:
            # A mistake of this program's own must not leave the process without a supervisor.
            return self._mistake(error)
        self._journal.note("process.started", self.name, self._start_reason(), pid=child.pid)
        self._changed(self)
        try:
            await self._watch(child)
        finally:
            if not child.alive:
                child.kill_group()
                self.end_strays()
        self.fatal = child.exit_code == 3
        return self._kill_reason or child.exit_text

    def _mistake(self, error: Exception) -> str:
        told = f"{type(error).__name__}: {error}"
        self._journal.note("supervisor.error", self.name, told)
        return told

    def _start_reason(self) -> str:
        return f"restart {self.restarts}: {self.detail}" if self.restarts else "wanted"

    def _after_end(self, ended: str) -> float:
        """Record an unwanted end; returns how long to wait before the next start."""
        now = time.monotonic()
        self._last_words = self._began.last(QUOTED_LINES, self._generation)
        if self._planned:
            self._planned = False
            self._move(State.STARTING, ended)
            return 0.0
        self._ends.append(now)
        recent = [moment for moment in self._ends if now - moment < CRASH_WINDOW]
        looping = self.fatal or len(recent) >= CRASH_LIMIT
        # One that worked until it was killed is started at once; waiting helps against what fails at its start.
        worked = self._worked and not looping
        facts = {"restarts": self.restarts} if self.restarts else {}
        self._journal.note("process.ended", self.name, ended, **facts)
        if looping:
            self._move(State.CRASH_LOOP, ended, log=list(self._last_words))
        else:
            self._move(State.STARTING, ended)
        return 0.0 if worked or (len(recent) == 1 and not looping) else self._backoff.delay(len(recent))

    async def _watch(self, child: Child) -> None:
        started = last_answer = time.monotonic()
        while child.alive:
            probe = await self._probe(child)
            if not child.alive or self.state is State.DRAINING or self._planned:
                await child.wait()
                return
            now = time.monotonic()
            last_answer = now if probe.answered else last_answer
            self._judge(probe, now - last_answer)
            if not self._ready.is_set() and now - started > self.patience.ready:
                self.kill(f"not ready within {self.patience.ready:g} s: {probe.detail or 'no answer'}")
            await self._pause(child)

    async def _probe(self, child: Child) -> Probe:
        """The unit's answer; a miss as soon as the process has ended."""
        probing = asyncio.ensure_future(self.unit.probe())
        ending = asyncio.ensure_future(child.wait())
        try:
            await asyncio.wait({probing, ending}, timeout=PROBE_LIMIT, return_when=asyncio.FIRST_COMPLETED)
            if not probing.done():
                return Probe(ready=False, detail="no answer" if child.alive else "ended", answered=False)
            return probing.result()
        except Exception as error:
            return Probe(ready=False, detail=self._mistake(error), answered=False)
        finally:
            probing.cancel()
            ending.cancel()

    def _judge(self, probe: Probe, silent: float) -> None:
        """
        What an answer, or ``silent`` seconds without one, mean for the state.

        A process stopped by a signal is told from one that is only slow: the first will not
        answer whatever happens and is out at once; on a busy machine the second is the rule,
        and taking it out would push its load onto the next.
        """
        if probe.ready and self.state is not State.READY:
            self._ready.set()
            self._move(State.READY, "")
        elif not probe.ready and not self.restarts and self.state is State.STARTING:
            self.detail = probe.detail
        if probe.ready or not self._ready.is_set():
            return
        frozen = not probe.answered and self._is_stopped()
        if self.state is State.READY and (probe.answered or frozen or silent > self.patience.silence):
            self._move(State.NOT_READY, "frozen by a signal" if frozen else probe.detail or "no answer")
        if frozen and self.kill_when_frozen:
            self.kill("frozen by a signal while others wait for it")
        elif silent > self.patience.liveness * (1 if self.is_spare() else 3):
            self.kill(f"no answer for {silent:.0f} s")

    def _is_stopped(self) -> bool:
        """Whether a signal has stopped the process or one below it; a debugger's stop does not count."""
        child = self.child
        if child is None or not child.alive:
            return False
        return any(proc.state(pid) == "T" for pid in proc.descendants({child.pid}))

    async def _pause(self, child: Child) -> None:
        interval = self.patience.slow if self.state is State.READY else self.patience.fast
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), interval)

    def end_strays(self) -> None:
        for pid in self.unit.strays():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _move(self, state: State, detail: str, **facts: object) -> None:
        if state is not self.state:
            self.since = time.time()
            self._journal.note(f"process.{state}", self.name, detail, **facts)
        self.state, self.detail = state, detail
        if state is State.READY or state in (State.CRASH_LOOP, State.STOPPED):
            self._settled.set()
        else:
            self._settled.clear()
        self._changed(self)
