from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from mainstay.base.errors import InvalidInput
from mainstay.http import options


def test_defaults_stand_without_the_setting() -> None:
    assert options.read().native is True
    assert options.read().adapted == ()


@override_settings(MAINSTAY={"http": {"native": False}})
def test_what_is_set_is_read_late() -> None:
    assert options.read().native is False


@override_settings(MAINSTAY={"http": {"nativ": False, "adapted": "one.Middleware"}})
def test_every_mistake_is_named_at_once_with_the_nearest_key() -> None:
    with pytest.raises(InvalidInput) as caught:
        options.read()

    first, second = caught.value.problems
    assert (first.id, first.path, first.hint) == (
        "http.unknown-option",
        'MAINSTAY["http"]["nativ"]',
        "did you mean 'native'?",
    )
    assert second.path == 'MAINSTAY["http"]["adapted"]'
    assert second.found == "'one.Middleware'"


@pytest.mark.parametrize("value", [{"http": []}, [], None, {"http": None}])
def test_a_section_that_is_no_dictionary_is_refused(value: Any) -> None:
    with override_settings(MAINSTAY=value), pytest.raises(InvalidInput, match=r"http\.bad-option"):
        options.read()


def test_a_running_system_says_how_long_a_request_may_take_and_the_settings_may_say_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAINSTAY_REQUEST_TIMEOUT", "20")
    assert options.parse({}).deadline == 20.0
    assert options.parse({"http": {"deadline": 2}}).deadline == 2
