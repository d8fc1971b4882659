"""Short runs of an engine's own programs: ``initdb``, ``nginx -t``, ``promtool check`` and the like."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mainstay.base.errors import OperationFailed

NOBODY = "65534"


@dataclass(frozen=True, slots=True)
class Completed:
    returncode: int
    output: str
    """Standard output and error, merged as the program wrote them."""

    @property
    def ok(self) -> bool:
        return self.returncode == 0


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The minimal environment an engine sees: none of the caller's own variables leak into it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ", "TMPDIR") if name in os.environ}
    return {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **kept, **(extra or {})}


@functools.cache
def _namespace_prefix() -> tuple[str, ...]:
    unshare = shutil.which("unshare") or "unshare"
    prefix = (unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        raise OperationFailed(
            "engine.no-user-namespace",
            "this engine refuses to run as root, and this machine does not let root open a user namespace",
            hint="run mainstay as an ordinary user",
        ) from error
    return prefix


def as_unprivileged(argv: Sequence[str]) -> tuple[str, ...]:
    """
    The same command without root's privileges; unchanged for an ordinary user.

    A user namespace maps root to ``nobody``: the program sees an ordinary user and has
    no capability on the machine, while its files stay where they are and owned as
    they are, so nothing needs a chown, a copy or a new account.

    Raises:
        OperationFailed: The machine forbids user namespaces.
    """
    return (*_namespace_prefix(), *argv) if os.geteuid() == 0 else tuple(argv)


async def run_once(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    unprivileged: bool = False,
    timeout: float = 30.0,  # noqa: ASYNC109 - the whole group is killed, not only awaited
) -> Completed:
    """
    Run a program to its end and return what it said; a run past ``timeout`` seconds is killed whole.

    Raises:
        OperationFailed: The program could not be started or did not end in time.
    """
    command = as_unprivileged(argv) if unprivileged else tuple(argv)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(env),
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise OperationFailed("engine.cannot-run", f"{argv[0]} could not be started: {error}") from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
    except (TimeoutError, asyncio.CancelledError) as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(error, asyncio.CancelledError):
            raise
        raise OperationFailed("engine.too-slow", f"{argv[0]} did not end within {timeout:g} s") from error
    return Completed(process.returncode or 0, output.decode(errors="replace"))
