from __future__ import annotations

import pytest

from mainstay.base import environment
from mainstay.base.errors import InvalidInput


def test_empty_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "")
    assert environment.text("X", "default") == "default"
    assert environment.whole("X", 3) == 3
    assert environment.number("X", 0.5) == 0.5
    assert environment.listed("X") == ()


def test_lists_are_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", " a, ,b,")
    assert environment.listed("X") == ("a", "b")


@pytest.mark.parametrize("value", ["x", "-1", "inf", "nan"])
def test_bad_number_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(InvalidInput) as error:
        environment.number("X", 1)
    assert (error.value.problems[0].path, error.value.problems[0].found) == ("X", repr(value))


@pytest.mark.parametrize("value", ["x", "0", "1.5"])
def test_bad_count_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(InvalidInput):
        environment.whole("X", 1)
