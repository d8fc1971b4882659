"""A pause that breaks off leaves nobody stopped."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.faults import catalogue, targets
from mainstay.ops.prove.faults.fault import Strike
from tests.unit.ops.prove.faults.fakes import FakeGuard, FakeTarget


class Told:
    """A process that notes its signals."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.heard: list[int] = []

    def send(self, number: signal.Signals) -> bool:
        self.heard.append(number)
        return True

    def as_json(self) -> list[int]:
        return [self.pid, 0]


class Lost(FakeGuard):
    """A guard that is gone after its first promise."""

    def promise(self, undo: Mapping[str, Any]) -> int:
        if self.ever:
            raise OperationFailed("prove.guard-lost", "the guard is gone")
        return super().promise(undo)


async def test_who_was_stopped_before_the_guard_was_lost_goes_on(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that forks while it is frozen needs a second promise, and nothing is stopped without one."""
    parent, child = Told(1), Told(2)
    looks = iter([frozenset({parent}), frozenset({parent, child})])
    victim = SimpleNamespace(name="catalog.web.1", address="", family=lambda: next(looks))

    async def find(strike: Strike, where: Any) -> tuple[Any, ...]:
        return (victim,)

    monkeypatch.setattr(targets, "find", find)
    target.guard = Lost()
    fault = catalogue.make(Strike("pause", "catalog.web.1", lasts=1), target)
    with pytest.raises(OperationFailed, match="guard is gone"):
        await fault.inject()
    await fault.undo()
    assert parent.heard == [signal.SIGSTOP, signal.SIGCONT]
    assert signal.SIGSTOP not in child.heard
    assert target.guard.outstanding == {}
