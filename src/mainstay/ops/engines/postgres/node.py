"""One PostgreSQL node: created, copied, started, asked, promoted, rewound."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder
from mainstay.ops.engines.ask import said
from mainstay.ops.engines.engine import Address, File, Launch, Node, Probe, Program
from mainstay.ops.engines.figures import Sample
from mainstay.ops.engines.postgres import cluster, config, databases, figures, replication
from mainstay.ops.engines.postgres.config import Role
from mainstay.ops.engines.postgres.find import STATEMENTS, major
from mainstay.ops.engines.postgres.session import Session, Unanswered, knock
from mainstay.ops.engines.postgres.tools import Tools
from mainstay.ops.topology.values import Postgres as Declared


@dataclass(frozen=True, slots=True)
class Rejoined:
    """How a former primary's data was made to follow: taken back to the fork, or copied anew."""

    copied: bool
    reason: str = ""
    """Why it had to be copied, in pg_rewind's words."""


@dataclass
class PostgresNode:
    """
    One running copy, primary or standby.

    It does what it is told and decides nothing: who is promoted and when is the
    supervisor's. Three promises the caller keeps: `prepare_primary`, `prepare_standby`
    and `rewind` are called while this node's server is stopped (they check); before
    `promote`, no process of the old primary is left (`stray_pids`); and only a node
    that `set_synchronous` named on the old primary, and that was not given up since, is
    promoted, because any other may lack commits that were acknowledged.
    """

    node: Node
    program: Program
    declared: Declared
    secrets: Mapping[str, str] = field(repr=False)
    upstreams: Mapping[str, Address] = field(default_factory=dict)
    """By its name where another node is followed, if not at its own address."""
    role: Role = field(default_factory=Role)
    _session: Session = field(init=False, repr=False)
    _waiting: replication.Waiting = field(default_factory=replication.Waiting, init=False, repr=False)

    def __post_init__(self) -> None:
        self._session = self._new_session("mainstay probe")

    # --- the seam of every engine ------------------------------------------------------

    def files(self) -> tuple[File, ...]:
        return config.files(self.node, self.program, self.declared, self.secrets, self.role)

    async def prepare(self) -> None:
        """As `prepare_primary` or `prepare_standby`, whichever this node's role says."""
        if self.role.upstream is None:
            await self.prepare_primary(self.role.synchronous)
        else:
            self._prepare_existing()

    def launch(self) -> Launch:
        return Launch(
            argv=(
                str(self.program.path),
                *("-D", str(self.node.data)),
                *("-c", f"config_file={self.node.config / 'postgresql.conf'}"),
            ),
            cwd=self.node.folder,
            stop_signal=signal.SIGINT,
            stop_timeout=10.0,
            unprivileged=True,
        )

    async def probe(self) -> Probe:
        """
        Ready when SQL is answered and new connections are; the detail is ``primary`` or ``standby`` then.

        Two questions, as the connection that is kept open says nothing about the
        postmaster: frozen or dead, it takes no new client, while old ones are served on.
        """
        try:
            await knock(self.node.address)
            ((in_recovery,),) = await self._session.rows(
                "SELECT pg_is_in_recovery()", within=replication.PROBE
            )
        except OSError as error:
            return Probe(False, said(error), answered=False)
        except Unanswered as error:
            return Probe(False, str(error), answered=error.answered)
        return Probe(True, "standby" if in_recovery else "primary")

    # --- before the start --------------------------------------------------------------

    async def prepare_primary(self, synchronous: tuple[str, ...] = ()) -> None:
        """
        Make a start as primary possible; creates the cluster when there is none.

        With ``synchronous`` names the first commit already waits for those nodes, which is
        what strict durability wants. Without, commits are acknowledged by this node alone
        until `set_synchronous` returns, so no standby may be promoted in between.

        Raises:
            OperationFailed: A server still runs here, another major version wrote the
                data, the data is a standby's, or initdb failed.
        """
        folder.make(self.node.folder, self.node.config)
        if not cluster.exists(self.node.data):
            await self._tools.create(self.secrets[config.SUPERUSER_SECRET])
        if cluster.is_standby(self.node.data):
            raise OperationFailed(
                "postgres.is-standby",
                f"{self.node.name} holds a standby's data and would come up as a second primary",
                hint="start it as a standby and promote it",
            )
        self.role = Role(synchronous=synchronous)
        self._prepare_existing()

    async def prepare_standby(self, primary: PostgresNode) -> Rejoined | None:
        """
        Make a start as standby of a running primary possible.

        Without data it copies the primary's. A standby's data that has seen the primary's
        timeline is kept as it is. A former primary's, or a standby's from before a failover,
        goes through `rewind`, as it may have gone past the point where the new primary left.

        Raises:
            OperationFailed: As `rewind`.
        """
        if cluster.exists(self.node.data):
            self._check_data()
            own = await self._tools.identity()
            if not cluster.is_standby(self.node.data) or own.timeline < (await primary.status()).timeline:
                return await self.rewind(primary)
            if own.system == await primary.system_identifier():
                await primary.make_slot(self.node.name)
                self._follow(primary)
                return None
        return await self._copy(primary, "there was no data to keep")

    async def rewind(self, primary: PostgresNode) -> Rejoined:
        """
        Make this node's data follow another primary, whatever this one did since they parted.

        Commits that only this node has are thrown away. When pg_rewind refuses, the data is
        copied anew, which takes longer and ends the same.

        Raises:
            OperationFailed: A server still runs here, the data belongs to another cluster or
                another major version, or the primary could not be asked or copied.
        """
        self._check_data()
        if (await self._tools.identity()).system != await primary.system_identifier():
            raise OperationFailed(
                "postgres.other-cluster",
                f"the data of {self.node.name} is not from the cluster that {primary.node.name} serves",
                hint=f"move {self.node.data} away if it is not needed, and it will be copied anew",
            )
        folder.write(self.node, self.files())
        await primary.make_slot(self.node.name)
        await primary.checkpoint()
        cluster.become_recoverable(self.node.data)
        done = await self._tools.rewind(primary.node.address)
        if not done.ok:
            return await self._copy(primary, done.output.strip())
        cluster.become_standby(self.node.data)
        self._follow(primary)
        return Rejoined(copied=False)

    def _follow(self, primary: PostgresNode) -> None:
        self.role = self._role_behind(primary)
        self._prepare_existing()

    def _role_behind(self, primary: PostgresNode) -> Role:
        return Role(upstream=self.upstreams.get(primary.node.name, primary.node.address))

    async def _copy(self, primary: PostgresNode, reason: str) -> Rejoined:
        folder.make(self.node.folder, self.node.config)
        cluster.check_stopped(self.node.data)
        self.role = self._role_behind(primary)
        folder.write(self.node, self.files())
        await primary.make_slot(self.node.name)
        await self._tools.copy(primary.node.address)
        return Rejoined(copied=True, reason=reason)

    def _check_data(self) -> None:
        cluster.check_stopped(self.node.data)
        cluster.check_version(self.node.data, major(self.program))

    def _prepare_existing(self) -> None:
        self._check_data()
        cluster.forget_role(self.node.data)
        folder.write(self.node, self.files())

    # --- while it runs -----------------------------------------------------------------

    async def create_databases(self, services: tuple[str, ...]) -> None:
        """
        Make sure of the replication role, and of one role and database per service; safe to repeat.

        Raises:
            OperationFailed: The server refused, in its own words; on a full disk for example.
        """
        async with self._leading("create databases") as session:
            await databases.ensure(session, services, self.secrets)
            if STATEMENTS in self.program.features:
                await databases.count_statements(session)

    async def status(self) -> replication.Status:
        """
        Raises:
            OperationFailed: The node does not answer within a few seconds.
        """
        with self._failing("be asked"):
            return await replication.status(self._session)

    async def figures(self) -> tuple[Sample, ...]:
        """What is worth a graph; empty when the node does not answer."""
        try:
            return await figures.measure(self._session, self.node.name)
        except Unanswered:
            return ()

    async def system_identifier(self) -> str:
        async with self._leading("be asked") as session:
            rows = await session.rows(
                "SELECT system_identifier::text FROM pg_control_system()", within=replication.ASK
            )
            return str(rows[0][0])

    async def set_synchronous(self, names: tuple[str, ...], *, within: float = 5.0) -> None:
        """
        Let every commit from now on wait until all of these nodes have it on disk; with none, for nobody.

        When this returns, all that was ever acknowledged is on each of them too, so any of
        them may be promoted. Before calling with fewer names, record durably that the
        others may not be promoted any more: waiting commits are acknowledged at that moment.

        Raises:
            OperationFailed: One of the nodes does not stream, or did not confirm in time; the
                setting is as it was before.
        """
        async with self._leading("change its synchronous standbys") as session:
            await self._check_streaming(session, names)
            before, self.role = self.role, Role(synchronous=names)
            try:
                await self._apply_role(session)
                if await replication.until_set(
                    session, names, config.synchronous_names(names), within=within
                ):
                    return
            except Unanswered:
                await self._revert(before)
                raise
            await self._revert(before)
            raise self._failed(
                "postgres.not-synchronous", f"{', '.join(names)} did not confirm in {within:g} s"
            )

    async def _check_streaming(self, session: Session, names: tuple[str, ...]) -> None:
        seen = await replication.status(session)
        absent = [name for name in names if (each := seen.standby(name)) is None or each.state != "streaming"]
        if absent:
            raise self._failed("postgres.not-streaming", f"{', '.join(absent)} does not stream from it")

    async def _apply_role(self, session: Session) -> None:
        folder.write(self.node, self.files())
        await replication.reload(session)

    async def _revert(self, before: Role) -> None:
        """On a connection of its own, as the failed one may be gone or still waiting."""
        self.role = before
        async with self._leading("take back its synchronous standbys") as session:
            await self._apply_role(session)

    async def terminate_waiting(self, *, longer_than: float = 0.0) -> int:
        """
        End sessions whose commit has waited this many seconds for a synchronous standby; returns how many.

        Measured from the first call that saw the commit wait, so call it regularly. Their
        clients see a broken connection: an unknown outcome, never a false success.

        Raises:
            OperationFailed: The node does not answer.
        """
        with self._failing("be asked"):
            return await self._waiting.terminate(self._session, longer_than)

    async def make_slot(self, name: str) -> None:
        """
        Keep the log for the node of this name until it has read it, up to 1 GB.

        Raises:
            OperationFailed: The server refused, in its own words.
        """
        async with self._leading("make a replication slot") as session:
            await replication.make_slot(session, config.slot_of(name))

    async def keep_slots(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Drop the idle slots of all nodes but these, lest an absent one fills the disk; returns which."""
        async with self._leading("drop replication slots") as session:
            return await replication.keep_slots(session, map(config.slot_of, names))

    async def checkpoint(self) -> None:
        """Write everything out; after a promotion, this also makes its new timeline known to pg_rewind."""
        async with self._leading("make a checkpoint") as session:
            await session.rows("CHECKPOINT", within=replication.CHECKPOINT)

    async def promote(self, synchronous: tuple[str, ...] = (), *, within: float = 10.0) -> None:
        """
        Make this standby the primary; returns once it accepts writes.

        It keeps everything it had received. With ``synchronous`` names its first commit
        already waits for those nodes, as in `prepare_primary`. Call it only when no process
        of the old primary is left.

        Raises:
            OperationFailed: It did not become primary in time, and may yet.
        """
        async with self._leading("be promoted") as session:
            self.role = Role(synchronous=synchronous)
            folder.write(self.node, self.files())
            if synchronous:
                # As in `replication.until_set`: commits wait once the checkpointer has seen the names.
                await replication.reload(session)
                await session.rows("CHECKPOINT", within=replication.CHECKPOINT)
            rows = await session.rows("SELECT pg_promote(true, %s)", (int(within),), within=within + 1.0)
            if rows != [(True,)]:
                raise self._failed("postgres.not-promoted", f"it was still a standby after {within:g} s")
            await replication.reload(session)

    async def follow(self, primary: PostgresNode) -> None:
        """
        Let this running standby follow another primary from now on, without a restart.

        Only for one that had received no more than the new primary when that was promoted
        (compare `Status.flush`); else stop it and `rewind`.

        Raises:
            OperationFailed: One of the two does not answer.
        """
        await primary.make_slot(self.node.name)
        async with self._leading("follow another primary") as session:
            self.role = self._role_behind(primary)
            await self._apply_role(session)

    @property
    def is_standby(self) -> bool:
        """Whether the data here still follows another node's; no longer once it was promoted."""
        return cluster.is_standby(self.node.data)

    def stray_pids(self) -> tuple[int, ...]:
        """Every process that works in this node's data folder, whoever started it."""
        return cluster.stray_pids(self.node.data)

    async def close(self) -> None:
        """Hang up what `probe` and `status` keep open; both may be used again."""
        await self._session.close()

    # --- how others reach it ------------------------------------------------------------

    def dsn(self, service: str, address: Address | None = None) -> str:
        """The URL of a service's database at this node, or at the address of something in front of it."""
        return config.dsn(service, address or self.node.address, self.secrets)

    @property
    def _tools(self) -> Tools:
        return Tools(self.node, self.program)

    def _new_session(self, application: str) -> Session:
        return Session(
            self.node.address,
            user=config.SUPERUSER,
            password=self.secrets[config.SUPERUSER_SECRET],
            application=application,
        )

    @asynccontextmanager
    async def _leading(self, verb: str) -> AsyncIterator[Session]:
        """A connection of its own for an order, so that a slow one does not hold up the probe."""
        session = self._new_session("mainstay")
        try:
            with self._failing(verb):
                yield session
        finally:
            await session.close()

    @contextmanager
    def _failing(self, verb: str) -> Iterator[None]:
        try:
            yield
        except Unanswered as error:
            raise self._failed("postgres.refused", f"could not {verb}: {error}") from error

    def _failed(self, problem: str, what: str) -> OperationFailed:
        return OperationFailed(problem, f"{self.node.name}: {what}")
