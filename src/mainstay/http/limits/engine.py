"""
Who may pass: decided from units at hand, and by asking Valkey when those are used up.

Guarantee, with ``k`` the largest block, ``R`` replicas and ``L`` the life of a lease in seconds: in any
``t`` seconds the fleet lets pass at most

    burst + limit * t / period + min(R * (k - 1), 2 * L * limit / period)      units, where
    k = max(1, floor(burst * block_share / replicas)).

The first two terms are GCRA's own. The third is what replicas held unused when the ``t`` seconds began: each
less than a block, and nothing leased more than ``2 * L`` seconds before. The other way round, a client is
refused at most ``R * (k - 1)`` units early, and asks Valkey anew after a second. Where ``k`` is 1, below a
burst of ``2 * replicas / block_share``, the fleet decides exactly as one GCRA would.

Leases of capacity are how Doorman (github.com/youtube/doorman) shares a limit among clients; the block that
follows use, and the sums, are our own.
"""

from __future__ import annotations

import time
from asyncio import wrap_future
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoFlight
from contextlib import closing
from threading import Lock
from typing import NamedTuple

from mainstay.http.limits import gcra
from mainstay.http.limits.breaker import Breaker
from mainstay.http.limits.bucket import FRESH, Bucket, Buckets
from mainstay.http.limits.courier import Couriers, Trip
from mainstay.http.limits.figures import FIGURES, Figures
from mainstay.http.limits.options import Options
from mainstay.http.limits.patience import is_done_within
from mainstay.http.limits.rate import Rate
from mainstay.http.limits.script import Lease, Order
from mainstay.http.limits.store import Store

UNKNOWN = -1
TURNS = 8
"""Questions that one request waits for; with each, those before it in line have theirs."""
PATIENCE = 6
"""Time limits of one question that a request waits for somebody else's."""

WORDS = {"local": "each replica's own", "open": "off", "closed": "refusing everything"}


class Decision(NamedTuple):
    """What was decided about one request under one limit."""

    allowed: bool
    remaining: int
    """Units that the client may still spend, as far as is known here; ``UNKNOWN`` where nobody counts."""
    wait: float
    """Seconds until a refused request would pass, or until an allowed one's unit is back."""
    unavailable: bool
    """Decided without Valkey although there should be one."""


Asking = Generator["Decision | Trip | Future[None]", bool, None]


class Budget:
    """What one limit grants to each client. ``family`` is the first part of all its keys."""

    __slots__ = ("family", "rate", "scope", "when_unavailable")

    def __init__(self, scope: str, rate: Rate, when_unavailable: str = "") -> None:
        self.scope = scope
        self.rate = rate
        self.when_unavailable = when_unavailable
        self.family = f"{scope}:{str(rate).replace(' ', '-')}"


class Engine:
    """
    The limits of one process. Safe in threads and in event loops, also in both at once.

    The lock is held for a few microseconds and never while Valkey is asked. Without a store each
    process counts alone.
    """

    def __init__(
        self,
        options: Options,
        store: Store | None,
        clock: Callable[[], float] = time.monotonic,
        figures: Figures = FIGURES,
    ) -> None:
        self.options = options
        self.figures = figures
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._buckets = Buckets(options.keys_max)
        self._breaker = Breaker(options.pause, WORDS[options.when_unavailable])
        self._couriers = Couriers(store, self._land) if store else None
        self._patience = options.timeout * PATIENCE
        figures.keys = self._buckets.__len__

    def largest_block(self, rate: Rate) -> int:
        """Units that one replica may hold of one client's budget."""
        return max(1, int(rate.burst * self.options.block_share / self.options.replicas))

    def take(self, budget: Budget, key: str, cost: int = 1) -> Decision:
        """Decide in a thread. Waits at most a few time limits, and only when Valkey must be asked."""
        found = self._look(budget, key, cost)
        if isinstance(found, Decision):
            return found
        with closing(self._ask(budget, found, key, cost)) as asking:
            step = next(asking)
            while not isinstance(step, Decision):
                step = asking.send(self._carry(step))
            return step

    async def take_async(self, budget: Budget, key: str, cost: int = 1) -> Decision:
        """The same in an event loop, which is never blocked."""
        found = self._look(budget, key, cost)
        if isinstance(found, Decision):
            return found
        with closing(self._ask(budget, found, key, cost)) as asking:
            step = next(asking)
            while not isinstance(step, Decision):
                step = asking.send(await self._carry_async(step))
            return step

    async def close(self) -> None:
        """Leave no connection of this event loop behind."""
        if self._store is not None:
            await self._store.close()

    # --- below here with the lock held ---------------------------------------------------------

    def _known(self, budget: Budget, bucket: Bucket, cost: int, now: float) -> Decision | None:
        """The decision, where what is at hand or was said a moment ago is enough for it."""
        if bucket.left >= cost and now < bucket.expires:
            bucket.left -= cost
            self.figures.count(budget.scope, True)
            return Decision(True, int(bucket.known(now) + gcra.ROUNDING), bucket.interval, False)
        if now - bucket.seen < FRESH and (known := bucket.known(now) + gcra.ROUNDING) < cost:
            self.figures.count(budget.scope, False)
            return Decision(False, int(known), (cost - known) * bucket.interval, False)
        return None

    def _without(self, budget: Budget, bucket: Bucket, cost: int, now: float) -> Decision:
        """Decide although Valkey should have been asked and cannot be."""
        mode = budget.when_unavailable or self.options.when_unavailable
        self.figures.unavailable[budget.scope] += 1
        if mode == "local":
            return self._alone(budget, bucket, cost, now, unavailable=True)
        self.figures.count(budget.scope, mode == "open")
        if mode == "open":
            return Decision(True, UNKNOWN, 0.0, True)
        return Decision(False, UNKNOWN, self.options.pause, True)

    def _alone(self, budget: Budget, bucket: Bucket, cost: int, now: float, unavailable: bool) -> Decision:
        """GCRA in this process, for its part of the rate."""
        replicas = self.options.replicas
        interval = bucket.interval * replicas
        burst = max(1, bucket.burst // replicas)
        cost = min(cost, burst)
        tat = gcra.spend(bucket.tat, now, cost, interval, burst)
        if tat is not None:
            bucket.tat = tat
        left = gcra.level(bucket.tat, now, interval, burst)
        self.figures.count(budget.scope, tat is not None)
        wait = interval if tat is not None else max(0.0, (cost - left) * interval)
        return Decision(tat is not None, max(0, int(left + gcra.ROUNDING)), wait, unavailable)

    # --- from here on the lock is taken here -----------------------------------------------------

    def _look(self, budget: Budget, key: str, cost: int) -> Decision | Bucket:
        """The decision if it is known here, else what there is to ask about."""
        with self._lock:
            now = self._clock()
            bucket = self._buckets.of(budget.rate, budget.family, key)
            if self._store is None:
                return self._alone(budget, bucket, cost, now, unavailable=False)
            return self._known(budget, bucket, cost, now) or bucket

    def _ask(self, budget: Budget, bucket: Bucket, key: str, cost: int) -> Asking:
        """
        What both ways of taking have in common: yields what to carry or to wait for, and at the end the decision.

        It is told whether the answer was there in time.
        """
        with self._lock:
            bucket.wanted += cost
        try:
            for _ in range(TURNS):
                step = self._step(budget, bucket, key, cost)
                if not (yield step):
                    break
        finally:
            with self._lock:
                bucket.wanted -= cost
        with self._lock:
            late = self._without(budget, bucket, cost, self._clock())
        yield late

    def _step(self, budget: Budget, bucket: Bucket, key: str, cost: int) -> Decision | Trip | Future[None]:
        """A decision, a question to carry, or somebody else's question to wait for."""
        with self._lock:
            now = self._clock()
            if (decided := self._known(budget, bucket, cost, now)) is not None:
                return decided
            if bucket.trip is not None and now - bucket.trip.sent < self._patience:
                return bucket.trip.flight
            if not self._breaker.admits(now):
                return self._without(budget, bucket, cost, now)
            bucket.trip = trip = Trip(bucket, self._order(budget, bucket, key, cost, now), now)
            return trip

    def _carry(self, step: Trip | Future[None]) -> bool:
        """Whether the wait was over in time; that there is no answer may be what came out of it."""
        if isinstance(step, Trip):
            self._travel(step)
            return True
        try:
            step.result(self._patience)
        except NoFlight:
            return False
        return True

    async def _carry_async(self, step: Trip | Future[None]) -> bool:
        if not isinstance(step, Trip):
            return await is_done_within(self._patience, wrap_future(step))
        with self._lock:
            flight = step.flight
        self._couriers.of_this_loop().send(step)  # type: ignore[union-attr]  # a trip needs a store
        return await is_done_within(self._patience, wrap_future(flight))

    def _order(self, budget: Budget, bucket: Bucket, key: str, cost: int, now: float) -> Order:
        block = bucket.next_block(self.largest_block(budget.rate), now)
        back = bucket.left if now < bucket.expires + self.options.lease else 0
        bucket.left = 0
        name = f"{self.options.prefix}:limit:{budget.family}:{key}"
        return Order(name, bucket.interval, bucket.burst, cost, bucket.wanted, block - 1, back)

    def _travel(self, trip: Trip) -> None:
        lease: Lease | None = None
        problem: BaseException | None = None
        try:
            lease = self._store.lease(trip.order)  # type: ignore[union-attr]  # a trip needs a store
        except Exception as error:
            problem = error
        except BaseException as error:
            problem = error
            raise
        finally:
            self._land(trip, lease, problem)

    def _land(self, trip: Trip, lease: Lease | None, error: BaseException | None) -> None:
        """Note an answer, or that there was none, and let those go on who waited for it."""
        bucket = trip.bucket
        with self._lock:
            if bucket.trip is trip:
                bucket.trip = None
            if lease is None:
                self.figures.failures += 1
                self._breaker.failed(self._clock(), error or TimeoutError())
            else:
                self.figures.leases += 1
                self._breaker.answered()
                bucket.left += lease.granted
                bucket.expires = trip.sent + self.options.lease
                bucket.level = lease.slack / (bucket.interval * 1e6)
                bucket.seen = trip.sent
            awaited = trip.awaited
        if awaited is not None:
            awaited.set_result(None)
