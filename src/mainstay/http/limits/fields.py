"""
``RateLimit`` and ``RateLimit-Policy``, as draft-ietf-httpapi-ratelimit-headers-11 (May 2026) defines them.

Both are lists of strings with parameters (RFC 9651). ``q`` units in ``w`` seconds are the policy, ``r`` of
them are left, and for ``t`` seconds there will be no more than that. The same seconds are in
``Retry-After``, as section 6 of the draft wants.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil
from typing import Final

from django.http import HttpRequest, HttpResponseBase

from mainstay.http.limits.engine import UNKNOWN, Decision
from mainstay.http.limits.rate import Rate

POLICY: Final = "RateLimit-Policy"
STATE: Final = "RateLimit"

NOTE: Final = "_mainstay_rate_limits"
"""Where a request carries its fields to the middleware, for answers that are made outside of the view."""

VIOLATED: Final = "_mainstay_violated"
"""Where a request carries the names of what a throttle refused it for, for the problem that says so."""


def policy(name: str, rate: Rate) -> str:
    """One item of ``RateLimit-Policy``; a burst that is not the limit itself has a parameter of our own."""
    item = f"{quoted(name)};q={rate.limit};w={rate.period}"
    return item if rate.burst == rate.limit else f"{item};mainstay-burst={rate.burst}"


def state(item: str, decision: Decision) -> str:
    """One item of ``RateLimit``, for a name that is `quoted` already; empty where nobody counts."""
    if decision.remaining == UNKNOWN:
        return ""
    return f"{item};r={decision.remaining};t={seconds(decision.wait)}"


def seconds(wait: float) -> int:
    """Whole seconds after which the wait is over; 1 or more."""
    return max(1, ceil(wait))


def quoted(text: str) -> str:
    """A String of structured fields: printable ASCII between quotation marks (RFC 9651, 3.3.3)."""
    plain = "".join(each if " " <= each <= "~" else "?" for each in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(item: str) -> str:
    """The text of what `quoted` made."""
    return re.sub(r"\\(.)", r"\1", item[1:-1])


def write(response: HttpResponseBase, policies: str, states: str) -> None:
    """Add the fields to an answer, behind those of a limit further in."""
    headers = response.headers
    if POLICY in headers:
        policies = f"{policies}, {headers[POLICY]}"
        states = ", ".join(filter(None, (states, headers.get(STATE, ""))))
    headers[POLICY] = policies
    if states:
        headers[STATE] = states


def note(request: object, policies: str, states: str) -> None:
    """Leave the fields with a request, for `apply`."""
    noted: list[tuple[str, str]] = [*getattr(request, NOTE, ()), (policies, states)]
    setattr(request, NOTE, noted)


def note_violated(request: object, name: str) -> None:
    """Leave the name of a limit that was exceeded with a request, for `violated`."""
    setattr(request, VIOLATED, [*violated(request), name])


def violated(request: object) -> list[str]:
    """The names of the limits for which throttles of ours refuse a request."""
    noted: list[str] = getattr(request, VIOLATED, [])
    return noted


def apply(request: HttpRequest, response: HttpResponseBase) -> None:
    """Write what was noted while the answer did not exist yet."""
    noted: Sequence[tuple[str, str]] = getattr(request, NOTE, ())
    for policies, states in noted:
        write(response, policies, states)
