"""How often: ``"100/m"``, ``"20/10s"``, ``"100/m burst 20"``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mainstay.base.errors import InvalidInput, Problem

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

FASTEST: Final = 100_000
"""Units per second; ten microseconds apart is what the stored moments can tell from one another."""

LONGEST: Final = 366 * 86400
"""Seconds of the longest period."""

EXPECTED = 'a rate such as "100/m", "20/10s" or "100/m burst 20", with s, m, h or d as its period'

_GRAMMAR = re.compile(
    r"\s*(?P<limit>\d{1,9})\s*/\s*(?P<count>\d{0,8})\s*"
    r"(?P<unit>s(?:ec(?:ond)?)?|m(?:in(?:ute)?)?|h(?:our)?|d(?:ay)?)"
    r"(?:\s+burst\s+(?P<burst>\d{1,9}))?\s*",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Rate:
    """
    ``limit`` units in ``period`` seconds, ``burst`` of them at once.

    Without a burst in the text it is the limit itself: who was silent for a period may spend
    a whole period's units at once. In any ``t`` seconds at most ``burst + limit * t / period``
    units pass.
    """

    limit: int
    period: int
    burst: int

    @property
    def interval(self) -> float:
        """Seconds after which a spent unit is back."""
        return self.period / self.limit

    def __str__(self) -> str:
        unit = max((each for each in SECONDS if self.period % SECONDS[each] == 0), key=SECONDS.__getitem__)
        count = self.period // SECONDS[unit]
        text = f"{self.limit}/{count if count > 1 else ''}{unit}"
        return text if self.burst == self.limit else f"{text} burst {self.burst}"


def parse(text: object, where: str) -> Rate:
    """
    The rate that a text means; ``where`` is the place to name if it means none.

    REST framework's words for a period (``sec``, ``min``, ``hour``, ``day``) are read too. It looks at
    their first letter only, so that ``5/month`` is five a minute there; here it is an error.

    Raises:
        InvalidInput: It is no rate, or one that is too fast or too long to keep.
    """
    match = _GRAMMAR.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise _bad(where, text, 'write @rate_limit("100/m") above the view' if callable(text) else "")
    limit, period = int(match["limit"]), int(match["count"] or 1) * SECONDS[match["unit"][0]]
    burst = limit if match["burst"] is None else int(match["burst"])
    if limit < 1 or burst < 1:
        raise _bad(where, text, "the limit and the burst are 1 or more")
    if not 1 <= period <= LONGEST:
        raise _bad(where, text, f"a period lasts 1 second to {LONGEST // 86400} days")
    if limit > FASTEST * period:
        raise _bad(where, text, f"at most {FASTEST} a second can be told apart")
    return Rate(limit, period, burst)


def _bad(where: str, found: object, hint: str = "") -> InvalidInput:
    return InvalidInput([Problem("limits.bad-rate", where, "rate", EXPECTED, repr(found), hint)])
