"""What single values may look like, and what is said of those that do not fit."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.shapes import Choice, Duration, Flag, Integer, Shape, Size, Spot, Text, describe, join_path

DAY = datetime.date(2026, 1, 2)
SHAPES: list[Shape[Any]] = [
    Flag(),
    Integer(1, 9),
    Text("lower-case letters", pattern="[a-z]+"),
    Choice("auto", "nginx"),
    Duration(0.01, 60),
    Size(1, 1024),
]


def read(shape: Shape[Any], value: object) -> tuple[Any, list[str]]:
    spot = Spot("file.toml", "test", "key")
    got = shape.read(value, spot)
    return got, [problem.id for problem in spot.problems]


@pytest.mark.parametrize(
    ("shape", "value", "expected"),
    [
        (Flag(), False, False),
        (Integer(1, 9), 9, 9),
        (Text(), "", ""),
        (Choice("auto", "nginx"), "nginx", "nginx"),
        (Duration(0.01, 60), "500ms", 0.5),
        (Duration(0.01, 60), 2, 2.0),
        (Size(1, 2**20), "1 KiB", 1024),
        (Size(1, 2**20), 7, 7),
    ],
)
def test_a_fitting_value_is_read(shape: Shape[Any], value: object, expected: object) -> None:
    assert read(shape, value) == (expected, [])


@pytest.mark.parametrize(
    ("shape", "value", "problem"),
    [
        (Flag(), 1, "wrong-type"),
        (Integer(1, 9), True, "wrong-type"),
        (Integer(1, 9), 2.0, "wrong-type"),
        (Integer(1, 9), 10, "out-of-range"),
        pytest.param(Integer(0, 9), 10**5000, "out-of-range", id="huge"),
        (Text(), "a\0b", "bad-value"),
        (Text(pattern="[a-z]+"), "abc\n", "bad-value"),
        (Choice("auto", "nginx"), "ngnix", "bad-value"),
        (Choice("auto", "nginx"), 5, "wrong-type"),
        (Duration(0.01, 60), True, "wrong-type"),
        (Duration(0.01, 60), "5 sec", "bad-value"),
        (Duration(0.01, 60), "2h", "out-of-range"),
        (Duration(0.01, 60), float("nan"), "out-of-range"),
        (Duration(0.01, 60), float("inf"), "out-of-range"),
        (Size(1, 1024), 1.5, "wrong-type"),
        (Size(1, 1024), "10 M", "bad-value"),
        (Size(1, 1024), "1 MiB", "out-of-range"),
    ],
)
def test_a_value_that_does_not_fit_is_one_problem(shape: Shape[Any], value: object, problem: str) -> None:
    assert read(shape, value) == (None, [f"test.{problem}"])


def test_a_misspelt_word_names_the_nearest() -> None:
    spot = Spot("file.toml", "test", "edge.engine")
    Choice("auto", "haproxy", "nginx").read("ngnix", spot)
    (problem,) = spot.problems

    assert (problem.path, problem.hint) == ("edge.engine", "did you mean 'nginx'?")
    assert problem.expected == '"auto" or "haproxy" or "nginx"'
    assert problem.found == "'ngnix' (text)"


@given(
    st.sampled_from(SHAPES),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists),
)
def test_reading_never_raises_and_reports_exactly_what_it_refuses(shape: Shape[Any], value: object) -> None:
    got, problems = read(shape, value)

    assert (got is None) == (len(problems) == 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true (a boolean)"),
        (3, "3 (a whole number)"),
        (1.5, "1.5 (a number)"),
        ("x", "'x' (text)"),
        ([], "an empty list"),
        ([1, 2], "a list of 2"),
        ({}, "an empty table"),
        ({"a": 1}, "a table"),
        (DAY, "2026-01-02 (a date)"),
    ],
)
def test_values_are_described_in_plain_words(value: object, text: str) -> None:
    assert describe(value) == text


def test_long_values_are_cut() -> None:
    assert len(describe("x" * 10_000)) < 100
    assert len(describe(10**5000)) < 100


@pytest.mark.parametrize(
    ("parent", "name", "path"),
    [("", "a", "a"), ("a", "b-1", "a.b-1"), ("a", "b c", 'a."b c"'), ("a", 'q"', 'a."q\\""'), ("", "", '""')],
)
def test_paths_are_written_as_toml_would(parent: str, name: str, path: str) -> None:
    assert join_path(parent, name) == path
