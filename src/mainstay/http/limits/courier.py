"""Carries the questions of one event loop to Valkey, one round trip at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from mainstay.http.limits.bucket import Bucket
from mainstay.http.limits.script import Lease, Order
from mainstay.http.limits.store import Store

BATCH = 100
"""Questions that go together; Valkey answers so many in well under a millisecond."""


class Trip:
    """One question on its way; whoever waits for it waits for `flight`. Not safe without a lock."""

    __slots__ = ("awaited", "bucket", "order", "sent")

    def __init__(self, bucket: Bucket, order: Order, sent: float) -> None:
        self.bucket = bucket
        self.order = order
        self.sent = sent
        self.awaited: Future[None] | None = None
        """The flight, if anybody waits."""

    @property
    def flight(self) -> Future[None]:
        """Done once the answer is noted. Made for the first who waits; of a thread that is mostly nobody."""
        if self.awaited is None:
            self.awaited = Future()
            # A running future cannot be cancelled: one client that leaves must not take the others' answer along.
            self.awaited.set_running_or_notify_cancel()
        return self.awaited


Land = Callable[[Trip, Lease | None, BaseException | None], None]


class Courier:
    """
    What is asked while an answer is on its way goes together in the next question.

    It works in a task of its own, so a request that is cancelled loses no units.
    """

    def __init__(self, store: Store, land: Land) -> None:
        self._store = store
        self._land = land
        self._waiting: list[Trip] = []
        self._task: asyncio.Task[None] | None = None

    def send(self, trip: Trip) -> None:
        self._waiting.append(trip)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._carry())

    async def _carry(self) -> None:
        batch: list[Trip] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                leases = await self._store.lease_many([trip.order for trip in batch])
                for trip, lease in zip(batch, leases, strict=True):
                    self._land(trip, lease, None)
                batch = []
        except BaseException as error:
            # Those still waiting would wait as long again for the same.
            failed, self._waiting = batch + self._waiting, []
            for trip in failed:
                self._land(trip, None, error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._task = None


class Couriers:
    """One for each event loop that is still open."""

    def __init__(self, store: Store, land: Land) -> None:
        self._store = store
        self._land = land
        self._couriers: dict[asyncio.AbstractEventLoop, Courier] = {}

    def of_this_loop(self) -> Courier:
        loop = asyncio.get_running_loop()
        courier = self._couriers.get(loop)
        if courier is None:
            self._couriers = {each: kept for each, kept in self._couriers.items() if not each.is_closed()}
            courier = self._couriers[loop] = Courier(self._store, self._land)
        return courier
