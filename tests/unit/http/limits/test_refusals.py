"""Refusals are filled-in forms; nobody may be able to tell them from problems made one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings

from mainstay.base.context import REQUEST_ID
from mainstay.http.limits import fields, refusals
from mainstay.http.limits.engine import UNKNOWN, Decision
from mainstay.http.limits.refusals import refusal
from mainstay.http.problems.responses import respond

POLICIES = '"a";q=5;w=60'
STATES = '"a";r=0;t=12'
REFUSED = Decision(False, 0, 11.2, False)
GONE = Decision(False, UNKNOWN, 1.0, True)


def refused(decision: Decision = REFUSED, states: str = STATES, accept: str = "*/*") -> HttpResponse:
    return refusal(RequestFactory().get("/", headers={"Accept": accept}), decision, '"a"', POLICIES, states)


def one_by_one(decision: Decision, states: str, accept: str) -> HttpResponse:
    wait = fields.seconds(decision.wait)
    status = 503 if decision is GONE else 429
    request = RequestFactory().get("/", headers={"Accept": accept})
    response = respond(request, refusals._problem(status, wait, '"a"'))
    fields.write(response, POLICIES, states)
    return response


@pytest.mark.parametrize("identity", ["", "01890a5d-ac96-774b-bcce-b302099a8057", 'odd"\\id', "é"])
@pytest.mark.parametrize("decision", [REFUSED, GONE, Decision(False, 0, 0.2, False)])
@pytest.mark.parametrize("states", [STATES, ""])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_a_form_that_is_filled_in_is_what_would_be_made(
    identity: str, decision: Decision, states: str, accept: str
) -> None:
    token = REQUEST_ID.set(identity)
    try:
        for _ in range(2):
            found, expected = (make(decision, states, accept) for make in (refused, one_by_one))
            assert found.content == expected.content
            assert list(found.headers.items()) == list(expected.headers.items())
            assert (found.status_code, found.reason_phrase) == (expected.status_code, expected.reason_phrase)
            assert found.charset == expected.charset
    finally:
        REQUEST_ID.reset(token)


def test_each_has_the_id_of_its_own_request() -> None:
    told = []
    for identity in ("first-request", "second-request"):
        token = REQUEST_ID.set(identity)
        told.append(json.loads(refused().content)["request_id"])
        REQUEST_ID.reset(token)
    assert told == ["first-request", "second-request"]


def test_nothing_that_can_change_is_shared() -> None:
    """Middleware adds headers and cookies to an answer; they must not show up in somebody else's."""
    first, second = refused(), refused()
    plain = str | int | bool | None
    shared = {name for name, value in vars(first).items() if vars(second)[name] is value}
    assert all(isinstance(vars(first)[name], plain) for name in shared)
    assert set(refusals._OWN) & shared == set()
    first["X-Mine"] = "1"
    first.set_cookie("mine", "1")
    first.content = b"mine"
    first._resource_closers.append(first.flush)  # type: ignore[attr-defined]
    for other in (second, refused()):
        assert "X-Mine" not in other
        assert not other.cookies
        assert b"mine" not in other.content
        assert not other._resource_closers  # type: ignore[attr-defined]


def test_it_is_a_response_like_any_other() -> None:
    response: Any = refused()
    assert (type(response), response.closed, response.streaming) == (HttpResponse, False, False)
    assert b"".join(response) == response.content == response.getvalue()
    assert response.serialize().endswith(response.content)


def test_another_base_of_the_types_is_seen() -> None:
    assert json.loads(refused().content)["type"].startswith("/problems/")
    with override_settings(MAINSTAY={"http": {"problem_base": "https://example.com/e/"}}):
        assert json.loads(refused().content)["type"].startswith("https://example.com/e/")
    assert json.loads(refused().content)["type"].startswith("/problems/")


def test_forms_are_bounded() -> None:
    for wait in range(3 * refusals.FORMS_MAX):
        refused(Decision(False, 0, float(wait), False))
    assert len(refusals._forms) <= refusals.FORMS_MAX
