"""What a person at the page notices of a fault: nothing, or a short wait."""

from __future__ import annotations

import pytest

from tests.system import scenarios
from tests.system.running import Running
from tests.system.scenarios import Seen

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def failures(seen: Seen) -> list[str]:
    assert seen.reads.total > 50, "too few reads to say anything"
    return [what for _, what in seen.reads.failures]


async def everything_kept(seen: Seen) -> None:
    """Acknowledged means kept, and nobody was turned away for good."""
    assert seen.buyers.acknowledged, "the fault hit no purchase at all, so this says nothing"
    assert await seen.buyers.missing() == []
    assert seen.buyers.refused == []


@pytest.mark.parametrize("replica", ["catalog.web.1", "orders.web.2"])
async def test_a_killed_replica_fails_no_read_and_is_replaced(system: Running, replica: str) -> None:
    seen = await scenarios.replica_killed(system, replica)
    assert failures(seen) == []
    await everything_kept(seen)
    system.until("ready again", lambda told: told["ready"])


@pytest.mark.parametrize("replica", ["catalog.web.2", "orders.web.1"])
async def test_a_frozen_replica_fails_no_read(system: Running, replica: str) -> None:
    seen = await scenarios.replica_paused(system, replica)
    words = [entry["why"] for entry in system.events("process.starting") if entry["subject"] == replica]
    assert any("frozen" in why for why in words), "the fault did not bite"
    assert failures(seen) == []
    await everything_kept(seen)
    system.until("ready again", lambda told: told["ready"])


async def test_a_rolling_update_of_every_service_fails_nothing(system: Running) -> None:
    seen = await scenarios.rolled_out(system, ("catalog", "orders", "payments"))
    assert failures(seen) == []
    assert seen.buyers.raw_failures == []
    await everything_kept(seen)


async def test_a_lost_primary_loses_no_acknowledged_order(system: Running) -> None:
    """And the old primary comes back as the standby that commits wait for."""
    before = system.primary()["name"]
    seen = await scenarios.primary_killed(system)
    await everything_kept(seen)
    assert system.primary()["name"] != before
    assert system.process(before)["role"] == "standby"
    assert [entry["subject"] for entry in system.events("postgres.primary-lost")][-1] == before
