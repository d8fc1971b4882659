"""What a checker or a measure saw, before a rule says whether that is good enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

MOST_OFFENDING = 20
MOST_DETAILS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """
    A value, how much was looked at to get it, and within what it may be wrong.

    A rule that holds for ``low`` and for ``high`` passes; one that holds for neither fails;
    otherwise it cannot be told, and ``doubt`` says why.
    """

    value: float
    of: int
    """How many operations, items or samples were looked at; 0 means that nothing can be said."""
    low: float
    high: float
    offending: tuple[int, ...] = ()
    """Numbers of operations, at most twenty."""
    details: tuple[str, ...] = ()
    """Lines for a person, at most twenty."""
    doubt: str = ""
    beside: str = ""
    """What the value is to be read beside: ``steady: 31.0 ms of 800``."""


def exactly(
    value: float,
    of: int,
    *,
    offending: Iterable[int] = (),
    details: Iterable[str] = (),
    beside: str = "",
) -> Finding:
    """A value about which there is no doubt."""
    return Finding(value, of, value, value, _numbers(offending), _lines(details), beside=beside)


def doubtful(
    value: float,
    of: int,
    low: float,
    high: float,
    doubt: str,
    *,
    offending: Iterable[int] = (),
    details: Iterable[str] = (),
) -> Finding:
    """A value that may in truth be anything from ``low`` to ``high``."""
    return Finding(value, of, low, high, _numbers(offending), _lines(details), doubt)


def nothing(why: str) -> Finding:
    """There was nothing to look at, so nothing is said."""
    return Finding(0.0, 0, 0.0, 0.0, doubt=why)


def together(findings: Iterable[Finding], why: str) -> Finding:
    """The sum of several counts; ``why`` says what is missing when there are none."""
    parts = list(findings)
    if not any(part.of for part in parts):
        return nothing(next((part.doubt for part in parts if part.doubt), why))
    return Finding(
        sum(part.value for part in parts),
        sum(part.of for part in parts),
        sum(part.low for part in parts),
        sum(part.high for part in parts),
        _numbers(number for part in parts for number in part.offending),
        _lines(line for part in parts for line in part.details),
        "; ".join(dict.fromkeys(part.doubt for part in parts if part.doubt)),
        "; ".join(dict.fromkeys(part.beside for part in parts if part.beside)),
    )


def _numbers(offending: Iterable[int]) -> tuple[int, ...]:
    return tuple(islice((number for number in dict.fromkeys(offending) if number), MOST_OFFENDING))


def _lines(details: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(details, MOST_DETAILS))
