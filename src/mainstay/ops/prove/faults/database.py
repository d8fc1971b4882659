"""Faults inside the database: a table that is locked, sessions that compute, a standby that lags."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.faults import targets
from mainstay.ops.prove.faults.family import TICKS
from mainstay.ops.prove.faults.fault import Evidence, NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Setting, Settings
from mainstay.ops.prove.faults.waiting import until
from mainstay.ops.supervise import proc

LOOK_EVERY = 0.1
UNDER_WAY_LIMIT = 5.0
SPARE = 5.0
"""Seconds after the planned end at which a session ends by itself, should nobody be left to end it."""

CLIENT_CHECK = 500
"""Milliseconds after which the server notices that the client of a busy session is gone."""

USED = """
SELECT format('%I.%I', schemaname, relname), seq_scan + coalesce(idx_scan, 0) + n_tup_ins FROM pg_stat_user_tables
 ORDER BY pg_total_relation_size(relid) DESC, relname
"""
"""Every table, the largest first, and how often it was read or written to, as far as the server has been told."""

WATCHED = 1.5
"""Seconds for which the use of tables is watched; a session reports its own once a second (``PGSTAT_MIN_INTERVAL``)."""

WATCHED_LONGEST = 4.0
"""Seconds after which nobody uses any."""


class Sessions:
    """
    Sessions of ours at one node, each busy with one statement until `end`.

    They are found again by their name, and bounded in time by the server itself, so that they end
    also when the proving process does not live to end them.
    """

    def __init__(self, target: Target, *, service: str = "", node: str = "") -> None:
        self._target, self._service, self._node = target, service, node
        self.name = f"mainstay prove {secrets.token_hex(4)}"
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, statements: str, *, seconds: float, count: int = 1, alone: bool = False) -> None:
        """
        Begin them; the server ends each ``SPARE`` seconds after its time at the latest.

        Args:
            alone: It must come to its end also when its client is gone.
        """
        limit = int((seconds + SPARE) * 1000)
        check = 0 if alone else CLIENT_CHECK
        text = (
            f"BEGIN; SET LOCAL application_name = '{self.name}'; SET LOCAL statement_timeout = {limit}; "
            f"SET LOCAL client_connection_check_interval = {check}; SET LOCAL lock_timeout = 0; {statements}; COMMIT"
        )
        for _ in range(count):
            self._tasks.append(asyncio.create_task(self._run(text)))

    async def _run(self, text: str) -> str:
        try:
            await self._target.sql(text, service=self._service, node=self._node)
        except (OperationFailed, OSError) as error:
            return str(error)
        return ""

    async def ask(self, question: str) -> list[tuple[Any, ...]]:
        """
        Rows about these sessions: ``ours`` in the question stands for their pids.

        Raises:
            OperationFailed: The node does not answer.
        """
        named = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{self.name}'"  # noqa: S608 # nosec B608 - our own name
        ours = f"WITH ours AS ({named}) "
        return await self._target.sql(ours + question, node=self._node)

    @property
    def troubles(self) -> list[str]:
        return [
            told for task in self._tasks if task.done() and not task.cancelled() and (told := task.result())
        ]

    async def end(self) -> None:
        if not self._tasks:
            return
        with contextlib.suppress(OperationFailed, OSError):
            await self.ask("SELECT pg_terminate_backend(pid) FROM ours")
        _, late = await asyncio.wait(self._tasks, timeout=UNDER_WAY_LIMIT)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._tasks = []


class Lock:
    """A table locked in ACCESS EXCLUSIVE mode, as a careless migration does."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self.table = str(settings["table"])
        self._sessions = Sessions(target, service=strike.target)
        self._watch: asyncio.Task[None] | None = None
        self._held = False
        self._waited = 0
        self._troubles: list[str] = []

    async def inject(self) -> None:
        service = self.target.topology.service(self.strike.target)
        if "postgres" not in service.needs:
            raise NotPossible(f"{service.name} has no database")
        self.table = self.table or await self._most_used()
        seconds = max(self.strike.lasts, 0.0) or LASTS
        self._sessions.start(
            f"LOCK TABLE {self._quoted()} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({seconds + SPARE / 2:g})",
            seconds=seconds,
        )
        self._watch = asyncio.create_task(self._look())
        await until(lambda: self._held or self._sessions.troubles, UNDER_WAY_LIMIT)

    async def _most_used(self) -> str:
        """The table that the load of this very moment meets most; the largest when it meets none."""
        before = await self._uses()
        if not before:
            raise NotPossible(f"{self.strike.target} has no table")
        began = time.monotonic()
        grown: dict[str, int] = {}
        while time.monotonic() < began + (WATCHED if any(grown.values()) else WATCHED_LONGEST):
            await asyncio.sleep(LOOK_EVERY)
            now = await self._uses()
            grown = {table: now.get(table, 0) - count for table, count in before.items()}
        return max(grown, key=lambda table: grown[table])

    async def _uses(self) -> dict[str, int]:
        return {
            str(table): int(count) for table, count in await self.target.sql(USED, service=self.strike.target)
        }

    def _quoted(self) -> str:
        if '"' in self.table:
            return self.table  # as format() wrote it
        return ".".join(f'"{part}"' for part in self.table.split("."))

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(OperationFailed, OSError):
                ((held, waiting),) = await self._sessions.ask(HELD_AND_WAITING)
                self._held = self._held or held > 0
                self._waited = max(self._waited, int(waiting))
            await asyncio.sleep(LOOK_EVERY)

    async def undo(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._troubles += self._sessions.troubles
        await self._sessions.end()

    async def evidence(self) -> Evidence:
        if not self._held:
            why = f": {self._troubles[0]}" if self._troubles else ""
            return Evidence(False, f"the lock on {self.table or 'a table'} was not granted{why}")
        if not self._waited:
            return Evidence(False, f"{self.table} was locked, and nobody waited for it", idle=True)
        return Evidence(True, f"{self.table} was locked, and {self._waited} sessions at once waited for it")


HELD_AND_WAITING = """
, held AS (SELECT database, relation FROM pg_locks JOIN ours USING (pid)
            WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted)
SELECT (SELECT count(*) FROM held),
       (SELECT count(*) FROM pg_locks WHERE NOT granted AND (database, relation) IN (SELECT * FROM held))
"""


class SlowQuery:
    """Sessions that compute without end: they take processor time and connections from everybody else."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self.count = int(settings["sessions"])
        self._sessions: Sessions | None = None
        self._name = ""
        self._used = 0.0
        self._seen = 0

    async def inject(self) -> None:
        victim = await targets.find_one(self.strike, self.target)
        self._name = victim.name
        self._sessions = Sessions(self.target, node=victim.name)
        seconds = max(self.strike.lasts, 0.0) or LASTS
        # As a column the rows are made one by one; in FROM all of them would be kept first.
        self._sessions.start(
            "SET LOCAL max_parallel_workers_per_gather = 0; "
            "SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) AS numbers",
            seconds=seconds - SPARE / 2,
            count=self.count,
        )

    async def undo(self) -> None:
        if self._sessions is None:
            return
        with contextlib.suppress(OperationFailed, OSError):
            pids = [row[0] for row in await self._sessions.ask("SELECT pid FROM ours")]
            self._seen = max(self._seen, len(pids))
            self._used = max(self._used, sum(map(proc.cpu_ticks, pids)) / TICKS)
        await self._sessions.end()

    async def evidence(self) -> Evidence:
        told = f"{self._seen} sessions at {self._name} used {self._used:.1f} s of processor time"
        return Evidence(self._seen == self.count and self._used > 0, told)


class ReplayDelay:
    """A standby that receives and keeps everything, but does not show it: its replay is paused."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.strike, self.target = strike, target
        self._node = ""
        self._sessions: Sessions | None = None
        self._watch: asyncio.Task[None] | None = None
        self._paused = False
        self._behind = 0

    async def inject(self) -> None:
        self._node = (await targets.find_one(self.strike, self.target)).name
        seconds = max(self.strike.lasts, 0.0) or LASTS
        self._sessions = Sessions(self.target, node=self._node)
        # The pause outlives its session, so the same session ends it: also when nobody is left to ask for that.
        self._sessions.start(
            f"DO $$ BEGIN PERFORM pg_wal_replay_pause(); PERFORM pg_sleep({seconds:g}); "
            "PERFORM pg_wal_replay_resume(); END $$",
            seconds=seconds,
            alone=True,
        )
        self._watch = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(OperationFailed, OSError):
                ((paused, behind),) = await self.target.sql(PAUSED, node=self._node)
                self._paused = self._paused or bool(paused)
                self._behind = max(self._behind, int(behind) if paused else 0)
            await asyncio.sleep(LOOK_EVERY)

    async def undo(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._sessions is None:
            return
        await self._sessions.end()
        with contextlib.suppress(OperationFailed, OSError):  # promoted meanwhile, and then it replays nothing
            await self.target.sql(RESUME, node=self._node)
        self._sessions = None

    async def evidence(self) -> Evidence:
        if not self._paused:
            return Evidence(False, f"{self._node} did not pause its replay")
        told = f"{self._node} was up to {self._behind} bytes of log behind what it had received"
        return Evidence(self._behind > 0, told)


PAUSED = """
SELECT pg_is_wal_replay_paused(),
       coalesce(pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn(), 0)::bigint
"""
RESUME = "SELECT pg_wal_replay_resume() WHERE pg_is_in_recovery()"
LASTS = 3.0

KINDS = (
    FaultKind(
        "lock",
        "a table of a service is locked against everybody",
        Lock,
        ("service",),
        (Setting("table", "", "which one; empty for the one that is used most meanwhile"),),
        needs="a database",
        lasts=LASTS,
    ),
    FaultKind(
        "slow-query",
        "sessions that compute take processor time and connections",
        SlowQuery,
        ("primary", "standby"),
        (Setting("sessions", 2, "how many", least=1, most=100),),
        needs="a database",
        lasts=LASTS,
    ),
    FaultKind(
        "replay-delay",
        "a standby does not show what it has received",
        ReplayDelay,
        ("standby",),
        needs="a standby",
        lasts=LASTS,
    ),
)
