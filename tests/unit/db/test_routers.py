from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connections

from mainstay.db import reads_from_replica, replica_reads
from mainstay.db.routers import PrimaryReplicaRouter


class Connections(dict[str, Any]):
    settings = {"default": {}, "replica": {}}


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A replica connection that counts how often it is asked to connect."""
    replica = SimpleNamespace(connection=None, attempts=0, reachable=True)

    def ensure_connection() -> None:
        replica.attempts += 1
        if not replica.reachable:
            raise OperationalError("refused")

    replica.ensure_connection = ensure_connection
    aliases = Connections(default=SimpleNamespace(in_atomic_block=False), replica=replica)
    monkeypatch.setattr("django.db.connections", aliases)
    replica.primary = aliases["default"]
    return replica


def test_reads_stay_on_the_primary_unless_the_code_opts_in(replica: SimpleNamespace) -> None:
    router = PrimaryReplicaRouter()
    assert router.db_for_read(object) is None
    with reads_from_replica():
        assert router.db_for_read(object) == "replica"
    assert router.db_for_read(object) is None


def test_writes_go_to_the_primary_always(replica: SimpleNamespace) -> None:
    with reads_from_replica():
        assert PrimaryReplicaRouter().db_for_write(object) == "default"


def test_reads_inside_a_transaction_see_what_it_wrote(replica: SimpleNamespace) -> None:
    replica.primary.in_atomic_block = True
    with reads_from_replica():
        assert PrimaryReplicaRouter().db_for_read(object) is None


def test_unreachable_replica_is_left_alone_for_a_while(
    replica: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("mainstay.db.routers.time.monotonic", lambda: now)
    replica.reachable = False
    router = PrimaryReplicaRouter()
    with reads_from_replica():
        assert [router.db_for_read(object) for _ in range(5)] == [None] * 5
        assert replica.attempts == 1
        replica.reachable = True
        now = 106.0
        assert router.db_for_read(object) == "replica"


def test_without_a_replica_everything_is_the_primary() -> None:
    assert "replica" not in connections.settings
    with reads_from_replica():
        assert PrimaryReplicaRouter().db_for_read(object) is None


def test_decorator_takes_plain_and_async_views(replica: SimpleNamespace) -> None:
    router = PrimaryReplicaRouter()

    @replica_reads
    def view(request: object) -> str | None:
        return router.db_for_read(object)

    @replica_reads
    async def async_view(request: object) -> str | None:
        return router.db_for_read(object)

    assert view(None) == "replica"
    assert asyncio.run(async_view(None)) == "replica"
    assert router.db_for_read(object) is None


def test_concurrent_requests_do_not_share_the_choice(replica: SimpleNamespace) -> None:
    router = PrimaryReplicaRouter()

    async def other() -> str | None:
        await asyncio.sleep(0)
        return router.db_for_read(object)

    async def both() -> str | None:
        task = asyncio.create_task(other())
        with reads_from_replica():
            return await task

    assert asyncio.run(both()) is None


def test_rows_of_both_may_relate_and_only_the_primary_is_migrated() -> None:
    def row(alias: str) -> SimpleNamespace:
        return SimpleNamespace(_state=SimpleNamespace(db=alias))

    router = PrimaryReplicaRouter()
    assert router.allow_relation(row("default"), row("replica")) is True
    assert router.allow_relation(row("default"), row("archive")) is None
    assert router.allow_migrate("replica", "shop") is False
    assert router.allow_migrate("default", "shop") is None
