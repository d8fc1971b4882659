"""A replica dies or freezes under load: safe and keyed requests do not notice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.conformance.edge.load import GET, KEYED, POST, load
from tests.conformance.edge.stage import Replica, Stage

WORST = 1.0


async def watch(stage: Stage, replica: Replica) -> None:
    """What the supervisor does: probe, kill where only that breaks what hangs, set down."""
    missed = 0
    while missed < 2:
        began = asyncio.get_running_loop().time()
        answered = await asyncio.to_thread(replica.answers, 0.2)
        missed = 0 if answered else missed + 1
        await asyncio.sleep(max(0.0, 0.2 - (asyncio.get_running_loop().time() - began)))
    if not stage.edge.breaks_hanging:
        # The kernel breaks every connection of a killed process.
        replica.process.kill()
    await stage.edge.set_down(replica.backend.name, down=True)


def repeated(stage: Stage, *, keyed: bool) -> list[str]:
    """Ids of POST requests that more than one replica, or one replica twice, has seen."""
    posts = (dict(seen["headers"]) for seen in stage.seen() if seen["method"] == "POST")
    ids = Counter(each["x-request-id"] for each in posts if ("idempotency-key" in each) == keyed)
    return [name for name, count in ids.items() if count > 1]


@pytest.mark.parametrize("told", [True, False])
async def test_a_killed_replica_costs_no_safe_or_keyed_request(stage: Stage, told: bool) -> None:
    """Whether the edge is told at once, as the supervisor does, or has to find out by itself."""
    async with load(stage.address, GET, KEYED, POST) as report:
        await asyncio.sleep(0.7)
        stage.replicas[0].kill()
        if told:
            await stage.edge.set_down(stage.replicas[0].backend.name, down=True)
        await asyncio.sleep(1.2)
    assert report.failed[GET] == report.failed[KEYED] == 0, report
    assert report.sent[GET] > 100
    assert report.answered_by.keys() == {replica.backend.name for replica in stage.replicas}
    assert max(report.worst.values()) < WORST
    assert repeated(stage, keyed=False) == []


async def test_a_frozen_replica_costs_no_safe_or_keyed_request(stage: Stage) -> None:
    frozen = stage.replicas[0]
    watcher = asyncio.create_task(watch(stage, frozen))
    async with load(stage.address, GET, KEYED) as report:
        await asyncio.sleep(0.7)
        frozen.freeze()
        await asyncio.sleep(2)
    await watcher
    assert report.failed.total() == 0, report
    assert max(report.worst.values()) <= WORST, report.worst
    # Otherwise nothing hung and nothing was shown.
    assert max(report.worst.values()) > 0.2


async def test_the_check_of_frozen_replicas_can_fail(stage: Stage) -> None:
    """Requests hang on a frozen replica for as long as nobody does anything about it."""
    async with load(stage.address, GET, KEYED) as report:
        await asyncio.sleep(0.5)
        stage.replicas[0].freeze()
        await asyncio.sleep(1.5)
        stage.replicas[0].process.kill()
    assert max(report.worst.values()) > WORST


async def test_set_down_takes_a_replica_out_and_puts_it_back(stage: Stage) -> None:
    out, other = (replica.backend.name for replica in stage.replicas)
    await stage.edge.set_down(out, down=True)
    async with load(stage.address, GET, clients=2) as report:
        await asyncio.sleep(0.4)
    assert report.answered_by.keys() == {other}
    await stage.edge.set_down(out, down=False)
    async with load(stage.address, GET, clients=2) as report:
        await asyncio.sleep(0.4)
    assert report.answered_by.keys() == {out, other}


async def test_what_was_set_down_stays_down_over_a_change(stage: Stage) -> None:
    """`apply` says who is in rotation, not who is well."""
    out, other = (replica.backend.name for replica in stage.replicas)
    await stage.edge.set_down(out, down=True)
    await stage.rotate(*stage.replicas)
    async with load(stage.address, GET, clients=2) as report:
        await asyncio.sleep(0.4)
    assert report.answered_by.keys() == {other}
