"""Whether the caller is a person with a browser or a program, by its ``Accept`` header."""

from __future__ import annotations

from functools import lru_cache

PAGES = frozenset({"text/html", "application/xhtml+xml"})
DATA = frozenset({"application/problem+json", "application/json"})
LONGEST = 2048
"""Characters that are read; a browser sends 150."""


def wants_page(accept: str) -> bool:
    """
    Whether HTML is asked for by name, and no less than JSON.

    A browser names ``text/html``; what names nothing, or only ``*/*``, is a program.
    Weights as in RFC 9110, section 12.4.2; of two equal ones the first counts.
    """
    return "htm" in accept.lower() and _prefers_page(accept[:LONGEST])


@lru_cache(maxsize=128)
def _prefers_page(accept: str) -> bool:
    best, is_page = 0.0, False
    for offer in accept.lower().split(","):
        kind, weight = _read(offer)
        if weight > best and (kind in PAGES or kind in DATA):
            best, is_page = weight, kind in PAGES
    return is_page


def _read(offer: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in offer.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return kind, _weight(value.strip())
    return kind, 1.0


def _weight(value: str) -> float:
    """0 for what is no weight, so that nonsense is never preferred."""
    digits = value.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(value) <= 5):
        return 0.0
    number = float(value)
    return number if number <= 1 else 0.0
