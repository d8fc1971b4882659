"""One object per request."""

from __future__ import annotations

from mainstay.base.context import TALLY, Tally
from mainstay.http.exchange import Exchange


def test_an_exchange_starts_empty_and_counts_for_its_request() -> None:
    exchange = Exchange("GET", "/", "id", "203.0.113.7", "")

    assert isinstance(exchange, Tally)
    assert {getattr(exchange, name) for name in Tally.__slots__} == {0}
    assert (exchange.trace, exchange.deadline, exchange.criticality) == (None,) * 3


def test_nothing_is_counted_outside_of_a_request() -> None:
    assert TALLY.get() is None
