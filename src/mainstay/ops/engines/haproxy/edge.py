"""
One running HAProxy.

Replicas come and go through the admin socket, without a reload: a reload would break
kept-alive client connections. The file on disk is kept in step, so a restarted HAProxy
starts with the same replicas.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder, policy
from mainstay.ops.engines.ask import said
from mainstay.ops.engines.engine import Address, Backend, File, Launch, Node, Probe, Program
from mainstay.ops.engines.haproxy import config
from mainstay.ops.engines.haproxy.admin import Admin, Server
from mainstay.ops.engines.oneshot import run_once
from mainstay.ops.topology.values import Topology

FILE = "haproxy.cfg"

GRACE = 0.1
"""Seconds for HAProxy to repeat elsewhere what the end of a replica has broken."""


@dataclass
class HaproxyEdge:
    """
    HAProxy in front of a system.

    ``apply`` is the only way in or out of rotation; ``set_down`` passes over a replica that
    stays in it, and breaks what hangs on that.
    """

    breaks_hanging: ClassVar[bool] = True

    node: Node
    program: Program
    topology: Topology
    monitor: Address
    room: policy.Room
    backends: tuple[Backend, ...] = ()
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _down: set[str] = field(default_factory=set)

    @property
    def admin(self) -> Admin:
        return Admin(self.node.folder, config.SOCKET)

    def files(self) -> tuple[File, ...]:
        down = frozenset(self._down)
        text = config.text(self.topology, self.node, self.monitor, self.room, self.backends, down)
        return (File(FILE, text),)

    async def prepare(self) -> None:
        folder.write(self.node, self.files())
        done = await run_once(
            (str(self.program.path), "-c", "-f", str(self.node.config / FILE)),
            cwd=self.node.folder,
            unprivileged=True,
        )
        if not done.ok:
            raise OperationFailed(
                "edge.bad-configuration",
                "haproxy refused the configuration that was written for it",
                details=tuple(done.output.splitlines()[-10:]),
            )

    def launch(self) -> Launch:
        return Launch(
            argv=(str(self.program.path), "-db", "-f", str(self.node.config / FILE)),
            cwd=self.node.folder,
            stop_signal=signal.SIGUSR1,
            stop_timeout=config.HARD_STOP + 1.0,
            unprivileged=True,
        )

    async def probe(self) -> Probe:
        """Ready once the admin socket answers: HAProxy opens it together with its listeners."""
        try:
            answer = await asyncio.wait_for(self.admin.say("show info"), 0.9)
        except (OSError, TimeoutError) as error:
            return Probe(False, said(error), answered=False)
        return Probe("Name: HAProxy" in answer)

    async def apply(self, backends: tuple[Backend, ...]) -> None:
        async with self._changing:
            self.backends = backends
            self._down &= {backend.name for backend in backends}
            if not (self.node.config / FILE).exists():
                return
            folder.write(self.node, self.files())
            # Nobody listens: HAProxy does not run, and will start with the file just written.
            with contextlib.suppress(ConnectionError, FileNotFoundError):
                await self._change(await self.admin.servers())

    async def in_flight(self, backend: str) -> int:
        try:
            return (await self.admin.sessions()).get(backend, 0)
        except OSError:
            return 0

    async def set_down(self, backend: str, down: bool) -> None:
        async with self._changing:
            known = next((each for each in self.backends if each.name == backend), None)
            if known is None:
                return
            with contextlib.suppress(ConnectionError, FileNotFoundError):
                path = f"{known.service}/{known.name}"
                await (self._pass_over(path) if down else self.admin.tell(f"set server {path} state ready"))
            (self._down.add if down else self._down.discard)(backend)

    async def _pass_over(self, path: str) -> None:
        """
        No new requests, and break what hangs.

        Of a dead replica nothing hangs: the kernel has broken it, and HAProxy is about to
        repeat it elsewhere. A request broken in the middle of that would be lost, so only
        what is left a moment later is broken.
        """
        await self.admin.tell(f"set server {path} state drain")
        await asyncio.sleep(GRACE)
        await self.admin.tell(f"shutdown sessions server {path}")

    # --- the running program ---------------------------------------------------------------

    async def _change(self, present: Iterable[Server]) -> None:
        known = {server.name: server for server in present}
        wanted = {backend.name: backend for backend in self.backends}
        for name, backend in wanted.items():
            await self._put_in(backend, known.get(name))
        for name, server in known.items():
            if name not in wanted:
                await self._take_out(server)
        await self._forget(server for name, server in known.items() if name not in wanted)

    async def _put_in(self, backend: Backend, server: Server | None) -> None:
        path = f"{backend.service}/{backend.name}"
        address = config.listen(backend.address)
        if server is None:
            await self.admin.tell(
                f"add server {path} {address} {config.SERVER_WORDS}", expect="New server registered."
            )
            await self.admin.tell(f"enable server {path}")
            return
        if server.address != backend.address:
            await self.admin.say(f"set server {path} addr {backend.address.host} port {backend.address.port}")
        if server.out and backend.name not in self._down:
            await self.admin.tell(f"set server {path} state ready")

    async def _take_out(self, server: Server) -> None:
        """No new requests; its last answers and its sockets stay."""
        await self.admin.tell(f"set server {server.path} state drain")

    async def _forget(self, servers: Iterable[Server]) -> None:
        """Remove drained replicas on which nothing is open; the others go at a later change."""
        open_sessions = await self.admin.sessions()
        for server in servers:
            if not open_sessions.get(server.name):
                await self.admin.say(f"set server {server.path} state maint", f"del server {server.path}")
