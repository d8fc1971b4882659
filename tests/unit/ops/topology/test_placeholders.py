"""Placeholders in environment variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.topology.placeholders import fill, names

ADDRESSES = {"valkey.url": "redis://127.0.0.1:1/0", "service.orders.url": "http://127.0.0.1:2"}


def test_placeholders_become_addresses() -> None:
    text = "a={valkey.url}&b={service.orders.url}"

    assert names(text) == ("valkey.url", "service.orders.url")
    assert fill(text, ADDRESSES) == "a=redis://127.0.0.1:1/0&b=http://127.0.0.1:2"


def test_doubled_braces_are_plain_ones() -> None:
    assert names('{{"a": 1}}') == ()
    assert fill('{{"a": "{valkey.url}"}}', ADDRESSES) == '{"a": "redis://127.0.0.1:1/0"}'


@pytest.mark.parametrize("text", ["{", "}", "{valkey.url", "{valkey.url!r}", "{valkey.url:>5}", '{"a": 1}'])
def test_anything_else_with_braces_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        names(text)


@given(st.text())
def test_any_text_can_be_written_by_doubling_braces(text: str) -> None:
    assert fill(text.replace("{", "{{").replace("}", "}}"), {}) == text
