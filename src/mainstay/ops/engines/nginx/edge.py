"""
One running nginx.

A change is a new file, a check, a HUP and an acknowledgement: the new configuration
answers on the monitor listener and no old worker takes requests any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder, policy
from mainstay.ops.engines.ask import http_get, probe_http
from mainstay.ops.engines.engine import Address, Backend, File, Launch, Node, Probe, Program
from mainstay.ops.engines.nginx import config, workers
from mainstay.ops.engines.oneshot import run_once
from mainstay.ops.topology.values import Topology

FILE = "nginx.conf"
STOP_TIMEOUT = 4.0
PATIENCE = 5.0
"""Most seconds for a reload to be served; it takes about 0.2."""


@dataclass
class NginxEdge:
    """
    nginx in front of a system.

    It asks no replica how it is: whoever runs it does, says so with `set_down`, and
    kills a frozen replica, which breaks what hangs on it and lets nginx try another.
    """

    breaks_hanging: ClassVar[bool] = False

    node: Node
    program: Program
    topology: Topology
    monitor: Address
    room: policy.Room
    rotation: config.Rotation = field(default_factory=config.Rotation)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _addresses: dict[str, Address] = field(default_factory=dict)
    """Of every replica ever in rotation: what left may still have requests under way."""

    def files(self) -> tuple[File, ...]:
        features = self.program.features
        return config.files(self.topology, self.node, self.monitor, self.room, features, self.rotation)

    async def prepare(self) -> None:
        folder.make(self.node.data)
        folder.write(self.node, self.files())
        await self._check()

    def launch(self) -> Launch:
        return Launch(
            argv=self._command(),
            cwd=self.node.folder,
            stop_signal=signal.SIGQUIT,
            stop_timeout=STOP_TIMEOUT,
            unprivileged=True,
        )

    async def probe(self) -> Probe:
        """Ready once the monitor listener answers: nginx opens all its listeners before any worker starts."""
        return await probe_http(self.monitor, "/livez")

    async def apply(self, backends: tuple[Backend, ...]) -> None:
        async with self._changing:
            names = {backend.name for backend in backends}
            leaving = {each.name for each in self.rotation.backends} - names
            self._addresses |= {backend.name: backend.address for backend in backends}
            await self._change(replace(self.rotation, backends=backends, down=self.rotation.down & names))
            if leaving:
                await self._old_workers_quiet()

    async def in_flight(self, backend: str) -> int:
        """Open connections, the idle ones included; those close by themselves once a replica is out."""
        master, address = self._master(), self._addresses.get(backend)
        return master.sockets(address) if master and address else 0

    async def set_down(self, backend: str, down: bool) -> None:
        async with self._changing:
            change = self.rotation.down | {backend} if down else self.rotation.down - {backend}
            if change != self.rotation.down:
                await self._change(replace(self.rotation, down=change))

    # --- the running program -----------------------------------------------------------------

    def _command(self, *options: str) -> tuple[str, ...]:
        # Paths in the file are relative to -p; -e keeps nginx from opening its built-in log first.
        place = ("-p", f"{self.node.folder}/", "-c", f"config/{FILE}", "-e", "stderr")
        return (str(self.program.path), *place, *options)

    async def _check(self) -> None:
        done = await run_once(self._command("-t", "-q"), cwd=self.node.folder, unprivileged=True)
        if not done.ok:
            raise OperationFailed(
                "edge.bad-configuration",
                "nginx refused the configuration that was written for it",
                details=tuple(done.output.splitlines()[-10:]),
            )

    def _master(self) -> workers.Master | None:
        return workers.find(self.node.data / "nginx.pid")

    async def _change(self, rotation: config.Rotation) -> None:
        """Make a new rotation true, in the running nginx too if there is one."""
        self.rotation = replace(rotation, generation=rotation.generation + 1)
        if not (self.node.config / FILE).exists():
            return
        folder.write(self.node, self.files())
        if master := self._master():
            await self._check()
            await self._reload(master)

    async def _reload(self, master: workers.Master) -> None:
        """
        Returns when the new generation answers and the old workers take no new connections.

        Raises:
            OperationFailed: nginx went on with the old configuration, or ended.
        """
        old = set(master.workers())
        os.kill(master.pid, signal.SIGHUP)
        limit = time.monotonic() + PATIENCE
        while not (await self._serves() and self._leaving(master, old)):
            if time.monotonic() > limit:
                raise OperationFailed(
                    "edge.reload-failed",
                    f"nginx did not take up its new configuration within {PATIENCE:g} s",
                    hint="its own log says why",
                )
            await asyncio.sleep(0.01)

    async def _serves(self) -> bool:
        with contextlib.suppress(OSError):
            return await http_get(self.monitor, "/generation") == (200, str(self.rotation.generation))
        return False

    @staticmethod
    def _leaving(master: workers.Master, old: Iterable[int]) -> bool:
        now = master.workers()
        return all(now.get(pid, True) for pid in old)

    async def _old_workers_quiet(self) -> None:
        """
        Wait until no old worker takes a request on a connection that a client kept open.

        Those that are left after `config.SETTLE` have only sockets and long answers.
        """
        limit = time.monotonic() + config.SETTLE + 0.2
        while time.monotonic() < limit:
            master = self._master()
            if master is None or not any(master.workers().values()):
                return
            await asyncio.sleep(0.02)
