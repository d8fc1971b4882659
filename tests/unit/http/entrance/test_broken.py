"""Applications that fail in ways that no application catches: the client is told, and so is the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mainstay.base.context import request_id
from mainstay.base.deadline import DEADLINE
from mainstay.base.tracecontext import current_trace
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.options import Options
from tests.unit.http.calling import PEER, call_wsgi


class Died(BaseException):
    """Of nobody's family."""


errors = pytest.mark.parametrize(
    "error", [RuntimeError, Died, SystemExit, KeyboardInterrupt, asyncio.CancelledError]
)


def lines(caplog: pytest.LogCaptureFixture, logger: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == logger]


async def call_until_it_raises(application: Any) -> tuple[list[dict[str, Any]], BaseException | None]:
    """What was sent until then; a task of its own would let some of these errors out of the loop."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "client": (PEER, 1)}
    try:
        await application({**scope, "headers": [(b"host", b"shop")]}, receive, send)
    except BaseException as error:
        return sent, error
    return sent, None


@errors
async def test_asgi_whatever_an_application_raises_is_a_problem(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise error

    caplog.set_level(logging.INFO)
    sent, raised = await call_until_it_raises(AsgiEntrance(application, process=Lifecycle()))

    assert isinstance(raised, error), "the server writes it down"
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], headers[b"content-type"]) == (500, b"application/problem+json")
    assert b"x-request-id" in headers
    assert request_id().encode() == headers[b"x-request-id"], "the server's line carries it"
    assert current_trace() is not None
    (line,) = [record for record in caplog.records if record.name == "mainstay.access"]
    assert vars(line)["status"] == 500, "it was not the client who left"


async def test_asgi_who_is_cancelled_from_outside_sends_nothing() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(call_until_it_raises(AsgiEntrance(application, process=Lifecycle())))
    await asyncio.sleep(0)
    task.cancel()
    sent, raised = await task
    assert sent == []
    assert isinstance(raised, asyncio.CancelledError)


@errors
@pytest.mark.parametrize("begun", [False, True])
def test_wsgi_whatever_an_application_raises_is_a_problem(
    error: type[BaseException], begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Also once it has called ``start_response``: nothing is sent before the first piece of the body."""

    def application(environ: Any, start_response: Callable[..., Any]) -> Any:
        if begun:
            start_response("200 OK", [("X-Own", "1")])
        raise error

    answer = call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/")
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "x-request-id" in answer.headers
    assert "x-own" not in answer.headers
    assert lines(caplog, "mainstay.http") == ["the application raised"]


def test_wsgi_a_body_that_is_no_stream_after_all_is_a_problem_and_closed() -> None:
    """Django reads an async generator at once under WSGI, and that may raise."""
    closed: list[bool] = []

    class Body:
        streaming = True

        def __iter__(self) -> Iterator[bytes]:
            raise RuntimeError

        def close(self) -> None:
            closed.append(True)

    def application(environ: Any, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return Body()

    assert call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/").status == 500
    assert closed == [True]


def test_wsgi_an_answer_that_breaks_off_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """granian ends it as if it were whole and says nothing, so that nobody would ever know."""

    def application(environ: Any, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"1"
        raise RuntimeError("the table is gone")

    with pytest.raises(RuntimeError):
        call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/")
    (record,) = [record for record in caplog.records if record.name == "mainstay.http"]
    assert record.getMessage() == "an answer broke off while it was sent"
    assert record.exc_info is not None


def test_wsgi_a_whole_answer_arrives_although_its_end_fails(caplog: pytest.LogCaptureFixture) -> None:
    """As with every other server, where a receiver of ``request_finished`` fails after the answer was sent."""

    class Body(list[bytes]):
        def close(self) -> None:
            raise RuntimeError

    def application(environ: Any, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return Body([b"whole"])

    answer = call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/")
    assert (answer.status, answer.body) == (200, b"whole")
    assert lines(caplog, "mainstay.http") == ["an answer could not be closed"]


def test_wsgi_an_application_stopped_at_its_deadline_says_so_in_one_piece() -> None:
    def application(environ: Any, start_response: Callable[..., Any]) -> Any:
        deadline = DEADLINE.get()
        assert deadline is not None
        deadline.exceed()

    options = Options(deadline=60.0)
    answer = call_wsgi(WsgiEntrance(application, process=Lifecycle(), options=options), "/")
    assert answer.status == 504
    assert int(answer.headers["content-length"]) == len(answer.body)
