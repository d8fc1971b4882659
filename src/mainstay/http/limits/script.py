"""
What Valkey does: GCRA in one atomic step, on its own clock.

All replicas are judged by the server's TIME, so a replica whose clock is wrong changes nothing.
A key holds the theoretical arrival time in microseconds and expires when the budget is whole again.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final, NamedTuple

ORIGIN: Final = 1_767_225_600
"""2026-01-01 as Unix time. Counted from here a moment keeps a fraction of a microsecond in Lua's doubles."""

SOURCE: Final = f"""\
local clock = redis.call('TIME')
local now = (clock[1] - {ORIGIN}) * 1000000 + clock[2]
local interval = tonumber(ARGV[1])
local tolerance = tonumber(ARGV[2]) * interval
local least, need, extra = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local back = tonumber(ARGV[6])
local kept = tonumber(redis.call('GET', KEYS[1]) or now)
-- Further ahead than a whole budget is only what a clock set back leaves behind.
local tat = math.min(math.max(kept, now), now + tolerance)
if back > 0 then
  tat = math.max(now, tat - back * interval)
end
local level = math.floor((now + tolerance - tat) / interval + 1e-6)
local grant = 0
if level >= least then
  grant = math.min(level, need)
  -- What nobody waits for is a guess: never more than half of the rest, so the others find some too.
  grant = grant + math.min(extra, math.floor((level - grant) / 2))
end
if grant > 0 or back > 0 or kept > tat then
  tat = tat + grant * interval
  redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
end
return {{grant, math.floor(now + tolerance - tat)}}
"""

SHA: Final = sha1(SOURCE.encode(), usedforsecurity=False).hexdigest()
"""Valkey's name for the script: https://valkey.io/commands/evalsha/"""


class Order(NamedTuple):
    """What is asked of Valkey for one key."""

    key: str
    interval: float
    """Seconds between two units."""
    burst: int
    least: int
    """The cheapest request that waits; with less than this nothing is taken."""
    need: int
    """Units that requests are waiting for."""
    extra: int
    """Units beyond that, to have at hand."""
    back: int
    """Units of an earlier lease that were not used."""

    @property
    def arguments(self) -> tuple[str | float | int, ...]:
        """As EVALSHA wants them after the number of keys."""
        return self.key, self.interval * 1e6, self.burst, self.least, self.need, self.extra, self.back


class Lease(NamedTuple):
    """What Valkey answered."""

    granted: int
    slack: int
    """Microseconds' worth of units left in Valkey."""
