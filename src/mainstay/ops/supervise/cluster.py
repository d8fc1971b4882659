"""
The PostgreSQL nodes as one thing: who is primary, who may take over, what an acknowledgement is worth.

The rule all else follows from: a standby may be promoted only if every acknowledged
commit has reached it. Which one that is (``in_sync``) is written to disk before the
primary is told to stop waiting for it, and after it is known to have caught up; so
whatever is killed at whatever moment, the record never claims too much.

A lost primary is fenced (its whole process tree is dead, not merely silent) before
its standby is promoted, so there are never two that accept writes. That a standby is
about to be promoted is on disk before it is told: it may accept writes from that moment
on, so from then on its own data says who the primary is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Launch, Probe
from mainstay.ops.engines.postgres import PostgresNode, Status
from mainstay.ops.supervise.endpoint import PrimaryEndpoint
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import State, Supervised

WATCH_EVERY = 0.25
FENCE_LIMIT = 10.0
RECORD = "postgres"


class Record(Protocol):
    def load(self, record: str) -> dict[str, object]: ...
    def save(self, record: str, content: dict[str, object]) -> None: ...


@dataclass
class Member:
    """One node as the supervisor's unit: asks the cluster what it is before each start."""

    cluster: Cluster
    node: PostgresNode
    kind: str = "postgres"
    service: str = ""
    has_run: bool = False
    strayed: bool = False
    """It followed a primary that was lost, and may have received what the new one never did."""

    @property
    def name(self) -> str:
        return self.node.node.name

    async def prepare(self) -> None:
        await self.cluster.before_start(self)
        self.has_run = True

    def launch(self) -> Launch:
        return self.node.launch()

    async def probe(self) -> Probe:
        return await self.node.probe()

    def strays(self) -> list[int]:
        return list(self.node.stray_pids())


class Cluster:
    """
    Lifetime: `bind` the supervised processes, `watch` as a task while they run.

    A commit that waits longer than ``patience`` seconds for its standby has its session
    ended: an unknown outcome, never a false success.

    ``durability`` is one of ``synchronous``, ``degraded`` (writes are acknowledged by the
    primary alone), ``blocked`` (strict, and no standby: writes wait), ``asynchronous`` and
    ``single``.
    """

    def __init__(
        self,
        nodes: list[PostgresNode],
        endpoint: PrimaryEndpoint,
        state: StateFolder,
        journal: Journal,
        *,
        synchronous: bool,
        strict: bool,
        patience: float = 5.0,
    ) -> None:
        self.members = [Member(self, node) for node in nodes]
        self._state = state
        self._journal = journal
        self._endpoint = endpoint
        self._synchronous = synchronous and len(nodes) > 1
        self._strict = strict
        self._patience = patience
        record = state.load(RECORD)
        by_name = {member.name: member for member in self.members}
        self.primary = by_name.get(str(record.get("primary", "")), self.members[0])
        self.in_sync = str(record.get("in_sync", ""))
        self._recorded = bool(record)
        self._promoting = by_name.get(str(record.get("promoting", "")))
        """The standby that was told to become primary, as long as it is not known whether it did."""
        if self._promoting is not None and not self._promoting.node.is_standby:
            self.primary, self.in_sync = self._promoting, ""
        self._processes: dict[str, Supervised] = {}
        self._told = ""
        """The standby that the running primary may be waiting for."""
        self._blocked = False
        self._starts = 0
        self._stopping = False
        self.on_failover: Callable[[], None] = lambda: None

    def bind(self, processes: dict[str, Supervised]) -> None:
        self._processes = processes

    def stopping(self) -> None:
        """A planned stop has begun: what ends from now on is not a failure."""
        self._stopping = True

    @property
    def durability(self) -> str:
        if len(self.members) == 1:
            return "single"
        if not self._synchronous:
            return "asynchronous"
        if self.in_sync and not self._blocked:
            return "synchronous"
        return "blocked" if self._strict else "degraded"

    def role(self, name: str) -> str:
        return "primary" if name == self.primary.name else "standby"

    # --- starts and fail-over ---------------------------------------------------------------

    async def before_start(self, member: Member) -> None:
        """Called before each start of a node: decides what it will be, and makes it so."""
        self._settle_promotion()
        if member is self.primary and member.has_run:
            heir = self._heir()
            if heir is not None:
                await self._fail_over(heir)
        if member is self.primary:
            await self._prepare_primary(member)
            return
        await self._until_primary_answers()
        if member.strayed:
            await member.node.rewind(self.primary.node)
        else:
            await member.node.prepare_standby(self.primary.node)
        member.strayed = False

    def _settle_promotion(self) -> None:
        """
        Find out what became of a promotion whose end nobody saw.

        Raises:
            OperationFailed: It may still happen; ask again.
        """
        heir = self._promoting
        if heir is None:
            return
        if heir is self.primary:
            self._remember(primary=heir, in_sync="")
        elif not heir.node.is_standby:
            self._take_over(heir)
        elif not heir.node.stray_pids():
            # A server that starts forgets that its predecessor was told to promote itself.
            self._remember(primary=self.primary, in_sync=self.in_sync)
        elif heir is not self._heir():
            raise OperationFailed(
                "postgres.promotion-unclear", f"{heir.name} was told to become primary and does not answer"
            )

    async def _prepare_primary(self, member: Member) -> None:
        """
        A primary that starts in place waits for its standby from the first commit on (strict),
        or for nobody yet, and then nobody may be promoted until a standby has caught up again.
        """
        self._told = self._waits_for(member)
        if self.in_sync not in ("", self._told):
            self._remember(primary=member, in_sync="")
        self._starts += 1
        await member.node.prepare_primary((self._told,) if self._told else ())
        self._endpoint.lead_to(member.node.node.address)

    def _waits_for(self, primary: Member) -> str:
        """Whom a new primary waits for from its first commit on: nobody, unless the file says strict."""
        if not (self._synchronous and self._strict and self._recorded):
            return ""
        return self.in_sync or next(each.name for each in self.members if each is not primary)

    @property
    def waits_from_the_start(self) -> bool:
        """Strict, and there has been a standby: the first commit after a start needs one to be there."""
        return bool(self._waits_for(self.primary))

    async def until_kept(self, within: float) -> None:
        """
        With strict durability: wait for the first standby, before which nothing may be acknowledged.

        Raises:
            OperationFailed: There was none in time.
        """
        deadline = time.monotonic() + within
        while self._synchronous and self._strict and self.durability != "synchronous":
            if time.monotonic() > deadline:
                raise OperationFailed(
                    "postgres.no-standby",
                    f"durability is strict, and no standby was in step within {within:g} s",
                    hint="`mainstay logs postgres` shows why",
                )
            await asyncio.sleep(0.05)

    def _heir(self) -> Member | None:
        """The standby that has every acknowledged commit and is up, if there is one."""
        for member in self.members:
            process = self._processes.get(member.name)
            if member.name == self.in_sync and process is not None and process.state is State.READY:
                return member
        return None

    async def _fail_over(self, heir: Member) -> None:
        lost = self.primary
        began = time.monotonic()
        self._journal.note("postgres.primary-lost", lost.name, f"{heir.name} has every acknowledged commit")
        self._endpoint.lead_to(None)
        await self._fence(lost)
        self._remember(primary=lost, in_sync=heir.name, promoting=heir)
        await heir.node.promote((lost.name,) if self._synchronous and self._strict else ())
        self._take_over(heir, seconds=round(time.monotonic() - began, 3))

    def _take_over(self, heir: Member, **facts: object) -> None:
        """Lead everyone to the standby that has become primary."""
        lost = self.primary
        self._remember(primary=heir, in_sync="")
        self._starts += 1
        self._told, self._blocked = "", False
        self._endpoint.lead_to(heir.node.node.address)
        why = f"{lost.name} is fenced and comes back as standby"
        self._journal.note("postgres.promoted", heir.name, why, durability=self.durability, **facts)
        for other in self.members:
            if other not in (lost, heir):
                other.strayed = other.has_run
                self._processes[other.name].kill(f"follows {heir.name} from now on")
        self.on_failover()

    async def _fence(self, lost: Member) -> None:
        """Wait until nothing of the lost primary is alive; its group has been killed already."""
        deadline = time.monotonic() + FENCE_LIMIT
        while strays := lost.node.stray_pids():
            self._processes[lost.name].end_strays()
            if time.monotonic() > deadline:
                raise OperationFailed(
                    "postgres.cannot-fence",
                    f"{lost.name} is lost but its processes {strays} do not end; nobody is promoted",
                    hint="a process in uninterruptible sleep usually waits for a disk",
                )
            await asyncio.sleep(0.01)

    async def _until_primary_answers(self) -> None:
        process = self._processes[self.primary.name]
        if not await process.wait_ready(60.0):
            raise OperationFailed("postgres.no-primary", f"{self.primary.name} does not answer")

    def _remember(self, *, primary: Member, in_sync: str, promoting: Member | None = None) -> None:
        """Write down who may be promoted; must be on disk before anyone acts on it."""
        content: dict[str, object] = {"primary": primary.name, "in_sync": in_sync}
        if promoting is not None:
            content["promoting"] = promoting.name
        self._state.save(RECORD, content)
        self._recorded = True
        self.primary, self.in_sync, self._promoting = primary, in_sync, promoting

    # --- watching replication -----------------------------------------------------------------

    async def watch(self) -> None:
        """Keep ``in_sync`` true until cancelled."""
        while True:
            await asyncio.sleep(WATCH_EVERY)
            if self._stopping or not self._synchronous:
                continue
            if self._processes[self.primary.name].state is not State.READY:
                continue
            try:
                await self._watch(self.primary)
            except Exception as error:
                # Whatever it is: without watching, a lost standby would hold up every write for ever.
                self._complain(error)
                await asyncio.sleep(1.0)

    async def end_hanging_commits(self) -> None:
        """
        End sessions whose commit waits too long for a standby, until cancelled.

        Who cancels a waiting commit is told success; whose session ends knows that it is not
        known. A loop of its own, because a change of the synchronous standby may take a minute.
        """
        while True:
            await asyncio.sleep(WATCH_EVERY)
            if self._told and not self._stopping and self._answers(self.primary.name):
                try:
                    await self.primary.node.terminate_waiting(longer_than=self._patience)
                except Exception as error:
                    self._complain(error)
                    await asyncio.sleep(1.0)

    def _complain(self, error: Exception) -> None:
        words = f"{error}".splitlines() or [type(error).__name__]
        self._journal.note("postgres.watch-failed", self.primary.name, words[0])

    async def _watch(self, primary: Member) -> None:
        status = await primary.node.status()
        if primary is self.primary and self._promoting is None and not self._stopping:
            await self._look(status)

    async def _look(self, status: Status) -> None:
        names = [each.name for each in status.standbys if each.state == "streaming"]
        streaming = [name for name in names if self._answers(name)]
        if self.in_sync in streaming:
            self._unblock()
        elif self.in_sync:
            await self._lose(self.in_sync, others=streaming)
        elif streaming:
            await self._gain(streaming[0])
        elif self._told and not self._strict:
            await self._release()

    def _answers(self, name: str) -> bool:
        process = self._processes.get(name)
        return process is not None and process.state is State.READY

    async def _lose(self, standby: str, others: list[str]) -> None:
        if self._strict:
            if not self._blocked:
                self._journal.note("durability.blocked", standby, "strict: writes wait for the standby")
            self._blocked = True
        if others or not self._strict:
            self._remember(primary=self.primary, in_sync="")
        if not self._strict:
            self._journal.note("durability.degraded", standby, "standby lost; the primary acknowledges alone")
            await self._release()

    async def _release(self) -> None:
        """Let the primary acknowledge alone; asked again until it has done so, as commits hang before."""
        starts = self._starts
        await self.primary.node.set_synchronous(())
        if self._starts == starts:
            self._told = ""

    def _unblock(self) -> None:
        if self._blocked:
            self._blocked = False
            self._journal.note("durability.synchronous", self.in_sync, "back; commits no longer hang")

    async def _gain(self, standby: str) -> None:
        primary, starts = self.primary, self._starts
        self._told = standby
        await primary.node.set_synchronous((standby,))
        # A primary that has started anew meanwhile waits for nobody, whatever was set before.
        if self._starts == starts and self._answers(standby):
            self._remember(primary=primary, in_sync=standby)
            self._blocked = False
            self._journal.note("durability.synchronous", standby, "caught up; commits wait for it")
