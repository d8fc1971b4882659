"""Durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.units import duration_text, parse_duration, parse_size, plural, size_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("5s", 5.0),
        ("5 s", 5.0),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("15d", 1_296_000.0),
    ],
)
def test_durations_carry_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "5 sec", "5  s", "1e3s", "٥s", "5s\n", "9" * 400 + "s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("10 MiB", 10_485_760), ("10MB", 10_000_000), ("512KiB", 524_288), ("1 B", 1), ("0.5 KiB", 512)],
)
def test_sizes_tell_thousands_from_1024s(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "10", "10 M", "10 mib", "MiB", "-1 MiB", "9" * 400 + "B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    assert parse_size(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "500 ms"),
        (15.0, "15 s"),
        (60.0, "60 s"),
        (120.0, "2 m"),
        (3600, "1 h"),
        (86400, "1 d"),
        (0, "0 s"),
    ],
)
def test_durations_are_shown_as_people_write_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.integers(0, 2**50))
def test_a_shown_size_reads_back_exactly(size: int) -> None:
    assert parse_size(size_text(size)) == size


@given(st.integers(1, 10**7).map(lambda ms: ms / 1000))
def test_a_shown_duration_reads_back(seconds: float) -> None:
    assert parse_duration(duration_text(seconds)) == pytest.approx(seconds, rel=1e-5)


def test_one_thing_is_not_said_to_be_several() -> None:
    assert [plural(number, "claim") for number in (0, 1, 31204)] == ["0 claims", "1 claim", "31,204 claims"]
    assert (plural(1, "process", "processes"), plural(2, "process", "processes")) == (
        "1 process",
        "2 processes",
    )
