"""A system to try claims on, and strikes that are a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from mainstay.ops.prove.claim import Bite
from mainstay.ops.prove.faults import schedule
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.loading.summary import Summary
from tests.unit.ops.prove.proved import FakeSystem
from tests.unit.ops.prove.trials import Strikes


@pytest.fixture
async def system(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSystem]:
    """On a machine that gives the generator time, as else nothing could be told, which is a test of its own."""
    monkeypatch.setattr(Summary, "is_late", property(lambda self: False))
    async with FakeSystem().listening() as proved:
        yield proved


@pytest.fixture
def strike(monkeypatch: pytest.MonkeyPatch) -> Callable[[Strikes], None]:
    """What becomes of a schedule of strikes, instead of striking."""

    def become(strikes: Strikes) -> None:
        async def run(given: Sequence[Strike], target: Any, *, report: Any) -> list[Bite]:
            report(given[0], "begun")
            return await strikes(given)

        monkeypatch.setattr(schedule, "run", run)

    return become
