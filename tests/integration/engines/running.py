"""Start what an engine says how to start, in a session of its own, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.ops.engines.engine import Address, Engine, Launch, Node
from mainstay.ops.engines.oneshot import as_unprivileged, environment


def free_address() -> Address:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", listener.getsockname()[1])


def new_node(folder: Path, name: str, *, monitored: bool = False) -> Node:
    own = folder / name
    own.mkdir(mode=0o700, parents=True)
    return Node(name, own, free_address(), free_address() if monitored else None)


@dataclass
class Running:
    """One process that a test started."""

    process: asyncio.subprocess.Process
    launch: Launch
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    async def kill(self) -> None:
        """kill -9 of the main process alone, as a crash does."""
        self.process.kill()
        await self.process.wait()

    def freeze(self) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    async def stop(self) -> int:
        """As the supervisor does: the engine's own signal, then the whole group."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(self.launch.stop_signal)
        try:
            await asyncio.wait_for(self.process.wait(), self.launch.stop_timeout)
        finally:
            await self.end()
        return self.process.returncode or 0

    async def end(self) -> None:
        """SIGKILL to everything that is left of the group; frozen processes too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


@dataclass
class Runner:
    """Starts engines for one test and ends all of them after it."""

    folder: Path
    started: list[Running] = field(default_factory=list)

    async def start(self, engine: Engine, *, ready_within: float = 20.0) -> Running:
        running = await self.launch(engine.launch(), engine.node.name)
        await until_ready(engine, running, ready_within)
        return running

    async def launch(self, launch: Launch, name: str) -> Running:
        argv = as_unprivileged(launch.argv) if launch.unprivileged else launch.argv
        log = self.folder / f"{name}.{len(self.started)}.log"
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=launch.cwd,
                env=environment(launch.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.started.append(Running(process, launch, log))
        return self.started[-1]

    async def end(self) -> None:
        for running in reversed(self.started):
            await running.end()


async def until_ready(engine: Engine, running: Running, within: float) -> None:
    deadline = time.monotonic() + within
    while not (probe := await engine.probe()).ready:
        ended = running.process.returncode is not None
        assert not ended, f"{engine.node.name} ended: {running.said[-2000:]}"
        assert time.monotonic() < deadline, f"{engine.node.name}: {probe.detail}\n{running.said[-2000:]}"
        await asyncio.sleep(0.02)


def secrets(names: Mapping[str, str] | tuple[str, ...]) -> dict[str, str]:
    """Passwords with every character that a careless quotation would break."""
    return {name: f"p'{index}\"\\ %/#@:é{name}" for index, name in enumerate(names)}
