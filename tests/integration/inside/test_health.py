"""The question whether the database answers needs no place in the pool."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import django.db
import pytest
from django.db.utils import ConnectionHandler

from mainstay.health.builtin import database_check
from tests.integration.inside.database import Database


@pytest.fixture
def one_place(
    postgres: Database, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[ConnectionHandler]:
    """Django's connections to a database, through a pool of one that gives up after half a second."""
    parts = urlsplit(postgres.fresh())
    options = {"connect_timeout": 2, "pool": {"min_size": 1, "max_size": 1, "timeout": 0.5}}
    handler = ConnectionHandler(
        {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path[1:],
                "USER": "app",
                "HOST": parts.hostname,
                "PORT": parts.port,
                "OPTIONS": options,
            }
        }
    )
    monkeypatch.setattr(django.db, "connections", handler)
    with django_db_blocker.unblock():
        yield handler
        handler["default"].close()
        handler["default"].close_pool()


def test_a_full_pool_is_no_database_that_does_not_answer(
    one_place: ConnectionHandler, postgres: Database
) -> None:
    """And the question takes no place that a request could have had, nor leaves a connection behind."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        one_place["default"].ensure_connection()
        held.set()
        release.wait(20)
        one_place["default"].close()

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(hold)
        try:
            assert held.wait(10)
            threads.submit(database_check("default")).result()
        finally:
            release.set()
        holding.result()
    name = one_place.settings["default"]["NAME"]
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    assert postgres.execute(count, name) == [(1,)]
