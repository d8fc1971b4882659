"""
SQL to one node, every statement with a time limit that also holds when the server is frozen.

Cancelling a psycopg call asks the server to cancel and waits for its answer, which a
stopped process never gives. So a statement that is late has its socket shut down
under it instead; the next one connects anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, LiteralString

from mainstay.ops.engines.ask import converse
from mainstay.ops.engines.engine import Address

with contextlib.suppress(ImportError):  # systems without PostgreSQL run without it; `find` asks for it
    import psycopg
    from psycopg import sql

if TYPE_CHECKING:
    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

Row = tuple[Any, ...]

OPTIONS = "-c statement_timeout=0 -c client_min_messages=warning -c log_min_duration_statement=-1"
"""Nothing that this session says is logged for being slow: it sets passwords."""

KNOCK = 0.4
"""Seconds in which a postmaster must answer."""


class Unanswered(Exception):
    """The statement failed or was late; ``answered`` says whether the server said so itself."""

    def __init__(self, words: str, *, answered: bool, sqlstate: str = "") -> None:
        super().__init__(words)
        self.answered = answered
        self.sqlstate = sqlstate


class Session:
    """
    One connection as the supervisor's role, opened at the first statement and again after a failure.

    Statements of one session run one after the other; each is a transaction of its
    own. Not to be shared between event loops.
    """

    def __init__(
        self, address: Address, *, user: str, password: str, application: str, database: str = "postgres"
    ) -> None:
        self._address = address
        self._database = database
        self._user = user
        self._password = password
        self._application = application
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()

    async def rows(
        self,
        statement: LiteralString,
        parameters: Sequence[object] = (),
        *,
        within: float,
        names: Sequence[str] = (),
        literals: Sequence[str] = (),
    ) -> list[Row]:
        """
        What a statement returns; empty for one that returns nothing.

        ``parameters`` go where ``%s`` stands. Statements that take none, as those that
        create things do, have ``{}`` for ``names``, then for ``literals``, which are quoted.

        Raises:
            Unanswered: Refused, cut off or late.
        """
        async with self._lock:
            try:
                return await self._bounded(self._run(statement, parameters, names, literals), within)
            except psycopg.Error as error:
                await self._drop()
                raise _unanswered(error) from error

    async def _run(
        self,
        statement: LiteralString,
        parameters: Sequence[object],
        names: Sequence[str],
        literals: Sequence[str],
    ) -> list[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect()
        text = sql.SQL(statement)
        quoted = text.format(*map(sql.Identifier, names), *map(sql.Literal, literals)) if names else text
        cursor = await self._connection.execute(quoted, parameters or None)
        return await cursor.fetchall() if cursor.description else []

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(
            host=self._address.host,
            port=self._address.port,
            user=self._user,
            password=self._password,
            dbname=self._database,
            application_name=self._application,
            connect_timeout=10,
            sslmode="disable",
            gssencmode="disable",
            target_session_attrs="any",
            options=OPTIONS,
            autocommit=True,
        )

    async def _bounded(self, work: Coroutine[Any, Any, list[Row]], within: float) -> list[Row]:
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=within)
            if not done:
                raise Unanswered(f"no answer within {within:g} s", answered=False)
            return task.result()
        finally:
            if not task.done():
                self._cut(task)
                with contextlib.suppress(psycopg.Error, asyncio.CancelledError):
                    await task
                await self._drop()

    def _cut(self, task: asyncio.Task[list[Row]]) -> None:
        """End a statement now: break its connection, or cancel while there is none to break."""
        if self._connection is None or self._connection.closed:
            task.cancel()
            return
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()

    async def close(self) -> None:
        """Hang up; the session may be used again."""
        await self._drop()


async def knock(address: Address) -> None:
    """
    Ask the postmaster to fork one process for a connection, and hang up: the cheapest sign that it lives.

    The question is whether it speaks TLS, which is answered before any sign-in.
    https://www.postgresql.org/docs/current/protocol-message-formats.html (SSLRequest)

    Raises:
        OSError: Nobody listens or nobody answers.
    """
    if not await converse(address, struct.pack("!ii", 8, 80877103), until=b"N", limit=KNOCK):
        raise ConnectionError("the connection was closed unanswered")


def _unanswered(error: psycopg.Error) -> Unanswered:
    """Only a server writes FATAL; a connection that nobody took has no such word."""
    words = str(error).strip() or type(error).__name__
    return Unanswered(
        words.splitlines()[0] if "FATAL" not in words else words[words.index("FATAL") :].splitlines()[0],
        answered=error.sqlstate is not None or "FATAL" in words,
        sqlstate=error.sqlstate or "",
    )
