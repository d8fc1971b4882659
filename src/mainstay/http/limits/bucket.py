"""What this process has of one client's budget."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from mainstay.http.limits.rate import Rate

if TYPE_CHECKING:
    from mainstay.http.limits.courier import Trip

FRESH = 1.0
"""Seconds for which what Valkey last said is reason enough to refuse without asking again."""


class Bucket:
    """Units leased from Valkey, and what is known of those that are still there. Not safe without a lock."""

    __slots__ = (
        "block",
        "burst",
        "expires",
        "interval",
        "left",
        "level",
        "seen",
        "tat",
        "trip",
        "wanted",
    )

    def __init__(self, rate: Rate) -> None:
        self.interval = rate.interval
        self.burst = rate.burst
        self.left = 0
        """Units at hand, good until ``expires``."""
        self.expires = 0.0
        self.level = 0.0
        """Units that Valkey had at the moment ``seen``."""
        self.seen = float("-inf")
        self.block = 1
        """Units to ask for at the next question."""
        self.wanted = 0
        """Units that requests of this process wait for."""
        self.trip: Trip | None = None
        """The one question that is on its way."""
        self.tat = float("-inf")
        """Of the budget that this process keeps alone, while there is no Valkey."""

    def known(self, now: float) -> float:
        """Units that the client may still spend, as far as is known here."""
        return min(self.burst, self.left + self.level + (now - self.seen) * (1 / self.interval))

    def next_block(self, most: int, now: float) -> int:
        """
        How much to ask for this time: twice as much while it is used up in time, half when not.

        ``expires`` is that of the lease that ends here.
        """
        in_time = self.left == 0 and now < self.expires
        self.block = min(most, self.block * 2) if in_time else max(1, self.block // 2)
        return self.block


class Buckets:
    """The buckets of the clients seen last; at most so many, the one unseen for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, rate: Rate, family: str, key: str) -> Bucket:
        """The client's bucket; ``family`` is what tells limits of the same rate apart."""
        name = (family, key)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(rate)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
        return bucket
