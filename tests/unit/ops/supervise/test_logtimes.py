"""When a line was written, as the programs of a system say it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.supervise.logtimes import find_moment, timed

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def _two_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks here show 14:00 at noon."""
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "line",
    [
        '{"time": "2026-01-31T12:00:00.250Z", "level": "info", "event": "started"}',
        f'{{"time":{NOON + 0.25:.3f},"client":"127.0.0.1","service":"orders"}}',
        "2026-01-31 12:00:00.250 UTC [123] 0@  LOG:  database system is ready",
        "123:M 31 Jan 2026 14:00:00.250 * Ready to accept connections tcp",
        "[123] 2026/01/31 14:00:00.250000 [INF] Server is ready",
        'time=2026-01-31T12:00:00.250Z level=INFO source=main.go:1 msg="Server is ready"',
        "ts=2026-01-31T12:00:00.250Z caller=main.go:1 level=info",
        "2026-01-31 14:00:00,250 INFO started",
        "14:00:00.250  process.ready             web.web.1",
    ],
)
def test_each_program_is_understood(line: str) -> None:
    assert find_moment(line, NOON + 60.0) == NOON + 0.25


def test_nginx_tells_whole_seconds() -> None:
    assert find_moment("2026/01/31 14:00:00 [warn] 123#0: *1 upstream timed out", NOON) == NOON


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[NOTICE]   (123) : New worker (124) forked",
        '  File "app.py", line 7, in view',
        "ValueError: 2026-01-31 12:00:00 is a Saturday",
        "2026-02-31 12:00:00.000 UTC [1] no such day",
        "123:M 31 Foo 2026 14:00:00.250 * no such month",
        "2026-01-31 12:01:00.000 UTC [1] a minute after the last write",
        '{"event": "started", "time": "2026-01-31T12:00:00.250Z"}',
    ],
)
def test_what_is_no_time_of_writing_is_taken_for_none(line: str) -> None:
    assert find_moment(line, NOON + 1.0) is None


def test_a_clock_without_a_date_shows_the_last_day_that_it_can() -> None:
    """The lines that a supervisor writes for a person."""
    assert find_moment("15:00:00.000  process.ready", NOON) == NOON - 23 * 3600


def test_a_line_without_a_time_goes_with_the_one_before_it_and_the_first_with_the_next() -> None:
    lines = ["[NOTICE] first", "14:00:00.000  one", "more of one", "14:00:01.000  two"]
    assert [moment - NOON for moment, _ in timed(lines, NOON + 60.0)] == [0.0, 0.0, 0.0, 1.0]


def test_a_log_that_never_says_when_was_written_at_its_last_moment() -> None:
    assert list(timed(["one", "two"], NOON)) == [(NOON, "one"), (NOON, "two")]


@given(seconds=st.lists(st.integers(0, 59) | st.none(), max_size=12))
def test_no_line_is_lost_and_none_overtakes_another(seconds: list[int | None]) -> None:
    """Also when the clock was set back meanwhile."""
    lines = ["more" if each is None else f"14:00:{each:02}.000  event" for each in seconds]
    told = list(timed(lines, NOON + 60.0))
    assert [line for _, line in told] == lines
    assert [moment for moment, _ in told] == sorted(moment for moment, _ in told)
