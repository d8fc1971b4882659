"""Who follows whom and how far: questions and orders to a running node, over a `Session`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from mainstay.ops.engines.postgres.session import Session

PROBE = 0.5
"""Seconds that a probe's question may take; with the knock before it, a probe ends within a second."""

ASK = 2.0
"""Seconds that any other question may take."""

ORDER = 5.0
"""Seconds that an order may take which changes something small."""

CHECKPOINT = 60.0
"""Seconds that writing everything out may take."""


@dataclass(frozen=True, slots=True)
class Standby:
    """A node that follows, as the primary sees it."""

    name: str
    state: str
    """``streaming`` once it has caught up; ``startup`` or ``catchup`` before."""
    sync_state: str
    """``sync`` when commits wait for it; else ``async`` or ``potential``."""
    flush_lag: int
    """Bytes that the primary has on disk and this node, as far as it has said, has not."""

    @property
    def synchronous(self) -> bool:
        return self.state == "streaming" and self.sync_state in ("sync", "quorum")


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    active: bool
    wal_status: str
    """``lost`` when the log it needs is gone: its node must be copied anew."""


@dataclass(frozen=True, slots=True)
class Status:
    """What one node knows of itself at one moment."""

    in_recovery: bool
    timeline: int
    flush: int
    """
    Position in bytes up to which its log is on disk. Of two standbys of one primary
    the greater one has more; positions on different timelines cannot be compared.
    """
    standbys: tuple[Standby, ...] = ()
    slots: tuple[Slot, ...] = ()
    streaming: bool = False
    """Of a standby: whether it receives from a primary right now."""

    def standby(self, name: str) -> Standby | None:
        return next((standby for standby in self.standbys if standby.name == name), None)


STATE = """
SELECT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery()
            THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver),
                          (SELECT timeline_id FROM pg_control_checkpoint()))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int END,
       (CASE WHEN pg_is_in_recovery()
             THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
             ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::bigint,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')
"""


STANDBYS = """
SELECT application_name, state, sync_state,
       greatest(0, coalesce(pg_current_wal_flush_lsn() - flush_lsn, 0))::bigint
  FROM pg_stat_replication WHERE application_name NOT LIKE '% copy' ORDER BY application_name
"""

SLOTS = """
SELECT slot_name, active, coalesce(wal_status, '') FROM pg_replication_slots
 WHERE slot_type = 'physical' AND NOT temporary ORDER BY slot_name
"""


async def status(session: Session) -> Status:
    """
    Raises:
        Unanswered: The node did not answer in time.
    """
    ((in_recovery, timeline, flush, streaming),) = await session.rows(STATE, within=ASK)
    slots = tuple(Slot(*row) for row in await session.rows(SLOTS, within=ASK))
    standbys = () if in_recovery else tuple(Standby(*row) for row in await session.rows(STANDBYS, within=ASK))
    return Status(in_recovery, timeline, flush, standbys, slots, streaming)


# --- slots -------------------------------------------------------------------------------


async def make_slot(session: Session, name: str) -> None:
    """
    Keep the log from now on until the node of this slot has read it, up to the configured most.

    A slot whose log is already gone is made anew; its node needs a fresh copy.
    """
    rows = await session.rows(
        "SELECT coalesce(wal_status, '') FROM pg_replication_slots WHERE slot_name = %s", (name,), within=ASK
    )
    if rows == [("lost",)]:
        await session.rows("SELECT pg_drop_replication_slot(%s)", (name,), within=ORDER)
        rows = []
    if not rows:
        await session.rows("SELECT pg_create_physical_replication_slot(%s, true)", (name,), within=ORDER)


async def keep_slots(session: Session, names: Iterable[str]) -> tuple[str, ...]:
    """Drop every idle slot that is not among these, lest an absent one fills the disk; returns which."""
    wanted = set(names)
    idle = [row[0] for row in await session.rows(SLOTS, within=ASK) if row[0] not in wanted and not row[1]]
    for name in idle:
        await session.rows("SELECT pg_drop_replication_slot(%s)", (name,), within=ORDER)
    return tuple(idle)


# --- synchronous commit ------------------------------------------------------------------


async def reload(session: Session) -> None:
    await session.rows("SELECT pg_reload_conf()", within=ASK)


async def until_set(session: Session, names: tuple[str, ...], setting: str, *, within: float) -> bool:
    """
    Whether every commit from now on waits for exactly these nodes.

    Three things have to happen: this session reads the new setting, each node's sender
    counts as synchronous, and the checkpointer raises the flag in shared memory that
    makes commits wait at all. The last cannot be seen, but a checkpoint asked for after
    the first two cannot be done before it. The final commit then waits for the nodes
    itself, so that all that was committed earlier is on them too.
    """
    deadline = time.monotonic() + within
    while not await _is_set(session, names, setting):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    if names:
        await session.rows("CHECKPOINT", within=CHECKPOINT)
    await session.rows("SELECT pg_logical_emit_message(true, 'mainstay', '')", within=within)
    return True


async def _is_set(session: Session, names: tuple[str, ...], setting: str) -> bool:
    ((current,),) = await session.rows("SHOW synchronous_standby_names", within=ASK)
    if current != setting:
        return False
    standbys = [Standby(*row) for row in await session.rows(STANDBYS, within=ASK)]
    return {standby.name for standby in standbys if standby.synchronous} >= set(names)


_WAITING = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
WAITING = f"SELECT pid, query_start::text {_WAITING}"
TERMINATE = f"SELECT pg_terminate_backend(pid) {_WAITING} AND pid = %s"


@dataclass
class Waiting:
    """Sessions whose commit waits for a standby, remembered from one look to the next."""

    since: dict[tuple[int, str], float] = field(default_factory=dict)

    async def terminate(self, session: Session, longer_than: float) -> int:
        """
        End the sessions whose present commit was seen waiting ``longer_than`` seconds ago and still is.

        Their clients get a broken connection, that is an unknown outcome. A mere cancel
        would tell them *success* for a commit that no standby has.
        """
        now = time.monotonic()
        waiting = [(row[0], row[1]) for row in await session.rows(WAITING, within=ASK)]
        self.since = {each: self.since.get(each, now) for each in waiting}
        late = [
            pid
            for (pid, _), first in ((each, self.since[each]) for each in waiting)
            if now - first >= longer_than
        ]
        for pid in late:
            await session.rows(TERMINATE, (pid,), within=ASK)
        return len(late)
