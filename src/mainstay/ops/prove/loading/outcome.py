"""
What an answer says of its operation:

=========================================  ==========  =============================
what came back                             a read      a write
=========================================  ==========  =============================
an expected status                         ok          ok
nothing: the connection was never there    fail        fail
nothing: no whole answer                   fail        unknown
5xx                                        fail        unknown
408                                        fail        unknown
409                                        fail        unknown with a key, else fail
any other 4xx, 425 and 429 included        fail        fail
any other status                           fail        unknown
=========================================  ==========  =============================

*Fail* claims that a write certainly had no effect. A server that refuses with 4xx did not
do it; 425 (RFC 8470) and 429 (RFC 6585) say so by their definition. 408 may come from a
proxy that had passed the request on. 409 to a request with a key may mean that an earlier
attempt is still being worked on (draft-ietf-httpapi-idempotency-key-header, 2.7), which a
proxy may have made without the caller's knowledge. Whoever expects a conflict says so:
``expect=(201, 409)``. All attempts with one key are one by one operations, and *fail* of a
later one says nothing of an earlier one that is unknown.
"""

from __future__ import annotations

import random
from collections.abc import Container

from mainstay.base.backoff import Backoff
from mainstay.ops.prove.history import Kind, Outcome
from mainstay.ops.prove.loading.framing import Answer

BACKOFF = Backoff(first=0.1, ceiling=2.0)
"""
The ceilings of the waits between attempts; each wait is drawn evenly from zero to its ceiling ("full
jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""


HEEDED = 30.0
"""Most seconds of a ``Retry-After`` that are waited: as long as a caller repeats at all."""


def judge(kind: Kind, answer: Answer, expect: Container[int]) -> Outcome:
    """What an answer says of its operation: the table above."""
    status = answer.status
    if status and status in expect:
        return Outcome.OK
    if kind == "get" or not answer.sent:
        return Outcome.FAIL
    if 400 <= status < 500 and status != 408 and not (status == 409 and kind == "keyed"):
        return Outcome.FAIL
    return Outcome.UNKNOWN


def is_repeatable(kind: Kind, outcome: Outcome, answer: Answer) -> bool:
    """Whether a caller that repeats would: no answer, or one that says to try again."""
    if outcome is Outcome.OK:
        return False
    status = answer.status
    return status == 0 or status >= 500 or status in (408, 425, 429) or (status == 409 and kind == "keyed")


def pause(attempt: int, answer: Answer) -> float:
    """Seconds to wait after this attempt; a ``Retry-After`` in seconds is heeded up to `HEEDED`."""
    asked = answer.headers.get("retry-after", "")
    least = min(float(asked), HEEDED) if asked.isascii() and asked.isdigit() else 0.0
    return max(least, random.uniform(0.0, BACKOFF.delay(attempt)))  # noqa: S311 - spreads callers, no secret


def said(answer: Answer) -> str:
    """One line for an answer that was not expected."""
    if not answer.status:
        return answer.error
    words = " ".join(answer.text[:400].split())[:160]
    return f"answered {answer.status}: {words}" if words else f"answered {answer.status}"
