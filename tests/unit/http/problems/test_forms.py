"""A form that is filled in cannot be told from a problem that is written anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.test import override_settings

from mainstay.base.context import REQUEST_ID
from mainstay.http.entrance import answers
from mainstay.http.problems import Problem
from mainstay.http.problems.forms import STAND_IN, Form


@contextmanager
def request_called(identity: str) -> Iterator[None]:
    token = REQUEST_ID.set(identity)
    try:
        yield
    finally:
        REQUEST_ID.reset(token)


@pytest.mark.parametrize(
    "identity", ["", "01890a5d-ac96-774b-bcce-b302099a8057", 'odd"\\id\n', "é", STAND_IN]
)
@pytest.mark.parametrize(
    "problem", [Problem(503, "overloaded"), Problem(429, detail=f"not {STAND_IN}", after=[1, "é"])]
)
def test_it_is_what_would_be_written(problem: Problem, identity: str) -> None:
    with request_called("made-while-this-was-asked"):
        form = Form(problem)
    with request_called(identity):
        assert form.body() == problem.body()


def test_an_answer_of_the_entrance_has_the_id_of_its_own_request() -> None:
    for identity in ("first-request", "second-request"):
        with request_called(identity):
            assert answers.overloaded().body == Problem(503, "overloaded").body()


def test_an_answer_of_the_entrance_follows_the_base_of_the_types() -> None:
    before = answers.overloaded().body
    with override_settings(MAINSTAY={"http": {"problem_base": "https://example.com/e/"}}):
        assert b"https://example.com/e/overloaded" in answers.overloaded().body
    assert answers.overloaded().body == before
