"""
The system that a proof breaks: a twin of the user's, started, asked and ended by the proving process.

Lifetime: from `TwinSystem.start` or `attach` until `stop`. The twin's supervisor watches the proving
process and ends, with everything it started and all its data, should that be killed first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from mainstay.base.errors import OperationFailed, nearest
from mainstay.ops.engines.engine import Address
from mainstay.ops.engines.postgres.config import SUPERUSER, SUPERUSER_SECRET, database_of
from mainstay.ops.engines.postgres.session import Session, Unanswered
from mainstay.ops.links.client import LinkControl, connect
from mainstay.ops.prove.faults.fault import Guard, Links
from mainstay.ops.supervise import leftovers
from mainstay.ops.supervise.control import call
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.links import socket_of
from mainstay.ops.supervise.run import last_failure, state_folder
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.twin import Twin, apply, read
from mainstay.ops.topology.values import Topology

START_LIMIT = 180.0
"""Seconds until everything must be ready: PostgreSQL is made anew, and each service migrates and fills."""

STOP_LIMIT = 60.0
IN_HASTE = 2.0
"""Seconds that each way of stopping gets when nobody wants to wait."""

CALL_LIMIT = 180.0
"""Seconds that a verb of the supervisor may take; a rolling update waits for every replica."""

REMOVE_LIMIT = 5.0
"""Seconds for which a process may still write there: one whose supervisor was killed ends a moment later."""

SQL_LIMIT = 60.0
"""Seconds that a statement may take: also one that holds a lock on purpose."""

LOOK_EVERY = 0.05
QUOTED_LINES = 15


@dataclass
class TwinSystem:
    """A running system, as faults see it; `Target` of `faults.fault` describes the part they use."""

    topology: Topology
    state: StateFolder
    guard: Guard
    seed: int = 0
    twin: Twin | None = None
    """``None``: it was `attach`ed to, and goes on without this."""
    links: Links | None = None
    folder: Path = field(init=False)
    """The state folder."""
    socket: Path = field(init=False)
    _supervisor: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _control: LinkControl | None = field(default=None, repr=False)
    _events: _Reader = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = self.state.path
        self.socket = self.state.socket
        self._events = _Reader(self.state.events)

    @classmethod
    async def start(
        cls,
        topology: Topology,
        folder: Path,
        *,
        guard: Guard,
        seed: int = 0,
        edge: str = "",
        env: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
        within: float = START_LIMIT,
        failed: Callable[[Path], None] = lambda state: None,
    ) -> Self:
        """
        Start a twin of ``topology`` in a folder of its own, and wait until everything is ready.

        Args:
            edge: The program in front; empty for the file's choice.
            env: Variables of the supervisor, added to this process's own.
            content: More of what ``twin.json`` may say; see `supervise.twin`.
            failed: Called with the state folder, before that is removed, when it does not come up.

        Raises:
            InvalidInput: ``content`` does not fit the topology.
            OperationFailed: It did not come up; nothing is left of it. The reason is the supervisor's.
        """
        said: dict[str, Any] = {"seed": seed, **(content or {}), **({"edge": edge} if edge else {})}
        twin = Twin(folder, os.getpid())
        changed = apply(topology, read(said, str(twin.file)), str(twin.file))
        twin.write(said)
        system = cls(changed, twin.state(topology.name), guard, seed, twin)
        try:
            system._supervisor = system._spawn(twin, env or {})
            await system._until_ready(within)
            if twin.content().links:
                system._control = system.links = await connect(socket_of(system.state))
        except BaseException:  # also when cut off, nothing that was started is left
            failed(system.folder)
            # Why it did not come up says more than what of it would not go.
            with contextlib.suppress(OperationFailed):
                await system.stop()
            raise
        return system

    @classmethod
    async def attach(cls, topology: Topology, *, guard: Guard, seed: int = 0) -> Self:
        """
        The user's own system, which runs already, has no links, and is left running by `stop`.

        Raises:
            OperationFailed: It does not run.
        """
        system = cls(topology, state_folder(topology), guard, seed)
        await system.status()
        system._events.begin_with("system.starting")
        return system

    @property
    def pid(self) -> int:
        """The supervisor's; 0 when it is not ours."""
        return self._supervisor.pid if self._supervisor else 0

    @property
    def running(self) -> bool:
        """Whether the supervisor that was started here is still there."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def there(self) -> bool:
        """Whether the system has a supervisor, ours or the user's own."""
        return self.state.running() if self.twin is None else self.running

    # --- what faults ask -----------------------------------------------------------------------

    async def status(self) -> dict[str, Any]:
        """
        What ``mainstay status --json`` says.

        Raises:
            OperationFailed: The supervisor does not answer.
        """
        told = dict(await self.call("status", memory=False))
        if self._control is not None:
            # Replicas come and go, and so do their links; they may be down themselves just now.
            with contextlib.suppress(OperationFailed):
                await self._control.refresh()
        return told

    async def call(self, verb: str, **arguments: Any) -> Any:
        """
        A verb of the supervisor's control socket; returns when it is done.

        Raises:
            OperationFailed: It was refused, or nobody answers.
        """
        return await asyncio.to_thread(call, self.state.socket, verb, timeout=CALL_LIMIT, **arguments)

    async def events(self) -> list[dict[str, Any]]:
        """Everything that the supervisor noted since it started, oldest first."""
        return self._events.all()

    async def sql(self, statement: str, *, service: str = "", node: str = "") -> list[tuple[Any, ...]]:
        """
        Run SQL as superuser, past every link: in a service's database or the one called ``postgres``,
        on the primary or on the named node.

        Raises:
            OperationFailed: There is no such node, it does not answer, or it refused; in its own words.
        """
        address = await self._node(node)
        secret = self.state.load("secrets")[SUPERUSER_SECRET]
        session = Session(
            address,
            user=SUPERUSER,
            password=secret,
            application="mainstay prove",
            database=database_of(service) if service else "postgres",
        )
        try:
            return await session.rows(statement, within=SQL_LIMIT)
        except Unanswered as error:
            raise OperationFailed("prove.sql-refused", f"{node or 'the primary'}: {error}") from error
        finally:
            await session.close()

    async def _node(self, name: str) -> Address:
        rows = [row for row in (await self.status())["processes"] if row["kind"] == "postgres"]
        for row in rows:
            if row["name"] == name or (not name and row["role"] == "primary"):
                host, _, port = row["address"].rpartition(":")
                return Address(host, int(port))
        known = [row["name"] for row in rows]
        raise OperationFailed(
            "prove.no-database",
            f"there is no PostgreSQL node {name!r} here" if name else "no PostgreSQL runs here",
            hint=nearest(name, known) or f"nodes: {', '.join(known) or 'none'}",
        )

    # --- up and down ---------------------------------------------------------------------------

    def _spawn(self, twin: Twin, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        command = (
            *(sys.executable, "-m", "mainstay.cli", "--file", str(self.topology.file), "up", "--background"),
            *("--twin", str(twin.folder), "--owner", str(twin.owner)),
        )
        log = self.state.log("supervisor")
        try:
            log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with log.open("ab") as stream:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    env={**os.environ, **env},
                    start_new_session=True,
                )
        except OSError as error:
            raise OperationFailed(
                "prove.twin-not-started", f"the twin could not be started: {error}"
            ) from error

    async def _until_ready(self, within: float) -> None:
        deadline = time.monotonic() + within
        seen: dict[str, Any] = {}
        while time.monotonic() < deadline:
            if not self.running:
                raise self.why_ended()
            with contextlib.suppress(OperationFailed):
                seen = await self.status()
                if seen["ready"]:
                    return
            await asyncio.sleep(LOOK_EVERY)
        raise OperationFailed(
            "prove.twin-not-ready",
            f"the twin was not ready within {within:g} s",
            hint="`mainstay up` starts the same system, and shows what keeps it",
            details=unready(seen),
        )

    def why_ended(self) -> OperationFailed:
        """Why the supervisor ended, in its own words."""
        if failure := last_failure(self.state):
            return failure
        try:
            lines = self.state.log("supervisor").read_text(errors="replace").splitlines()[-QUOTED_LINES:]
        except OSError:
            lines = []
        return OperationFailed("prove.twin-ended", "the twin's supervisor ended", details=tuple(lines))

    async def stop(self, *, keep: bool = False) -> None:
        """
        Stop a twin in order, by force when that takes too long, and `remove` it unless told to keep it.

        When this is cancelled, all of that happens at once, before it ends.

        Raises:
            OperationFailed: As `remove`.
        """
        try:
            await self._stop(keep=keep)
        except asyncio.CancelledError:
            if self._supervisor is not None:
                _end(self._supervisor, IN_HASTE, (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL))
            if self.twin is not None and not keep:
                with contextlib.suppress(OperationFailed):
                    self.twin.remove(self.topology.name)
            raise

    async def _stop(self, *, keep: bool) -> None:
        if self._control is not None:
            await self._control.close()
        if self.running:
            with contextlib.suppress(OperationFailed):
                await self.call("down")
        if self._supervisor is not None:
            await asyncio.to_thread(_end, self._supervisor)
            self._supervisor = None
            # One that was killed leaves what it started running, and writing where it is to be removed.
            await asyncio.to_thread(leftovers.end, self.state, Journal(self.state.events))
        if not keep:
            await self.remove()

    async def remove(self) -> None:
        """
        Delete the twin's data, after `stop`.

        Raises:
            OperationFailed: Something of it would not go, such as a disk that is mounted in it.
        """
        deadline = time.monotonic() + REMOVE_LIMIT
        while self.twin is not None:
            try:
                await asyncio.to_thread(self.twin.remove, self.topology.name)
            except OperationFailed:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(LOOK_EVERY)
            else:
                return


def unready(status: Mapping[str, Any]) -> tuple[str, ...]:
    """What keeps a system from being ready: processes, or else its durability; ``status`` is empty if nobody told."""
    if not status:
        return ("its supervisor did not answer",)
    missing = [row for row in status["processes"] if row["state"] != "ready"]
    return tuple(f"{row['name']}: {row['state']} {row['detail']}" for row in missing) or (
        f"durability: {status['durability']}",
    )


def _end(
    supervisor: subprocess.Popen[bytes],
    limit: float = STOP_LIMIT,
    signals: Iterable[int] = (0, signal.SIGTERM, signal.SIGTERM, signal.SIGKILL),
) -> None:
    """Wait for its end; the first SIGTERM asks for an orderly one, the second makes it kill every group."""
    for number in signals:
        supervisor.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(limit)
            return


class _Reader:
    """Lines of a file that grows and is now and then replaced by an empty one; each is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._offset = 0
        self._events: list[dict[str, Any]] = []

    def all(self) -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            inode = self._path.stat().st_ino
            if self._inode not in (0, inode):
                self._read(self._path.with_suffix(".jsonl.1"))
                self._offset = 0
            self._inode = inode
            self._read(self._path)
        return list(self._events)

    def begin_with(self, event: str) -> None:
        """Forget what was before the latest of these."""
        places = [number for number, each in enumerate(self.all()) if each["event"] == event]
        del self._events[: max(places, default=0)]

    def _read(self, path: Path) -> None:
        """From where it was left; a line that is being written is left for the next time."""
        with path.open("rb") as stream:
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                self._events.append(json.loads(line))
                self._offset += len(line)
