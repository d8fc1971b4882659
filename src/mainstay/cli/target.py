"""The system that a verb is about: the file, its state folder, its supervisor."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer

from mainstay.base.errors import OperationFailed
from mainstay.base.installing import as_installed
from mainstay.ops.supervise.control import call
from mainstay.ops.supervise.ending import why_down
from mainstay.ops.supervise.run import STATE_FOLDER, state_folder
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.topology import Examined, examine, load, locate
from mainstay.ops.topology.values import Topology


def typed(words: str, file: Path | None) -> str:
    """Words with commands, as they have to be typed here: with ``--file`` where it was given."""
    words = as_installed(words)
    if file is None:
        return words
    return words.replace("`mainstay ", f"`mainstay --file {shlex.quote(str(file))} ")


def topology(ctx: typer.Context) -> Topology:
    """
    Read the file the user means.

    Raises:
        InvalidInput: With all problems of the file.
    """
    return load(ctx.obj)


def examined(ctx: typer.Context) -> Examined:
    """
    Read the file the user means, and go on where it has problems.

    Raises:
        InvalidInput: Nothing can be said of it.
    """
    return examine(ctx.obj)


def state(ctx: typer.Context) -> StateFolder:
    """
    The state folder beside the file. A file that has become wrong since keeps nobody from looking or stopping.

    Raises:
        InvalidInput: There is no file.
    """
    folder = locate(ctx.obj).parent / STATE_FOLDER
    recorded = StateFolder(folder, "").load_if_whole("state").get("system")
    return StateFolder(folder, str(recorded)) if recorded else state_folder(topology(ctx))


def ask(ctx: typer.Context, verb: str, *, timeout: float = 10.0, **arguments: Any) -> Any:
    """
    Put a request to the running supervisor.

    Raises:
        OperationFailed: It does not run, with why if that is known, or it refused.
    """
    folder = state(ctx)
    try:
        return call(folder.socket, verb, timeout=timeout, **arguments)
    except OperationFailed as error:
        if error.id == "system.not-running" and not folder.running():
            error.details = why_down(folder)
        raise
