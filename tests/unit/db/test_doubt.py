"""What a connection says of a commit whose answer it did not get. The server is one that follows a script."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest
from django.db import OperationalError

from mainstay.base.deadline import within
from mainstay.db.connections import CertainConnection
from mainstay.db.errors import OutcomeUnknown
from mainstay.db.statements import Statements

IDLE, IN_TRANSACTION = b"I", b"T"
ENCRYPTION = (80877103, 80877104)
"""Codes of SSLRequest and GSSENCRequest (PostgreSQL documentation, "Message Formats")."""


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _read(client: socket.socket) -> bytes:
    """One message without its length."""
    (length,) = struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))
    return client.recv(length - 4, socket.MSG_WAITALL)


def _serve(listener: socket.socket, state: bytes) -> None:
    """Answer everything as done, but end at COMMIT, with this SQLSTATE or without a word."""
    client, _ = listener.accept()
    with client:
        while struct.unpack("!I", _read(client)[:4])[0] in ENCRYPTION:
            client.sendall(b"N")
        told = [
            _message(b"R", struct.pack("!I", 0)),
            _message(b"S", b"client_encoding\0UTF8\0"),
            _message(b"K", struct.pack("!II", 1, 2)),
            _message(b"Z", IDLE),
        ]
        client.sendall(b"".join(told))
        while client.recv(1):
            statement = _read(client)
            if statement.startswith(b"COMMIT"):
                if state:
                    client.sendall(_message(b"E", b"SFATAL\0VFATAL\0C" + state + b"\0Mended\0\0"))
                return
            client.sendall(_message(b"C", b"DONE\0") + _message(b"Z", IN_TRANSACTION))


@pytest.fixture
def state() -> bytes:
    return b""


@pytest.fixture
def connection(state: bytes) -> Iterator[CertainConnection]:
    """In a transaction that has changed something."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_serve, args=(listener, state))
        server.start()
        port = listener.getsockname()[1]
        made = CertainConnection.connect(f"host=127.0.0.1 port={port} user=a dbname=a sslmode=disable")
        made.execute("INSERT INTO seat VALUES (1)")
        yield made
        made.close()
        server.join()


@pytest.mark.parametrize("state", [b"", b"08P01", b"08006", b"08007"])
def test_who_lost_the_server_does_not_know(connection: CertainConnection) -> None:
    """Without a word from the server, and from a pooler that lost it."""
    with pytest.raises(OutcomeUnknown, match="while its commit was being waited for"):
        connection.commit()


@pytest.mark.parametrize("state", [b"57P01", b"40001"])
def test_a_server_that_says_why_has_rolled_back(connection: CertainConnection) -> None:
    with pytest.raises(psycopg.OperationalError) as error:
        connection.commit()
    assert error.value.sqlstate in ("57P01", "40001")


def test_a_connection_that_was_closed_before_has_sent_nothing(connection: CertainConnection) -> None:
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="the connection is closed"):
        connection.commit()


@pytest.mark.parametrize(
    ("sql", "autocommit", "commits"),
    [
        ("INSERT INTO seat VALUES (1)", True, True),
        ("WITH gone AS (DELETE FROM seat RETURNING *) SELECT * FROM gone", True, True),
        ("EXPLAIN ANALYZE DELETE FROM seat", True, True),
        ("INSERT INTO seat VALUES (1)", False, False),
        ("SELECT 1", True, False),
        ("select 1", True, False),
        ("\n    SELECT 1", True, False),
        ("(SELECT 1) UNION (SELECT 2)", True, False),
        ("SHOW server_version", True, False),
        ("VALUES (1)", True, False),
    ],
)
def test_what_commits_by_itself(sql: str, autocommit: bool, commits: bool) -> None:
    statements = Statements(SimpleNamespace(autocommit=autocommit))
    assert statements._commits(sql) is commits


@pytest.mark.parametrize(("closed", "told"), [(False, OutcomeUnknown), (True, OperationalError)])
def test_a_write_on_a_connection_that_was_closed_before_was_not_sent(
    closed: bool, told: type[Exception]
) -> None:
    raw = SimpleNamespace(in_statement=False, closed=closed, is_lost=lambda error: True)
    statements = Statements(SimpleNamespace(autocommit=True, connection=raw, vendor="postgresql"))

    def execute(*statement: object) -> None:
        raise OperationalError("the connection is closed")

    with within(30), pytest.raises(OperationalError) as error:
        statements(execute, "INSERT INTO seat VALUES (1)", (), False, {})
    assert type(error.value) is told
