"""SQLite as a server wants it: readers beside one writer."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

PAUSE = 0.005
"""Seconds between two tries to change the journal's mode. The change itself takes about one millisecond."""


class WriteAheadConnection(sqlite3.Connection):
    """
    A connection whose file keeps a write-ahead log, whoever opens it first.

    SQLite's own wait does not cover this change: when two connections open a new file at
    once, each holds the lock to read that the other waits for, and one of them is told
    "database is locked" at once (https://www.sqlite.org/c3ref/busy_handler.html). Here it
    tries again until ``timeout`` seconds have passed. A file keeps the mode, so that
    later connections change nothing.
    """

    def __init__(self, database: Any, *, timeout: float = 5.0, **kwargs: Any) -> None:
        super().__init__(database, timeout=timeout, **kwargs)
        try:
            self._keep_log(time.monotonic() + timeout)
            self.execute("PRAGMA synchronous = NORMAL")
        except BaseException:  # raised again: what could not be set up is closed
            self.close()
            raise

    def _keep_log(self, end: float) -> None:
        while True:
            try:
                self.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                    raise
            time.sleep(PAUSE)
