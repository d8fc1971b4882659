"""
What a person sees while ``up`` runs: one row a process, and the latest events below.

Without a terminal, or on a very small one, the events are printed as plain lines
instead; nothing is drawn over.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from mainstay.cli.inspect import event_text, headline, process_table
from mainstay.cli.output import console
from mainstay.cli.pen import Pen
from mainstay.cli.target import typed
from mainstay.ops.supervise import proc
from mainstay.ops.supervise.journal import Entry
from mainstay.ops.supervise.status import snapshot
from mainstay.ops.supervise.system import System

REFRESH = 0.5
"""Seconds between two drawings."""
MEMORY_EVERY = 6
"""Drawings between two readings of memory sizes."""
SMALLEST = (40, 12)


@contextlib.contextmanager
def watching(system: System, file: Path | None = None) -> Iterator[None]:
    """The live view on a terminal, plain lines elsewhere; ``file`` is what ``--file`` named."""
    out = console()
    large = out.is_terminal and (out.width, out.height) >= SMALLEST
    with _live_view(system, file) if large else plain_view(system, announce=True):
        yield


@contextlib.contextmanager
def plain_view(system: System, *, announce: bool = False) -> Iterator[None]:
    """One line an event, flushed at once; if asked for, where to open it once everything is ready."""
    pen = Pen()
    loop = asyncio.get_running_loop()
    awaited = announce

    def tell(entry: Entry) -> None:
        line = event_text(entry.as_json())
        pen.write(lambda: typer.echo(line))
        if awaited:
            # Later, as an event is noted before what it tells of is so; and some are noted by threads.
            loop.call_soon_threadsafe(open_when_ready)

    def open_when_ready() -> None:
        nonlocal awaited
        if awaited and system.ready:
            awaited = False
            pen.write(lambda: typer.echo(invitation(system)))

    system.journal.subscribe(tell)
    try:
        yield
    finally:
        pen.close()


@contextlib.contextmanager
def _live_view(system: System, file: Path | None) -> Iterator[None]:
    out = console()
    picture = Picture(system, out)
    # Drawn by a task of the supervisor's own loop, as a thread would read lists while they change; written by a
    # thread, as a terminal may take nothing.
    pen = Pen()
    live = Live(picture.draw(), console=out, auto_refresh=False)
    pen.write(lambda: live.start(refresh=True))
    drawing = asyncio.get_running_loop().create_task(picture.keep_drawing(live, pen))
    try:
        yield
    finally:
        drawing.cancel()
        words = Text(farewell(system, file), overflow="fold")
        pen.write(lambda: live.update(words, refresh=True))
        pen.write(live.stop)
        pen.close()


def invitation(system: System) -> str:
    """What to do with a system that runs."""
    return f"open {system.url}   Ctrl-C stops everything in order"


def farewell(system: System, file: Path | None) -> str:
    """What is left when the view closes."""
    name = system.topology.name
    if system.phase != "stopped":
        return f"{name} is {system.phase}"
    goes_on = typed("`mainstay up` goes on with it", file)
    return f"{name} is stopped; its data is in {system.state.path}, and {goes_on}"


class Picture:
    """What is drawn; memory sizes are read by a thread, and only every few seconds."""

    def __init__(self, system: System, out: Console) -> None:
        self._system = system
        self._out = out
        self._sizes: dict[str, int] = {}

    async def keep_drawing(self, live: Live, pen: Pen) -> None:
        """Draw until cancelled; while the terminal takes nothing, there is one picture that waits for it."""
        turn = 0
        while True:
            if turn % MEMORY_EVERY == 0:
                self._sizes = await self._read_sizes()
            if pen.is_idle:
                pen.write(functools.partial(live.update, self.draw(), refresh=True))
            turn += 1
            await asyncio.sleep(REFRESH)

    async def _read_sizes(self) -> dict[str, int]:
        running = {process.name: process.pid for process in self._system.processes if process.pid}
        return await asyncio.to_thread(
            lambda: {name: proc.family_memory(pid) for name, pid in running.items()}
        )

    def draw(self) -> RenderableType:
        told = snapshot(self._system)
        for row in told["processes"]:
            row["memory"] = self._sizes.get(row["name"], 0)
        rows = told["processes"]
        room = max(self._out.height - len(rows) - 6, 1)
        latest = list(self._system.journal.latest)[-room:]
        head = Text.from_markup(headline(told) or "starting")
        head.no_wrap, head.overflow = True, "ellipsis"
        return Group(
            head,
            process_table(rows, self._out.width),
            Text(""),
            *(self._event(entry) for entry in latest),
            Text(self._footer(), style="bold", no_wrap=True, overflow="ellipsis"),
        )

    def _footer(self) -> str:
        if self._system.phase == "running":
            return invitation(self._system)
        if self._system.phase == "stopping":
            return "stopping in order   Ctrl-C again ends everything at once"
        return "starting   Ctrl-C stops"

    def _event(self, entry: Entry) -> Text:
        return Text(event_text(entry.as_json()), style="dim", no_wrap=True, overflow="ellipsis")
