"""A status that no answer can end with is a 500 in its place, and a line that names the view, on either interface."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.options import Options
from tests.unit.http.calling import Answer, call_asgi, call_wsgi

LINE = "the view tickets answered with the status {}, which no answer can end with; it is sent as 500"

odd = pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 199, 600, 999, 1000])
sound = pytest.mark.parametrize("status", [200, 204, 304, 404, 499, 500, 599])


def tickets(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("tickets/", tickets, name="tickets")]


@pytest.fixture(autouse=True)
def _project() -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__):
        yield


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "mainstay.http"]


def noted(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The statuses of the access lines."""
    return [vars(record)["status"] for record in caplog.records if record.name == "mainstay.access"]


async def ask_asgi(status: Any, whole: bool = False) -> Answer:
    headers = [(b"content-length", b"3"), (b"x-own", b"1")]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if whole:
            await send.__self__._mainstay_send_whole(status, headers, b"odd")
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await send({"type": "http.response.body", "body": b"dd"})

    return await call_asgi(AsgiEntrance(application, process=Lifecycle()), "/tickets/")


def ask_wsgi(line: str, body: Any = None, **changes: Any) -> Answer:
    def application(environ: Any, start_response: Any) -> Any:
        start_response(line, [("Content-Length", "3"), ("X-Own", "1")])
        return [b"odd"] if body is None else body

    return call_wsgi(
        WsgiEntrance(application, process=Lifecycle(), options=Options()), "/tickets/", **changes
    )


def assert_is_problem(answer: Answer) -> None:
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert json.loads(answer.body)["status"] == 500
    assert "x-own" not in answer.headers


@odd
@pytest.mark.parametrize("whole", [False, True])
async def test_asgi_odd_status(status: int, whole: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert_is_problem(await ask_asgi(status, whole))
    assert told(caplog) == [LINE.format(status)]
    assert noted(caplog) == [500]


@sound
@pytest.mark.parametrize("whole", [False, True])
async def test_asgi_sound_status(status: int, whole: bool, caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask_asgi(status, whole)
    assert (answer.status, answer.headers["x-own"], answer.body) == (status, "1", b"odd")
    assert told(caplog) == []


@odd
def test_wsgi_odd_status(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert_is_problem(ask_wsgi(f"{status} Odd"))
    assert told(caplog) == [LINE.format(status)]
    assert noted(caplog) == [500]


@pytest.mark.parametrize("line", ["", "odd", "200.0 OK", "200OK"])
def test_wsgi_status_that_is_no_number(line: str, caplog: pytest.LogCaptureFixture) -> None:
    assert_is_problem(ask_wsgi(line))
    assert told(caplog) == [LINE.format(line.partition(" ")[0])]


@sound
def test_wsgi_sound_status(status: int, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask_wsgi(f"{status} Sound")
    assert (answer.status, answer.headers["x-own"], answer.body) == (status, "1", b"odd")
    assert told(caplog) == []


def test_wsgi_what_is_not_sent_is_closed_and_not_read() -> None:
    closed: list[bool] = []

    class Body:
        streaming = True

        def __iter__(self) -> Iterator[bytes]:
            raise AssertionError("it was read")

        def close(self) -> None:
            closed.append(True)

    assert_is_problem(ask_wsgi("999 Odd", Body()))
    assert closed == [True]


def test_wsgi_what_was_odd_may_be_put_right_before_it_is_sent() -> None:
    """As PEP 3333 has it: ``start_response`` again, with the error that came between."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("999 Odd", [])
        try:
            raise ValueError("x")
        except ValueError:
            start_response("418 Sound", [("X-Own", "1")], sys.exc_info())
        return [b"tea"]

    answer = call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/")
    assert (answer.status, answer.headers["x-own"], answer.body) == (418, "1", b"tea")


def test_a_browser_is_shown_a_page() -> None:
    answer = ask_wsgi("101 Switching Protocols", HTTP_ACCEPT="text/html")
    assert answer.status == 500
    assert answer.headers["content-type"].startswith("text/html")


def test_a_log_that_is_broken_keeps_nobody_from_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(record: logging.LogRecord) -> bool:
        raise RuntimeError("the log is broken")

    monkeypatch.setattr(logging.getLogger("mainstay.http"), "filters", [fail])
    assert_is_problem(ask_wsgi("999 Odd"))
    assert "the log is broken" in capsys.readouterr().err
