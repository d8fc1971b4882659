"""What the edge says by itself: a problem for programs, a page for people, the request's id in both."""

from __future__ import annotations

import pytest

from mainstay.ops.engines.policy import PAGES
from tests.conformance.edge import talk
from tests.conformance.edge.stage import Stage

BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ID = "from-the-client-1"
# A 400 is missing here: nginx refuses a request line before it has read a header, so it knows neither Accept nor id.
WAYS = {
    404: ("/metrics", "GET", b""),
    413: ("/", "POST", b"x" * 200_001),
    502: ("/?do=break&limit=problems", "POST", b"buy"),
}


@pytest.mark.parametrize(
    "accept", ["Accept: */*", "Accept: application/json", BROWSER + ", application/json;q=0.1"]
)
@pytest.mark.parametrize("status", WAYS)
def test_programs_get_a_problem(calm: Stage, status: int, accept: str) -> None:
    target, method, body = WAYS[status]
    answer = talk.request(calm.address, target, accept, f"X-Request-ID: {ID}", method=method, body=body)
    assert answer.is_problem(status)
    assert answer.json()["type"] == f"/problems/{PAGES[status].kind.slug}"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == ID
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("status", WAYS)
def test_people_get_a_page(calm: Stage, status: int) -> None:
    target, method, body = WAYS[status]
    answer = talk.request(calm.address, target, BROWSER, f"X-Request-ID: {ID}", method=method, body=body)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert answer.body.decode() == PAGES[status].html(ID)
    assert answer.headers["x-request-id"] == ID


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"},{"', "a" * 500, "%[src]", "$host"])
def test_an_id_that_is_none_is_not_repeated(calm: Stage, hostile: str) -> None:
    for accept in ("Accept: */*", BROWSER):
        answer = talk.request(calm.address, "/metrics", accept, f"X-Request-ID: {hostile}")
        assert hostile not in answer.body.decode()
        assert answer.headers["x-request-id"] in answer.body.decode()


def test_what_a_replica_answers_is_left_alone(calm: Stage) -> None:
    for accept in ("Accept: */*", BROWSER):
        answer = talk.request(calm.address, "/?do=status&code=503", accept)
        assert answer.headers["content-type"] == "application/json"
