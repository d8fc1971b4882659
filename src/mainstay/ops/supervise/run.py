"""
The life of a supervisor process: claim, start, stay, stop, whatever ends it.

The first SIGINT, SIGTERM or SIGHUP asks for an orderly stop, also in the middle of a
start; the second kills every group at once. Whichever way it ends, nothing that was
started is left running.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from mainstay.base.errors import InvalidInput, MainstayError, OperationFailed
from mainstay.ops.supervise.child import end_adopted
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.owner import Owner
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.system import System
from mainstay.ops.supervise.twin import Twin
from mainstay.ops.topology.values import Topology

STATE_FOLDER = ".mainstay"
FAILURE = "failure"
REMOVE_TRIES = 40
REMOVE_EVERY = 0.25
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def state_folder(topology: Topology) -> StateFolder:
    return StateFolder(topology.folder / STATE_FOLDER, topology.name)


def run(
    topology: Topology,
    watch: Callable[[System], contextlib.AbstractContextManager[None]],
    twin: Twin | None = None,
) -> None:
    """
    Run the system until it is told to stop, or its twin until its owner ends.

    ``watch`` is entered before the first step and left after the last; it shows a person what happens.

    Raises:
        MainstayError: The start failed. Everything is stopped, and the reason is kept for `mainstay wait`.
    """
    state = twin.state(topology.name) if twin else state_folder(topology)
    early: list[signal.Signals] = []
    # By itself Python raises KeyboardInterrupt wherever it is, also where that is ignored, as in a callback of the
    # import system; then the system would start as if nobody had asked it to stop.
    before = signal.signal(signal.SIGINT, lambda number, _: early.append(signal.Signals(number)))
    try:
        state.claim()
        state.save(FAILURE, {})
        owner = Owner(twin.owner) if twin and twin.owner else None
        try:
            system = System(topology, state, Journal(state.events), twin)
            asyncio.run(_live(system, state, watch, owner, early))
        finally:
            if twin and owner and owner.gone and not twin.kept:
                _remove(twin, topology.name)
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)  # none where another language has set it


def _remove(twin: Twin, system: str) -> None:
    """A disk that was mounted in it may take a moment to go."""
    for _ in range(REMOVE_TRIES):
        try:
            twin.remove(system)
            return
        except OperationFailed:
            time.sleep(REMOVE_EVERY)


async def _live(
    system: System,
    state: StateFolder,
    watch: Callable[[System], contextlib.AbstractContextManager[None]],
    owner: Owner | None,
    early: Sequence[signal.Signals],
) -> None:
    reason = _listen_to_signals(system, early)
    if owner is not None:
        owner.watch(system.wanted_down.set)
    with watch(system):
        try:
            started = await _start(system)
            if started:
                await system.wanted_down.wait()
        except (MainstayError, OSError) as error:
            _keep(state, error)
            await system.stop("the start failed")
            await end_adopted()
            raise
        except BaseException as error:
            if isinstance(error, Exception):
                _keep(state, error)
            await system.stop("an error of the supervisor itself")
            await end_adopted()
            raise
        await system.stop(reason() or "mainstay down")
        await end_adopted()


async def _start(system: System) -> bool:
    """Start, unless a stop is asked for before that is done; says whether it is up."""
    starting = asyncio.create_task(system.start())
    leaving = asyncio.create_task(system.wanted_down.wait())
    try:
        await asyncio.wait({starting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            return True
        return False
    finally:
        for task in (starting, leaving):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, MainstayError, OSError):
            await starting


def _listen_to_signals(system: System, early: Sequence[signal.Signals]) -> Callable[[], str]:
    """``early`` came before anybody listened. Gives what says why the system is to stop."""
    received: list[str] = []

    def on_signal(number: signal.Signals) -> None:
        received.append(number.name)
        if len(received) > 1:
            system.kill_all()
        system.wanted_down.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        # Started under nohup, it is meant to outlive its terminal.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal, number)
    for number in early[:1]:
        on_signal(number)
    return lambda: f"received {received[0]}" if received else ""


def _keep(state: StateFolder, error: Exception) -> None:
    """Leave the reason where `wait` and `up --detach` find it."""
    with contextlib.suppress(OperationFailed):
        state.save(FAILURE, describe(error))


def describe(error: BaseException) -> dict[str, object]:
    """An error as a plain record: what the command line prints with ``--json``."""
    if isinstance(error, InvalidInput):
        first = error.problems[0]
        return {
            "id": first.id,
            "what": "the file is wrong",
            "hint": first.hint,
            "details": str(error).splitlines(),
            "exit_code": error.exit_code,
        }
    if isinstance(error, OperationFailed):
        return asdict(error)
    what = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return {"id": "supervisor.error", "what": what, "hint": "", "details": [], "exit_code": 2}


def last_failure(state: StateFolder) -> OperationFailed | None:
    """Why the latest start failed, if it did."""
    told = state.load_if_whole(FAILURE)
    match told:
        case {
            "id": str(id_),
            "what": str(what),
            "hint": str(hint),
            "exit_code": int(code),
            "details": list(lines),
        }:
            return OperationFailed(id_, what, hint, code, tuple(map(str, lines)))
    return None
