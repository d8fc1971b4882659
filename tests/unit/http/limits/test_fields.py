from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from mainstay.http.limits import fields
from mainstay.http.limits.engine import UNKNOWN, Decision
from mainstay.http.limits.rate import Rate

STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
PARAMETER = r";[a-z*][a-z0-9_.*-]*=-?\d{1,15}"
LIST = re.compile(rf"{STRING}(?:{PARAMETER})+(?:, {STRING}(?:{PARAMETER})+)*")
"""A list of strings with whole numbers as parameters, as RFC 9651 spells it (3.1, 3.3.1, 3.3.3)."""


def test_a_policy_is_the_quota_and_its_window() -> None:
    assert fields.policy("sign-in", Rate(5, 60, 5)) == '"sign-in";q=5;w=60'
    assert (
        fields.policy("100/m burst 20", Rate(100, 60, 20)) == '"100/m burst 20";q=100;w=60;mainstay-burst=20'
    )


@pytest.mark.parametrize(
    ("decision", "item"),
    [
        (Decision(True, 99, 0.6, False), '"a";r=99;t=1'),
        (Decision(True, 3, 86.4, False), '"a";r=3;t=87'),
        (Decision(False, 0, 12.0, False), '"a";r=0;t=12'),
        (Decision(True, UNKNOWN, 0.0, True), ""),
    ],
)
def test_the_state_is_what_is_left_and_for_how_long(decision: Decision, item: str) -> None:
    assert fields.state(fields.quoted("a"), decision) == item


@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.integers(1, 10**9), st.integers(1, 10**7), st.floats(0, 1e7)),
        min_size=1,
    )
)
def test_whatever_the_name_the_fields_can_be_parsed(rows: list[tuple[str, int, int, float]]) -> None:
    policies = ", ".join(
        fields.policy(name, Rate(limit, period, limit + 1)) for name, limit, period, _ in rows
    )
    states = ", ".join(
        fields.state(fields.quoted(name), Decision(True, limit, wait, False)) for name, limit, _, wait in rows
    )
    response = HttpResponse()
    fields.write(response, policies, states)
    assert LIST.fullmatch(response["RateLimit-Policy"])
    assert LIST.fullmatch(response["RateLimit"])


def test_a_limit_further_in_keeps_its_fields() -> None:
    response = HttpResponse()
    fields.write(response, '"in";q=1;w=1', '"in";r=1;t=1')
    fields.write(response, '"out";q=2;w=2', '"out";r=2;t=2')
    assert response["RateLimit-Policy"] == '"out";q=2;w=2, "in";q=1;w=1'
    assert response["RateLimit"] == '"out";r=2;t=2, "in";r=1;t=1'


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_a_plain_name_survives_quotation(name: str) -> None:
    assert fields.unquoted(fields.quoted(name)) == name
