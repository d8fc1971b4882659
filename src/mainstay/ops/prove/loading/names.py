"""What was asked, without identifiers, so that equal questions have equal names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import get_args

from mainstay.ops.prove.history import Kind

_IDENTIFIER = re.compile(
    r"""
    \d[\d,.:_-]*                                              # numbers, dates, versions
    | [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}             # UUIDs
    | (?=[a-f]*\d)[0-9a-f]{8,}                                # hexadecimal, with a digit in it
    | (?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_-]{20,}          # tokens
    """,
    re.VERBOSE | re.IGNORECASE,
)


KINDS: tuple[str, ...] = get_args(Kind)
"""No journey may be called like one of these: ``errors.write`` would mean two things."""


@lru_cache(maxsize=4096)
def normalise(path: str) -> str:
    """
    ``/api/events/17/?page=2`` becomes ``/api/events/{}/``.

    Segments that are numbers, UUIDs, long hexadecimals or long tokens become ``{}``; query
    and fragment go. What else varies, such as a slug, stays: give such requests a name.
    """
    path = path.partition("#")[0].partition("?")[0]
    return "/".join("{}" if _IDENTIFIER.fullmatch(each) else each for each in path.split("/"))


def dashed(name: str) -> str:
    """``BuyTickets`` becomes ``buy-tickets``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
