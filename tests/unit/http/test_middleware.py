"""What only Django can tell the outermost layer, where no server and no database is needed to see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import urls
from django.db.utils import OperationalError
from django.http import Http404, HttpResponseNotAllowed
from django.http.request import UnreadablePostError
from django.test import RequestFactory
from psycopg.errors import DeadlockDetected
from psycopg_pool import PoolTimeout

from mainstay.base.deadline import DeadlineExceeded
from mainstay.http import middleware
from mainstay.http.middleware import EntranceMiddleware
from mainstay.http.problems import handlers
from mainstay.observability import reports


def caused(by: Exception) -> Exception:
    error = OperationalError("the pool says no")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "status", "is_reported"),
    [
        (caused(PoolTimeout("none was free")), 503, True),
        (caused(DeadlockDetected("deadlock detected")), 503, True),
        (DeadlineExceeded(), 504, False),
        (UnreadablePostError("the client left"), 400, False),
    ],
)
def test_only_what_the_database_is_behind_is_shown_to_the_reports(
    monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, is_reported: bool
) -> None:
    told: list[BaseException] = []
    monkeypatch.setattr(reports, "report_failure", told.append)
    answer = EntranceMiddleware(lambda _: None).process_exception(RequestFactory().get("/"), error)
    assert answer is not None
    assert answer.status_code == status
    assert told == ([error] if is_reported else [])


@pytest.mark.parametrize("error", [ValueError("a fault of the code"), Http404("Shop.Order 7")])
def test_what_is_an_error_of_its_own_is_left_to_django(error: Exception) -> None:
    assert EntranceMiddleware(lambda _: None).process_exception(RequestFactory().get("/"), error) is None


def test_no_header_of_a_body_that_was_replaced_stays() -> None:
    response = HttpResponseNotAllowed(["POST"], headers={"X-Shop": "1"})
    for name in ("Content-Encoding", "ETag", "Content-Language", "Last-Modified"):
        response[name] = "of the other body"
    response["Content-Length"] = "0"
    response.set_cookie("kept", "1")
    answer: Any = middleware.settle(RequestFactory().get("/"), response)
    assert "of the other body" not in answer.headers.values()
    assert (answer["Allow"], answer["X-Shop"], answer.cookies["kept"].value) == ("POST", "1", "1")
    assert answer["Content-Length"] == str(len(answer.content))


def test_who_has_put_handlers_of_its_own_behind_django_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    own = object()
    monkeypatch.setattr(urls, "handler404", own)
    handlers.install()
    assert urls.handler404 is own
