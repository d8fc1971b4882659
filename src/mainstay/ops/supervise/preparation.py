"""
What happens once per service before its first process starts: migrations, static files, first data.

One management command does it all in one Django process, because every start of
Django costs about as much as all the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mainstay.base import wire
from mainstay.base.blame import IMPORT_FAILED
from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.oneshot import environment
from mainstay.ops.supervise.child import with_death_signal
from mainstay.ops.supervise.environment import Surroundings, for_process, interpreter
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.logtimes import find_moment
from mainstay.ops.supervise.units import with_path
from mainstay.ops.topology.values import Service

TIME_LIMIT = 3600.0
DATABASE_PATIENCE = 60.0
"""Seconds that a service's preparation waits for the database, which starts at the same time."""
QUOTED_LINES = 15
BLOCK = 64 * 1024
TRACEBACK = "Traceback (most recent call last):\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    exit_code: int
    output: str


def arguments(service: Service) -> tuple[str, ...]:
    words: list[str] = []
    if "postgres" in service.needs:
        words += ["--wait", f"{DATABASE_PATIENCE:g}"]
    if not service.migrate:
        words.append("--no-migrate")
    for command in service.prepare:
        words += ["--then", command]
    return tuple(words)


async def prepare(around: Surroundings, service: Service, log: Path, journal: Journal) -> None:
    """
    Migrate and fill the service's database, collect its static files.

    Raises:
        OperationFailed: It ended with an error; quotes its last lines. Nothing of the
            service has been started.
    """
    name = f"{service.name}.prepare"
    journal.note("service.preparing", service.name, "migrations, static files, first data")
    env = for_process(around, service, "manage", name)
    command = (interpreter(service), "-m", "mainstay.db.prepare", *arguments(service))
    outcome = await _run(command, service.root, with_path(service, env), log)
    if outcome.exit_code != 0:
        how = f"exit code {outcome.exit_code}{_cause(outcome)}"
        raise OperationFailed(
            "service.cannot-prepare",
            f"preparing {service.name} ended with {how}",
            hint=f"the whole log: {log}",
            exit_code=1,
            details=_reason(outcome),
        )
    for line in outcome.output.splitlines():
        if line.startswith(wire.WARNING):
            journal.note("service.warning", service.name, line.removeprefix(wire.WARNING))
    journal.note("service.prepared", service.name, _last_line(outcome.output))


async def _run(command: tuple[str, ...], cwd: Path, env: dict[str, str], log: Path) -> Outcome:
    try:
        process = await asyncio.create_subprocess_exec(
            *with_death_signal(command, signal.SIGTERM),
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise OperationFailed("process.cannot-start", f"{command[0]}: {error}") from error
    told = Told(log)
    try:
        await asyncio.wait_for(_listen(process, told), TIME_LIMIT)
    except (TimeoutError, asyncio.CancelledError) as error:
        # A migration that is cut off is rolled back by the database, which ends its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(error, asyncio.CancelledError):
            raise
        raise OperationFailed(
            "service.prepare-too-slow", f"preparing {cwd} did not end within {TIME_LIMIT:g} s"
        ) from error
    finally:
        told.close()
    return Outcome(process.returncode or 0, told.output)


async def _listen(process: asyncio.subprocess.Process, told: Told) -> None:
    assert process.stdout is not None, "its output is a pipe"  # noqa: S101
    while block := await process.stdout.read(BLOCK):
        told.add(block)
    await process.wait()


class Told:
    """
    What a preparation says: kept for the one who asked, and in the log at once, each line with its time.

    The log is that of all starts, so a line without a time would pass for one of the latest.
    A log that cannot be written, as on a full disk, takes nothing from what is kept.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._blocks: list[bytes] = []
        self._begun = b""

    @property
    def output(self) -> str:
        return b"".join(self._blocks).decode(errors="replace")

    def add(self, block: bytes) -> None:
        self._blocks.append(block)
        *whole, self._begun = (self._begun + block).split(b"\n")
        self._write(whole)

    def close(self) -> None:
        if self._begun:
            self._write([self._begun])
            self._begun = b""

    def _write(self, lines: list[bytes]) -> None:
        now = datetime.now(UTC)
        stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with contextlib.suppress(OSError), self._log.open("ab") as stream:
            for line in lines:
                text = line.decode(errors="replace")
                dated = find_moment(text, now.timestamp()) is not None
                stream.write(f"{text}\n".encode() if dated else f"{stamp}  {text}\n".encode())


def _cause(outcome: Outcome) -> str:
    """The error that a traceback ends with, which stands far below its begin; else nothing."""
    _, found, rest = outcome.output.rpartition(TRACEBACK)
    if not found or outcome.exit_code == IMPORT_FAILED:
        return ""
    error = next((line for line in rest.splitlines() if line and not line[0].isspace()), "")
    return f": {error}" if error else ""


def _reason(outcome: Outcome) -> tuple[str, ...]:
    """What went wrong: up to the first empty line when an import failed, as a traceback follows; else the end."""
    if outcome.exit_code == IMPORT_FAILED:
        return tuple(outcome.output.strip().split("\n\n")[0].splitlines())
    return tuple(outcome.output.strip().splitlines()[-QUOTED_LINES:])


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else ""
