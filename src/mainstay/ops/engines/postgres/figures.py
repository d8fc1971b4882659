"""What a PostgreSQL node shows in graphs."""

from __future__ import annotations

from mainstay.ops.engines.figures import Sample
from mainstay.ops.engines.postgres import replication
from mainstay.ops.engines.postgres.session import Session

CONNECTIONS = """
SELECT coalesce(state, 'starting'), count(*)::int FROM pg_stat_activity
 WHERE backend_type = 'client backend' GROUP BY 1 ORDER BY 1
"""

DATABASES = """
SELECT datname, xact_commit, xact_rollback, deadlocks FROM pg_stat_database
 WHERE datname NOT IN ('template0', 'template1') ORDER BY 1
"""

MOST = "SELECT setting::int FROM pg_settings WHERE name = 'max_connections'"


async def measure(session: Session, node: str) -> tuple[Sample, ...]:
    """
    Raises:
        Unanswered: The node did not answer in time.
    """
    state = await replication.status(session)
    own = {"node": node}
    return (
        Sample("mainstay_postgres_in_recovery", state.in_recovery, own),
        Sample("mainstay_postgres_timeline", state.timeline, own),
        *_standbys(state, node),
        *await _load(session, node),
    )


def _standbys(state: replication.Status, node: str) -> tuple[Sample, ...]:
    return tuple(
        sample
        for standby in state.standbys
        for labels in [{"node": node, "standby": standby.name}]
        for sample in (
            Sample("mainstay_postgres_flush_lag_bytes", standby.flush_lag, labels),
            Sample("mainstay_postgres_standby_synchronous", standby.synchronous, labels),
        )
    )


async def _load(session: Session, node: str) -> tuple[Sample, ...]:
    ((most,),) = await session.rows(MOST, within=replication.ASK)
    found = [Sample("mainstay_postgres_max_connections", most, {"node": node})]
    for state, count in await session.rows(CONNECTIONS, within=replication.ASK):
        found.append(Sample("mainstay_postgres_connections", count, {"node": node, "state": state}))
    for database, commits, rollbacks, deadlocks in await session.rows(DATABASES, within=replication.ASK):
        labels = {"node": node, "database": database or "shared"}
        for outcome, count in (("committed", commits), ("rolled back", rollbacks)):
            found.append(
                Sample("mainstay_postgres_transactions_total", count, {**labels, "outcome": outcome})
            )
        found.append(Sample("mainstay_postgres_deadlocks_total", deadlocks, labels))
    return tuple(found)
