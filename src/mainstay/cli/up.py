"""``up`` and ``down``: starting a system, in the foreground or detached, and stopping it."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mainstay.base.errors import OperationFailed
from mainstay.cli import target
from mainstay.cli.live import plain_view, watching
from mainstay.cli.output import console, error_console, print_json
from mainstay.ops.supervise import leftovers, proc
from mainstay.ops.supervise.control import call
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.logs import Mark
from mainstay.ops.supervise.run import FAILURE, last_failure, run, state_folder
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.twin import Twin
from mainstay.ops.topology.values import Topology

DETACH_PATIENCE = 20.0
DOWN_PATIENCE = 60.0


def up(
    ctx: typer.Context,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return at once; `mainstay wait` waits.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --detach: print the result as JSON.")] = False,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
    twin: Annotated[Path | None, typer.Option("--twin", hidden=True)] = None,
    owner: Annotated[int, typer.Option("--owner", hidden=True)] = 0,
) -> None:
    """Start the system and stay with it; Ctrl-C stops it in order, a second one at once."""
    topology = target.topology(ctx)
    if twin is not None:
        second = Twin(twin.absolute(), owner)
        run(second.topology(topology), plain_view, second)
    elif detach:
        pid = _detach(topology, state_folder(topology))
        _tell(ctx, topology, pid, as_json)
    else:
        run(topology, plain_view if background else partial(watching, file=ctx.obj))


def _detach(topology: Topology, state: StateFolder) -> int:
    """Start a supervisor of its own and wait until it answers; returns its pid."""
    # Whatever forbids it is said here; and no reason of an earlier failure may pass for this one's.
    state.claim()
    state.save(FAILURE, {})
    state.release()
    command = [sys.executable, "-m", "mainstay.cli", "--file", str(topology.file), "up", "--background"]
    begin = Mark.end_of(state.log("supervisor"))
    with begin.path.open("ab") as log:
        supervisor = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _until_it_answers(state, supervisor, begin)
    return supervisor.pid


def _tell(ctx: typer.Context, topology: Topology, pid: int, as_json: bool) -> None:
    if as_json:
        print_json({"system": topology.name, "pid": pid})
    else:
        said = f"{topology.name} is starting (supervisor pid {pid}); `mainstay wait` waits for it"
        console().print(target.typed(said, ctx.obj), markup=False, soft_wrap=True)


def _until_it_answers(state: StateFolder, supervisor: subprocess.Popen[bytes], begin: Mark) -> None:
    deadline = time.monotonic() + DETACH_PATIENCE
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            raise last_failure(state) or _ended_silently(begin, supervisor.returncode)
        try:
            call(state.socket, "status", timeout=2.0)
        except OperationFailed:
            time.sleep(0.05)
        else:
            return
    raise OperationFailed(
        "up.no-answer",
        "the supervisor started but does not answer",
        hint="`mainstay logs supervisor` may say why",
    )


def _ended_silently(begin: Mark, code: int) -> OperationFailed:
    return OperationFailed(
        "up.supervisor-ended",
        f"the supervisor ended with exit code {code}",
        hint="`mainstay logs supervisor` shows all of it",
        details=begin.last(10),
    )


def down(
    ctx: typer.Context,
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Also delete all data, after naming it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before deleting.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Stop the system in order; data is kept unless --volumes is given."""
    state = target.state(ctx)
    if volumes and not yes:
        _confirm(state)
    stopped = _stop(state)
    if volumes:
        state.remove()
    result = {"system": state.system, "stopped": stopped, "removed": str(state.path) if volumes else None}
    if as_json:
        print_json(result)
    else:
        console().print(f"{state.system} is stopped" if stopped else f"{state.system} was not running")
        if volumes:
            console().print(f"{state.path} is removed")


def _confirm(state: StateFolder) -> None:
    out = console()
    out.print(f"This deletes {state.path}:")
    nodes = (state.path / "nodes").glob("*")
    others = (part for part in state.path.glob("*") if part.name != "nodes")
    for part in sorted([*nodes, *others]):
        out.print(f"  {part.relative_to(state.path)}  ({_size(part)})")
    if not typer.confirm("Delete all of it?", default=False):
        raise OperationFailed("down.not-confirmed", "nothing was stopped and nothing was deleted")


def _size(folder: object) -> str:
    done = subprocess.run(["du", "-sh", str(folder)], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.split()[0] if done.stdout else "?"


def _stop(state: StateFolder) -> bool:
    """Ask the supervisor to stop and wait until it has; clean up after one that was killed."""
    try:
        pid = int(call(state.socket, "down")["pid"])
    except OperationFailed:
        if state.running():
            raise
        return _clean_up(state)
    started = proc.start_time(pid)
    deadline = time.monotonic() + DOWN_PATIENCE
    with error_console().status(f"stopping {state.system}"):
        while proc.alive(pid, started):
            if time.monotonic() > deadline:
                raise OperationFailed(
                    "down.too-slow",
                    f"the supervisor (pid {pid}) is still stopping",
                    hint="`mainstay events` shows what it waits for",
                )
            time.sleep(0.05)
    return True


def _clean_up(state: StateFolder) -> bool:
    if not state.path.exists():
        return False
    return bool(leftovers.end(state, Journal(state.events)))
