"""PostgreSQL: a primary and its standbys, physical replication, promotion and return."""

from mainstay.ops.engines.postgres.config import dsn, secret_names
from mainstay.ops.engines.postgres.find import find
from mainstay.ops.engines.postgres.node import PostgresNode, Rejoined
from mainstay.ops.engines.postgres.replication import Slot, Standby, Status

__all__ = ["PostgresNode", "Rejoined", "Slot", "Standby", "Status", "dsn", "find", "secret_names"]
