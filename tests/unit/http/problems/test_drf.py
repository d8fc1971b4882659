"""REST framework's errors in the same one shape."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from rest_framework.test import APIClient

from mainstay.base.problemtypes import MEDIA_TYPE
from mainstay.http import unavailable
from mainstay.http.problems.drf import describe
from mainstay.observability import reports
from tests.unit.http.problems.conftest import BROWSER, JSON
from tests.unit.http.problems.project import API_ERRORS, SECRET

EXPECTED = {
    "bad": (400, "bad-request"),
    "suspicious": (400, "bad-request"),
    "multipart": (400, "malformed-body"),
    "client-left": (400, "incomplete-body"),
    "denied": (403, "forbidden"),
    "own-code": (403, "forbidden"),
    "missing": (404, "not-found"),
    "problem": (409, "seats-taken"),
    "throttled": (429, "too-many-requests"),
    "bug": (500, "internal-error"),
    "strange-status": (500, "internal-error"),
    "busy": (503, "unavailable"),
    "deadlock": (503, "unavailable"),
    "late": (504, "deadline-exceeded"),
    "odd-fields": (400, "invalid"),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_everything_is_a_problem(get, kind):
    answer = get(f"/api/fail/{kind}/")
    status, slug = EXPECTED[kind]
    assert (answer.status_code, answer["Content-Type"]) == (status, MEDIA_TYPE)
    body = answer.json()
    assert (body["type"], body["status"], body["request_id"]) == (f"/problems/{slug}", status, "abcd-1234")
    assert SECRET not in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"


def test_a_deadlock_in_a_view_of_rest_framework_is_counted_and_reported_once(get, monkeypatch):
    told = []
    monkeypatch.setattr(reports, "report_failure", told.append)
    before = counted()
    assert get("/api/fail/deadlock/")["Retry-After"] == "1"
    assert (counted() - before, len(told)) == (1, 1)


def counted() -> float:
    return next(each.value for each in unavailable.figures() if each.labels == (("reason", "deadlock"),))


def test_waiting_is_told_in_whole_seconds(get):
    assert get("/api/fail/throttled/")["Retry-After"] == "4"


def test_a_code_of_one_s_own_is_a_member(get):
    body = get("/api/fail/own-code/").json()
    assert (body["code"], body["detail"]) == ("closed", "Not today.")


def test_unserialisable_members_become_text(get):
    body = get("/api/fail/problem/").json()
    assert (body["strange"], body["number"]) == ("<Unwritable>", "nan")


def test_what_renders_pages_keeps_doing_so(get):
    answer = get("/api/fail/denied/", BROWSER)
    assert answer.status_code == 403
    assert answer["Content-Type"] == "text/html"
    assert answer.content == b"<p>/problems/forbidden</p>"


def test_credentials_that_are_missing_or_wrong(get):
    answer = get("/api/closed/")
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-authenticated")
    assert answer["WWW-Authenticate"] == 'Basic realm="api"'
    answer = get("/api/closed/", {**JSON, "Authorization": "Basic nonsense"})
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/authentication-failed")
    answer = get("/api/closed-by-cookie/")  # which has no scheme to name, so it is a 403
    assert (answer.status_code, answer.json()["status"]) == (403, 403)


def mistakes(body: object, kind: str = "application/json") -> list[tuple[str, str]]:
    sent = body if isinstance(body, str) else json.dumps(body)
    answer = Client().post("/api/wishes/", sent, kind, headers=JSON)
    assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE)
    body = answer.json()
    assert body["type"] == "/problems/invalid"
    assert all(each["detail"] for each in body["errors"])
    return [(each["pointer"], each["code"]) for each in body["errors"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/seats", "required")]),
        ({"seats": 3}, [("/seats", "not_a_list")]),
        ({"seats": []}, [("/seats", "min_length")]),
        ({"seats": [1, "x", None]}, [("/seats/1", "invalid"), ("/seats/2", "null")]),
        ({"seats": [13]}, [("", "unlucky")]),
        ([], [("", "invalid")]),
        (7, [("", "invalid")]),
        ({"seats": [1], "row": {"number": 0}}, [("/row/number", "min_value")]),
        ({"seats": [1], "row": 5}, [("/row", "invalid")]),
        (
            {"seats": [1], "rows": [{"number": 1}, {}, {"number": "x"}]},
            [("/rows/1/number", "required"), ("/rows/2/number", "invalid")],
        ),
        ({"seats": [1], "rows": {}}, [("/rows", "not_a_list")]),
        ({"seats": [1], "rows": [5]}, [("/rows/0", "invalid")]),
    ],
)
def test_fields_are_pointed_at(body, expected):
    assert mistakes(body) == expected


def test_names_are_escaped_in_pointers():
    pointers = [each["pointer"] for each in describe(API_ERRORS["odd-fields"]()).as_json()["errors"]]
    assert pointers == ["/a~1b~0c/1/x", "/"]


@pytest.mark.parametrize(
    "body", ["{", '{"seats": [1', "", "\x00", "nul", '{"seats": [1]}}', '{"seats": NaN}', b"\xff\xfe\x00"]
)  # fmt: skip
def test_truncated_and_broken_json(body):
    answer = Client().post("/api/wishes/", body, "application/json", headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["type"] in ("/problems/malformed-body", "/problems/invalid")


def test_a_content_type_that_nobody_reads():
    answer = Client().post("/api/wishes/", "<a/>", "application/xml", headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


def test_a_wrong_method_and_a_form_that_nobody_speaks():
    client = APIClient()
    answer = client.delete("/api/wishes/", headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")
    assert "POST" in answer["Allow"]
    answer = client.post("/api/wishes/", {"seats": [1]}, format="json", headers={"Accept": "text/turtle"})
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")
