"""Which errors mean that the database cannot serve anybody now; every request of an outage would report one."""

from __future__ import annotations

CHAIN_LIMIT = 10
"""Causes of an error that are looked at; they may form a ring."""

OUTAGE_STATES = ("08", "57P", "53", "58000", "58030", "25006")
"""
SQLSTATE prefixes: connection lost, server shutting down, out of connections, memory or disk space, its system or
its files failing it, demoted primary.
"""

OUTAGE_NAMES = frozenset({"PoolTimeout", "TooManyRequests", "PoolClosed"})
MYSQL_OUTAGES = frozenset({2002, 2003, 2006, 2013})


def is_outage(error: BaseException | None) -> bool:
    """Whether the error, or one that it came from, means that the database cannot serve anybody now."""
    for _ in range(CHAIN_LIMIT):
        if error is None:
            return False
        if _is_outage(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_outage(error: BaseException) -> bool:
    kind = type(error)
    module = kind.__module__.partition(".")[0]
    if module in ("psycopg_pool", "psycopg", "psycopg2"):
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        broken = kind.__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
        return kind.__name__ in OUTAGE_NAMES or (str(state).startswith(OUTAGE_STATES) if state else broken)
    return kind.__name__ == "OperationalError" and bool(error.args) and error.args[0] in MYSQL_OUTAGES
