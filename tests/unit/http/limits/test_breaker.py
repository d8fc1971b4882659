"""While Valkey does not answer, one in each pause asks it, and the log says so once."""

from __future__ import annotations

import pytest

from mainstay.http.limits.breaker import Breaker


def test_one_in_each_pause_is_let_through() -> None:
    breaker = Breaker(1.0, "off")
    assert breaker.admits(0.0)
    breaker.failed(10.0, TimeoutError())
    assert not breaker.admits(10.9)
    assert breaker.admits(11.0)
    assert not breaker.admits(11.0), "another one, while the first has no answer yet"
    assert breaker.admits(12.0)
    breaker.answered()
    assert breaker.admits(12.0)
    assert breaker.admits(12.0)


def test_it_is_told_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    breaker = Breaker(1.0, "off")
    for _ in range(3):
        breaker.failed(0.0, TimeoutError("no answer within 0.05 s"))
    breaker.answered()
    breaker.answered()
    assert [record.getMessage() for record in caplog.records] == [
        "rate limits are off now, Valkey does not answer: TimeoutError: no answer within 0.05 s",
        "rate limits are shared again, Valkey answers",
    ]
