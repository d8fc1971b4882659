"""
What ends a proof whose journey has stopped the event loop for good.

``while True: pass`` or a sleep of hours between two awaits holds up everything that runs in the loop: other
steps, what undoes a fault, and the answer to Ctrl-C. So a thread looks whether the loop still turns, and
interrupts the journey in the main thread by a signal; a process can do no more for code that never
returns to Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from mainstay.ops.prove.loading.journey import Journey

LIMIT = 20.0
"""Seconds for which a step may hold the loop; below it is only named as one that blocks."""

CHANCES = 3
"""Interruptions of one step after which a journey that swallows them takes the process with it."""

SIGNAL = signal.SIGURG
"""Does nothing where nobody handles it, so one that comes late does no harm."""

GAVE_UP = 2
"""The exit code: it could not be told."""


class Stuck(BaseException):
    """
    Raised in a journey that held the event loop for too long; says where.

    No `Exception`, so that a journey that catches those lets it pass.
    """


class Watchdog:
    """
    Watches the loop of the task that enters it, until it leaves.

    `Stuck` is raised where the journey is. Where that is in another task, the one that entered is cancelled,
    and `stuck` says why. Outside the main thread it does nothing, because signals come there only.
    """

    def __init__(self, journeys: Iterable[Journey], limit: float = LIMIT) -> None:
        self.stuck = ""
        """Which journey held the loop, and where; empty while none did."""
        self._journeys = {_file(each): each.name for each in journeys}
        self._limit = limit
        self._turned = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
        self._timer: asyncio.TimerHandle | None = None
        self._cut: asyncio.Handle | None = None
        self._told = 0
        self._hit: asyncio.Task[Any] | None = None
        """Whom it was told last: of steps that hold the loop one after the other, none has swallowed anything."""

    def __enter__(self) -> Self:
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        self._turn()
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(SIGNAL, self._interrupt)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread.ident is not None:
            self._thread.join()
            signal.signal(SIGNAL, self._before)
        if self._cut is not None:
            # Whoever leaves before it was cut must not be cut later, in something else.
            self._cut.cancel()
            if kind is None:
                raise Stuck(self.stuck)

    def _turn(self) -> None:
        self._turned = time.monotonic()
        self._timer = self._loop.call_later(self._limit / 10, self._turn)

    # --- in the thread ------------------------------------------------------------------

    def _look(self) -> None:
        """Counts its own looks and not the time: a machine that stood still is no journey that did."""
        looks, turned = 0, self._turned
        while not self._over.wait(self._limit / 10):
            looks = looks + 1 if self._turned == turned else 0
            self._told = self._told if self._turned == turned else 0
            turned = self._turned
            if looks >= 10 and self._told < CHANCES:
                looks, self._told = 0, self._told + 1
                signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)
            elif looks >= 10 and self.stuck:
                self._give_up()

    def _give_up(self) -> None:
        """The guard undoes what is injected once this process is gone; its history is written line by line."""
        with contextlib.suppress(OSError):
            os.write(2, f"\n{self.stuck}, and swallowed every interruption\n".encode())
        os._exit(GAVE_UP)

    # --- in the main thread ------------------------------------------------------------------

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        where = self._place(frame)
        if not where:
            return
        task = asyncio.current_task(self._loop)
        if task is not self._hit:
            self._hit, self._told = task, 1
        self.stuck = f"{where} held the event loop for {self._limit:g} s; a step must await, never block"
        # Once, however many steps hold it: whoever catches it takes it back once.
        if task is not self._task and self._task is not None and self._cut is None:
            self._cut = self._loop.call_soon_threadsafe(self._task.cancel)
        raise Stuck(self.stuck)

    def _place(self, frame: FrameType | None) -> str:
        """The innermost line of a journey's file; empty for what is no journey's doing."""
        while frame is not None:
            file = frame.f_code.co_filename
            if file in self._journeys:
                owner = frame.f_locals.get("self")
                name = owner.name if isinstance(owner, Journey) else self._journeys[file]
                return f"journey {name!r} ({Path(file).name}, line {frame.f_lineno})"
            frame = frame.f_back
        return ""


def _file(journey: Journey) -> str:
    with contextlib.suppress(TypeError, OSError):
        return inspect.getfile(type(journey))
    return str(getattr(sys.modules.get(type(journey).__module__), "__file__", ""))
