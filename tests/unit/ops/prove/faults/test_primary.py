"""The order in which the primary is lost: the link first, proven; then the kill; the link last."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.prove.faults import catalogue, family, primary
from mainstay.ops.prove.faults.family import Family, Process
from mainstay.ops.prove.faults.fault import NotPossible, Strike
from tests.unit.ops.prove.faults.fakes import FakeLinks, FakeTarget

LINK = "postgres.2->postgres.1"
STRIKE = Strike("primary.lost", "primary", with_={"cut": 0.01})


class Database(FakeTarget):
    """Two nodes whose positions follow from how often the primary was asked to write."""

    written = 1000
    received = 1000
    cuts = True

    async def sql(self, statement: str, *, service: str = "", node: str = "") -> list[tuple[Any, ...]]:
        if "emit_message" in statement:
            self.written += 1100
            if not (self.cuts and self.links and self.links.toxics[LINK]):
                self.received = self.written
            return [(1,)]
        return [(self.written,)] if node == "postgres.1" else [(self.received,)]


@pytest.fixture
def database(target: FakeTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    found = Database(target.topology, target.folder, target.rows, links=FakeLinks(LINK, "catalog->orders"))
    for row in found.rows:
        row["pid"] = 1 << 22  # no process has it
    monkeypatch.setattr(Process, "alive", property(lambda self: True))

    def kill(members: Family, more: object) -> Family:
        assert found.links is not None
        found.links.story.append(("killed", []))
        monkeypatch.setattr(Process, "alive", property(lambda self: False))
        return frozenset({Process(1 << 22, 1)})

    monkeypatch.setattr(family, "kill", kill)
    return found


async def test_the_link_is_cut_before_the_kill_and_healed_once_there_is_a_new_primary(
    database: Database,
) -> None:
    assert database.links is not None
    fault = catalogue.make(STRIKE, database)
    await fault.inject()
    undoing = asyncio.create_task(fault.undo())
    await asyncio.sleep(0.05)
    assert database.links.toxics[LINK], "healed while the dead primary's bytes could still arrive"
    database.noted.append({"event": "postgres.promoted", "subject": "postgres.2"})
    await undoing
    assert database.links.story == [
        (LINK, [{"type": "black_hole", "direction": "both"}]),
        ("killed", []),
        (LINK, []),
    ]
    evidence = await fault.evidence()
    assert evidence.bit
    assert "2200 bytes of log had not reached the standby" in evidence.what
    assert "postgres.2 took over" in evidence.what


async def test_a_link_that_still_passes_is_no_bite(database: Database) -> None:
    """Otherwise a broken proxy would make an asynchronous standby look safe."""
    database.cuts = False
    fault = catalogue.make(STRIKE, database)
    await fault.inject()
    database.noted.append({"event": "process.ready", "subject": "postgres.1"})
    await fault.undo()
    evidence = await fault.evidence()
    assert not evidence.bit
    assert "the standby received" in evidence.what


async def test_nobody_takes_over_and_the_link_is_healed_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(primary, "PROMOTED_LIMIT", 0.05)
    fault = catalogue.make(STRIKE, database)
    await fault.inject()
    await fault.undo()
    assert database.links is not None
    assert not database.links.toxics[LINK]
    assert "nobody took over" in (await fault.evidence()).what


async def test_cut_off_before_the_kill_the_link_is_healed_at_once(database: Database) -> None:
    fault = catalogue.make(Strike("primary.lost", "primary", with_={"cut": 30}), database)
    injecting = asyncio.create_task(fault.inject())
    await asyncio.sleep(0.02)
    injecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await injecting
    await asyncio.wait_for(fault.undo(), 10.0)
    assert database.links is not None
    assert not database.links.toxics[LINK]


async def test_without_a_standby_or_a_proxy_it_is_not_possible(database: Database) -> None:
    links, database.links = database.links, None
    with pytest.raises(NotPossible, match="fault proxies"):
        await catalogue.make(STRIKE, database).inject()
    database.links = FakeLinks("catalog->orders")
    with pytest.raises(NotPossible, match=r"no link postgres\.2->postgres\.1"):
        await catalogue.make(STRIKE, database).inject()
    database.links = links
    database.rows = [row for row in database.rows if row["role"] != "standby"]
    with pytest.raises(NotPossible, match="no standby runs"):
        await catalogue.make(STRIKE, database).inject()
