"""
In-memory twins of what the supervisor leads: PostgreSQL nodes, processes, an edge.

They keep the promises that the real ones are tested for in `tests/integration`, and
nothing more: a node loses nothing that it has on disk, acknowledges a commit only when
every node it waits for has it, and may fail at any moment it is asked to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainstay.base.errors import MainstayError, OperationFailed
from mainstay.ops.engines.engine import Address, Backend, Launch, Node, Probe
from mainstay.ops.engines.postgres import Standby, Status
from mainstay.ops.supervise.cluster import Member
from mainstay.ops.supervise.supervised import State


class Gates:
    """
    Every place where a coroutine would wait for the outside world, opened one at a time.

    Whoever drives decides what happens next: a step of one of the waiting coroutines, or
    something in the world.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[str, asyncio.Future[None]]] = []

    async def wait(self, name: str) -> None:
        gate = asyncio.get_running_loop().create_future()
        self.waiting.append((name, gate))
        try:
            await gate
        finally:
            self.waiting = [pair for pair in self.waiting if pair[1] is not gate]

    def open(self, index: int) -> str:
        name, gate = self.waiting[index % len(self.waiting)]
        gate.set_result(None)
        self.waiting = [pair for pair in self.waiting if pair[1] is not gate]
        return name


class Broken(AssertionError):
    """A guarantee does not hold."""


@dataclass
class World:
    """All nodes, and what was promised to clients."""

    gates: Gates = field(default_factory=Gates)
    nodes: list[FakeNode] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    alone: set[int] = field(default_factory=set)
    """Commits that were acknowledged while only one node had them."""
    next_commit: int = 0
    failing: list[str] = field(default_factory=list)
    """Orders that fail the next time: ``promote before``, ``promote after`` …"""

    def node(self, name: str) -> FakeNode:
        return next(each for each in self.nodes if each.name == name)

    def fails(self, what: str) -> bool:
        if what in self.failing:
            self.failing.remove(what)
            return True
        return False

    def must_have_all(self, node: FakeNode, why: str) -> None:
        missing = self.acknowledged - node.commits
        if missing:
            raise Broken(f"{node.name} {why} without the acknowledged {sorted(missing)}")

    def write(self, node: FakeNode) -> None:
        """A client, which knows every node, commits wherever it is let."""
        if not node.writable:
            return
        self.next_commit += 1
        node.commits.add(self.next_commit)
        node.waiting.add(self.next_commit)
        node.flow()
        node.acknowledge()


def refused(name: str, what: str) -> OperationFailed:
    return OperationFailed("postgres.refused", f"{name}: {what}")


class FakeNode:
    """The twin of `PostgresNode`, down to which of its calls wait and which fail how."""

    def __init__(self, name: str, world: World) -> None:
        self.node = Node(name, Path("/nowhere") / name, Address("127.0.0.1", 1000 + len(world.nodes)))
        self.name = name
        self.world = world
        self.exists = False
        self.commits: set[int] = set()
        self.waiting: set[int] = set()
        """Commits that this node has and has not acknowledged yet."""
        self.is_standby = False
        self.upstream: FakeNode | None = None
        self.names: tuple[str, ...] = ()
        """Whom commits wait for: in the file, and in the server once that has read it."""
        self.running = False
        self.ending = False
        """Its main process is gone, and what that started is not yet: it may still acknowledge."""
        self.frozen = False
        self.promoting = False
        self.streaming = False
        world.nodes.append(self)

    # --- what is true of it ----------------------------------------------------------

    @property
    def answering(self) -> bool:
        return self.running and not self.frozen

    @property
    def writable(self) -> bool:
        return self.answering and not self.is_standby

    def stray_pids(self) -> tuple[int, ...]:
        return (1,) if self.running else ()

    def can_follow(self) -> bool:
        up = self.upstream
        return (
            self.answering
            and self.is_standby
            and up is not None
            and up.answering
            and not up.is_standby
            and self.commits <= up.commits
        )

    def flow(self) -> None:
        """What this node has reaches those that follow it and that it waits for."""
        for other in self.world.nodes:
            if other.upstream is self and other.streaming and other.can_follow() and other.name in self.names:
                other.commits |= self.commits

    def acknowledge(self) -> None:
        if not self.writable:
            return
        have = [self.world.node(name) for name in self.names]
        done = {commit for commit in self.waiting if all(commit in other.commits for other in have)}
        for commit in done:
            if sum(commit in other.commits for other in self.world.nodes) == 1:
                self.world.alone.add(commit)
        self.world.acknowledged |= done
        self.waiting -= done

    # --- what happens to it ------------------------------------------------------------

    def start(self) -> None:
        if self.running:
            raise Broken(f"{self.name} was started twice")
        self.running, self.ending, self.frozen, self.promoting = True, False, False, False
        if not self.is_standby:
            self.becomes_primary("starts as primary")

    def becomes_primary(self, why: str) -> None:
        self.world.must_have_all(self, why)
        others = [other.name for other in self.world.nodes if other is not self and other.running]
        rivals = [name for name in others if not self.world.node(name).is_standby]
        if rivals:
            raise Broken(f"{self.name} {why} beside {rivals}")

    def die(self) -> None:
        self.running = self.ending = self.frozen = self.streaming = False
        self.waiting.clear()
        for other in self.world.nodes:
            if other.upstream is self:
                other.streaming = False

    def connect(self) -> None:
        """Catch up with the primary and go on receiving."""
        if self.can_follow() and self.upstream is not None:
            self.commits |= self.upstream.commits
            self.streaming = True
            self.upstream.acknowledge()

    def becomes_promoted(self) -> None:
        self.becomes_primary("was promoted")
        self.is_standby, self.promoting, self.streaming, self.upstream = False, False, False, None
        self.waiting.clear()

    # --- what the supervisor asks of it -------------------------------------------------

    async def _reach(self, what: str) -> None:
        await self.world.gates.wait(f"{what} {self.name}")
        if not self.answering or self.ending:
            raise refused(self.name, f"could not {what}")

    def _check_stopped(self) -> None:
        if self.running:
            raise OperationFailed("postgres.still-running", f"processes still work in {self.name}")

    async def prepare_primary(self, synchronous: tuple[str, ...] = ()) -> None:
        self._check_stopped()
        if not self.exists:
            await self.world.gates.wait(f"initdb {self.name}")
            self.exists = True
        if self.is_standby:
            raise OperationFailed("postgres.is-standby", f"{self.name} holds a standby's data")
        self.names = synchronous

    async def prepare_standby(self, primary: FakeNode) -> None:
        self._check_stopped()
        if self.exists and not self.is_standby:
            await self.rewind(primary)
            return
        await primary._reach("make slot")
        if not self.exists:
            await primary._reach("copy")
            self._become_copy(primary)
        self.upstream = primary

    async def rewind(self, primary: FakeNode) -> None:
        self._check_stopped()
        await primary._reach("checkpoint")
        await primary._reach("rewind from")
        if primary.is_standby:
            raise refused(primary.name, "is no primary")
        self._become_copy(primary)

    def _become_copy(self, primary: FakeNode) -> None:
        self.world.must_have_all(primary, f"replaces the data of {self.name}")
        self.exists, self.is_standby, self.upstream = True, True, primary
        self.commits = set(primary.commits)

    async def promote(self, synchronous: tuple[str, ...] = ()) -> None:
        await self._reach("promote")
        if not self.is_standby:
            raise refused(self.name, "recovery is not in progress")
        if self.world.fails("promote before"):
            raise refused(self.name, "could not be promoted")
        self.names = synchronous
        self.promoting = True
        if self.world.fails("promote late"):
            raise refused(self.name, "it was still a standby after 10 s")
        self.becomes_promoted()
        await self.world.gates.wait(f"promoted {self.name}")
        if self.world.fails("promote after") or not self.answering:
            raise refused(self.name, "the connection was lost")

    async def status(self) -> Status:
        await self._reach("status")
        standbys = [
            Standby(other.name, "streaming", "sync" if other.name in self.names else "async", 0)
            for other in self.world.nodes
            if other.upstream is self and other.streaming and other.can_follow()
        ]
        seen = Status(self.is_standby, 1, len(self.commits), tuple(standbys))
        await self.world.gates.wait(f"status read {self.name}")
        return seen

    async def terminate_waiting(self, *, longer_than: float) -> int:
        """Nobody's session lasts long enough in this twin; what it ends was never acknowledged."""
        return 0

    async def set_synchronous(self, names: tuple[str, ...]) -> None:
        await self._reach("set synchronous")
        if self.world.fails("set before"):
            raise refused(self.name, "no answer within 0.8 s")
        self._check_streaming(names)
        before, self.names = self.names, names
        try:
            await self._reach("confirm synchronous")
            self._check_streaming(names)
            if self.world.fails("set after"):
                raise refused(self.name, "did not confirm in 5 s")
        except OperationFailed:
            if self.answering:
                self.names = before
            raise
        self.flow()
        self.acknowledge()
        for name in names:
            self.world.must_have_all(self.world.node(name), "counts as synchronous")
        await self.world.gates.wait(f"synchronous set {self.name}")

    def _check_streaming(self, names: tuple[str, ...]) -> None:
        for name in names:
            other = self.world.node(name)
            if not (other.streaming and other.upstream is self and other.can_follow()):
                raise OperationFailed("postgres.not-streaming", f"{name} does not stream")

    async def probe(self) -> Probe:
        return Probe(self.answering, answered=self.answering)

    def launch(self) -> Launch:
        return Launch(("postgres",), Path("/nowhere"))


class FakeProcess:
    """The twin of `Supervised` for one node: prepares, starts, notices an end, starts again."""

    def __init__(self, member: Member, world: World) -> None:
        self.member = member
        self.world = world
        self.node: FakeNode = member.node  # type: ignore[assignment]
        self.state = State.STOPPED
        self.errors: list[str] = []
        self._ended = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._move(State.STARTING)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                await self.member.prepare()
            except (MainstayError, OSError) as error:
                self.errors.append(str(error))
                await self.world.gates.wait(f"retry {self.node.name}")
                continue
            self._ended.clear()
            self.node.start()
            await self._until_over()
            self._move(State.STARTING)
            self.end_strays()

    async def _until_over(self) -> None:
        ended = asyncio.ensure_future(self._ended.wait())
        probed = asyncio.ensure_future(self._probe())
        try:
            await asyncio.wait({ended, probed}, return_when=asyncio.FIRST_COMPLETED)
            await ended
        finally:
            ended.cancel()
            probed.cancel()

    async def _probe(self) -> None:
        while True:
            await self.world.gates.wait(f"probe {self.node.name}")
            if self._ended.is_set():
                return
            self._move(State.READY if self.node.answering else State.STARTING)
            if self.node.frozen and self.world.fails("lose patience"):
                self.kill("no answer")

    def _move(self, state: State) -> None:
        self.state = state
        if state is State.READY:
            self._settled.set()
        else:
            self._settled.clear()

    async def wait_ready(self, within: float) -> bool:
        while self.state is not State.READY:
            await self.world.gates.wait(f"wait for {self.node.name}")
            if self.state is not State.READY and self.world.fails("wait ready"):
                return False
        return True

    def kill(self, why: str) -> None:
        self.node.ending = self.node.running
        self._ended.set()

    def end_strays(self) -> None:
        """SIGKILL has been sent; when they die of it is not in the supervisor's hands."""
        self.node.ending = self.node.running

    async def abandon(self) -> None:
        """The supervisor is killed; the server knows nothing of it yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def check(self) -> None:
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()


class FakeRecord:
    """The state folder's part in it: content that is replaced whole, or not at all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.content: dict[str, Any] = {}

    def load(self, record: str) -> dict[str, Any]:
        return dict(self.content)

    def save(self, record: str, content: dict[str, Any]) -> None:
        if self.world.fails("save"):
            raise OperationFailed("state.cannot-write", "No space left on device")
        self.content = dict(content)


class FakeEndpoint:
    """Where new connections lead."""

    def __init__(self) -> None:
        self.target: Address | None = None

    def lead_to(self, target: Address | None) -> None:
        self.target = target


class FakeEdge:
    """The twin of an edge: remembers the sets it was told and what it was asked meanwhile."""

    breaks_hanging = False

    def __init__(self) -> None:
        self.applied: list[tuple[Backend, ...]] = []
        self.told_down: list[tuple[str, bool]] = []
        self.open: dict[str, int] = {}
        self.busy = False
        self.error: Exception | None = None
        self.before_ack: Callable[[], Awaitable[None]] | None = None

    @property
    def serving(self) -> set[str]:
        return {backend.name for backend in self.applied[-1]} if self.applied else set()

    async def apply(self, backends: tuple[Backend, ...]) -> None:
        await self._alone()
        self.applied.append(backends)

    async def in_flight(self, backend: str) -> int:
        return self.open.get(backend, 0)

    async def set_down(self, backend: str, down: bool) -> None:
        await self._alone()
        self.told_down.append((backend, down))

    async def _alone(self) -> None:
        assert not self.busy, "the edge was asked for two changes at once"
        self.busy = True
        try:
            await asyncio.sleep(0)
            if self.before_ack is not None:
                await self.before_ack()
            if self.error is not None:
                raise self.error
        finally:
            self.busy = False


class FakeProcessOf:
    """The twin of `Supervised` for a fleet: becomes ready, or not, and tells in which order things happened."""

    def __init__(self, unit: Any, story: list[str], *, ready: bool = True) -> None:
        self.unit = unit
        self.name = unit.name
        self.story = story
        self.becomes_ready = ready
        self.state = State.STOPPED
        self.detail = "" if ready else "/readyz answered 503"
        self.tag = f"{unit.name}.g{getattr(unit, 'generation', 0)}"
        self.gate = asyncio.Event()
        self.gate.set()

    def _move(self, state: State) -> None:
        self.state = state
        self.story.append(f"{self.tag} {state}")

    def start(self) -> None:
        self._move(State.STARTING)

    async def wait_ready(self, within: float) -> bool:
        await asyncio.sleep(0)
        await self.gate.wait()
        if self.becomes_ready:
            self._move(State.READY)
        return self.becomes_ready

    def mark_draining(self, why: str) -> None:
        self._move(State.DRAINING)

    async def stop(self, why: str, within: float | None = None) -> None:
        await asyncio.sleep(0)
        self._move(State.STOPPED)

    def last_lines(self, count: int = 12) -> tuple[str, ...]:
        return ("ImproperlyConfigured: no such setting",)
