"""A clock that is set by hand, and a store that keeps the budgets of a fleet in memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from mainstay.http.limits.engine import Budget, Engine
from mainstay.http.limits.figures import Figures
from mainstay.http.limits.options import Options
from mainstay.http.limits.rate import parse
from mainstay.http.limits.script import Lease, Order


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Memory:
    """As `script.SOURCE`, on a clock set by hand; `tests/integration/engines/test_limits.py` holds the two together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.tats: dict[str, float] = {}
        self.orders: list[Order] = []
        self.error: Exception | None = None

    def lease(self, order: Order) -> Lease:
        self.orders.append(order)
        if self.error is not None:
            raise self.error
        now, interval = self._clock.now * 1e6, order.interval * 1e6
        tolerance = order.burst * interval
        tat = min(max(self.tats.get(order.key, now), now), now + tolerance)
        tat = max(now, tat - order.back * interval)
        level = floor((now + tolerance - tat) / interval + 1e-6)
        grant = 0
        if level >= order.least:
            grant = min(level, order.need)
            grant += min(order.extra, (level - grant) // 2)
        tat += grant * interval
        self.tats[order.key] = tat
        return Lease(grant, floor(now + tolerance - tat))

    async def lease_many(self, orders: Sequence[Order]) -> list[Lease]:
        return [self.lease(order) for order in orders]

    async def close(self) -> None:
        return


def budget(text: str, scope: str = "view", when_unavailable: str = "") -> Budget:
    return Budget(scope, parse(text, "test"), when_unavailable)


def engines(count: int, store: Memory | None, clock: Clock, **options: object) -> list[Engine]:
    chosen = Options(prefix="test", **options)  # type: ignore[arg-type]
    return [Engine(chosen, store, clock, Figures()) for _ in range(count)]
