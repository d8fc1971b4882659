"""
A read that was under way at a standby when that was lost is asked anew at the primary.

The router leaves a standby alone that cannot be reached; a statement that has been sent already is
beyond it. A read changes nothing, and the primary's answer is at least as new, so whoever reads notices
nothing but the time. Not so in a transaction on the standby, whose reads must see one moment, for a
cursor that lives at the server, and for a standby that is slow and not lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import connections, router
from django.db.backends.signals import connection_created
from django.db.utils import InterfaceError, OperationalError

from mainstay.base import deadline
from mainstay.db.routers import PrimaryReplicaRouter
from mainstay.db.settings import REPLICA

LOST = ("08", "57P")
"""SQLSTATEs of connection exceptions, and of a server that ends (PostgreSQL documentation, appendix A)."""

READ = "SELECT"
"""How a statement begins that is a read; one that begins with ``WITH`` may also write, and is not repeated."""

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]

_logger = logging.getLogger("mainstay.db")


class Again:
    """The innermost execute wrapper of the connection of a standby."""

    __slots__ = ()

    def __call__(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        try:
            return execute(sql, params, many, context)
        except (OperationalError, InterfaceError) as error:
            if many or not _may_go_elsewhere(sql, context) or not _is_lost(error):
                raise
            # A statement that was cut for its deadline looks like a lost connection, and is not asked again.
            deadline.check()
            _logger.warning("the standby was lost under a read; the primary answers it", exc_info=error)
        for each in router.routers:
            if isinstance(each, PrimaryReplicaRouter):
                each.avoid_replica()
        primary = connections["default"].cursor()
        answer = primary.execute(sql, params)
        context["cursor"].cursor = primary.cursor  # what the caller fetches from
        return answer


def _may_go_elsewhere(sql: str, context: dict[str, Any]) -> bool:
    is_named = getattr(context["cursor"].cursor, "name", None)
    return sql.lstrip("( ").startswith(READ) and not is_named and not context["connection"].in_atomic_block


def _is_lost(error: Exception) -> bool:
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    if state is None:
        return type(cause).__module__.startswith("psycopg")
    return str(state).startswith(LOST)


def install() -> None:
    """Watch the connections of standbys, from now on. Repeating it changes nothing."""
    connection_created.connect(_on_created, dispatch_uid="mainstay.db.lost_reads")


def _on_created(sender: Any, connection: Any, **kwargs: Any) -> None:
    wrappers = connection.execute_wrappers
    if connection.alias == REPLICA and not any(isinstance(each, Again) for each in wrappers):
        wrappers.append(Again())  # the last one is the innermost
