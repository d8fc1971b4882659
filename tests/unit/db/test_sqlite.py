"""The connection that `mainstay.databases` gives to SQLite."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import ConnectionHandler

from mainstay.db.settings import sqlite
from mainstay.db.sqlite import WriteAheadConnection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.sqlite3"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """Holds the lock to write of a file that keeps no write-ahead log yet."""
    writing = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writing.execute("CREATE TABLE seat (number integer)")
    writing.execute("BEGIN IMMEDIATE")
    yield writing
    writing.close()


def mode(connection: sqlite3.Connection) -> tuple[str, int]:
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    return journal, synchronous


def test_the_change_waits_for_who_writes(path: Path, writer: sqlite3.Connection) -> None:
    ending = threading.Timer(0.2, writer.execute, ["COMMIT"])
    ending.start()
    try:
        connection = WriteAheadConnection(path, timeout=20)
    finally:
        ending.join()
    assert mode(connection) == ("wal", 1)
    connection.close()


def test_the_change_is_given_up_at_the_timeout(path: Path, writer: sqlite3.Connection) -> None:
    begun = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        WriteAheadConnection(path, timeout=0.2)
    assert time.monotonic() - begun >= 0.2


def test_what_waiting_cannot_mend_is_raised_at_once(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        WriteAheadConnection(tmp_path / "nowhere" / "shop.sqlite3", timeout=60)
    assert time.monotonic() - begun < 30


def test_all_who_open_a_new_file_at_once_succeed(tmp_path: Path) -> None:
    """As Django opens it: the first request and the first health check of a new project come together."""
    failed: list[Exception] = []
    for number in range(100):
        given = ConnectionHandler({"default": sqlite(str(tmp_path / f"shop{number}"))})
        gate = threading.Barrier(3)

        def connect(given: ConnectionHandler = given, gate: threading.Barrier = gate) -> None:
            django = given.create_connection("default")
            gate.wait(20)
            try:
                connection = django.get_new_connection(django.get_connection_params())
                assert mode(connection) == ("wal", 1)
                connection.close()
            except (sqlite3.Error, AssertionError) as error:
                failed.append(error)

        threads = [threading.Thread(target=connect) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed
