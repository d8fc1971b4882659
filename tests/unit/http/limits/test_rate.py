from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.errors import InvalidInput
from mainstay.http.limits.rate import FASTEST, LONGEST, SECONDS, Rate, parse


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/m", Rate(100, 60, 100)),
        ("20/10s", Rate(20, 10, 20)),
        ("1/d", Rate(1, 86400, 1)),
        ("5/h", Rate(5, 3600, 5)),
        ("100/m burst 20", Rate(100, 60, 20)),
        ("  3 / 2 m  burst 1 ", Rate(3, 120, 1)),
        ("100/min", Rate(100, 60, 100)),
        ("100/day", Rate(100, 86400, 100)),
        ("7/sec", Rate(7, 1, 7)),
        ("7/hour", Rate(7, 3600, 7)),
    ],
)
def test_reads_a_rate(text: str, rate: Rate) -> None:
    assert parse(text, "here") == rate


@pytest.mark.parametrize(
    "text",
    ["", "100", "100/", "/m", "100/w", "100/month", "5/minutes", "0/m", "5/0s", "-1/m", "1.5/m", "5/m burst 0",
     "5/m burst", "5/m burst -2", "5/mx", "5 per m", "٥/m", "9999999999/m", "100001/s", "1/400d", None, 5, b"5/m"],
)  # fmt: skip
def test_anything_else_is_one_error_that_names_the_place(text: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, "views.py:7")
    (problem,) = caught.value.problems
    assert (problem.id, problem.where, problem.found) == ("limits.bad-rate", "views.py:7", repr(text))
    assert problem.expected


@given(st.text(max_size=30))
def test_no_text_does_worse_than_that(text: str) -> None:
    try:
        rate = parse(text, "here")
    except InvalidInput:
        return
    assert rate.limit >= 1
    assert rate.burst >= 1
    assert 1 <= rate.period <= LONGEST


@given(
    st.integers(1, 10**6),
    st.integers(1, 300),
    st.sampled_from(sorted(SECONDS)),
    st.none() | st.integers(1, 10**6),
)
def test_a_rate_says_itself_in_the_same_words(limit: int, count: int, unit: str, burst: int | None) -> None:
    if limit > FASTEST * count * SECONDS[unit] or count * SECONDS[unit] > LONGEST:
        return
    rate = Rate(limit, count * SECONDS[unit], limit if burst is None else burst)
    assert parse(str(rate), "here") == rate
