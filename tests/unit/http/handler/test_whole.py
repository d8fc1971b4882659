"""
The short way from the fast handler to the entrance: an answer in one piece.

Whatever the answer, a client and the access line see what they see by the long way, which is
taken as soon as anything stands between the two.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import get_script_prefix, path

from mainstay.base.deadline import current_deadline
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance import access
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.reply import Reply
from mainstay.http.exchange import Exchange
from mainstay.http.handler import FastASGIHandler
from mainstay.http.handler.asgi import _has_own_thread, _has_worked
from mainstay.http.options import Options
from tests.unit.http.calling import Answer, call_asgi
from tests.unit.http.handler.test_identity import DEFAULT, SETTINGS


async def plain(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("plain", headers={"X-Kind": "plain"})
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


async def named(request: HttpRequest) -> HttpResponse:
    return HttpResponse("named", headers={"X-Request-Id": "of-the-project"})


async def missing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("", status=404)


async def broken(request: HttpRequest) -> HttpResponse:
    return HttpResponse("mine", status=500)


async def late(request: HttpRequest) -> HttpResponse:
    deadline = current_deadline()
    assert deadline is not None
    deadline.exceeded = True
    return HttpResponse("says that it was stopped", status=500)


async def events(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"data: x\n\n", content_type="text/event-stream")


async def streaming(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> Any:
        yield b"one"
        yield b"two"

    return StreamingHttpResponse(parts())


async def large(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"x" * (FastASGIHandler.chunk_size + 1))


SEEN: dict[str, Any] = {}


def sync(request: HttpRequest) -> HttpResponse:
    SEEN.update(thread=threading.current_thread(), context=SyncToAsync.thread_sensitive_context.get())
    return HttpResponse(f"sync below {get_script_prefix()}")


VIEWS = (plain, named, missing, broken, late, events, streaming, large, sync)
urlpatterns = [path(f"{view.__name__}/", view) for view in VIEWS]


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    SEEN.clear()
    with override_settings(
        **{**SETTINGS, "ROOT_URLCONF": __name__, "MIDDLEWARE": DEFAULT, "ALLOWED_HOSTS": ["*"]}
    ):
        yield


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Status and size of every request that was written down."""
    written: list[tuple[int, int]] = []
    finish = access.finish

    def note(exchange: Exchange) -> None:
        written.append((exchange.status, exchange.sent))
        finish(exchange)

    monkeypatch.setattr(access, "finish", note)
    return written


def entrance(application: Any, *, draining: bool = False) -> AsgiEntrance:
    process = Lifecycle()
    if draining:
        process.drain()
    return AsgiEntrance(application, process=process, options=Options(deadline=30.0))


def in_between(application: Any) -> Any:
    """A layer of the project's own, which wraps ``send``."""

    async def layer(scope: Any, receive: Any, send: Any) -> None:
        async def passed_on(message: Any) -> None:
            await send(message)

        await application(scope, receive, passed_on)

    return layer


def comparable(answer: Answer) -> tuple[Any, ...]:
    """Everything but the id, which each request has of its own."""
    headers = dict(answer.headers)
    own = headers.pop("x-request-id")
    return answer.status, headers, answer.body.replace(own.encode(), b"")


@pytest.mark.parametrize("view", [view.__name__ for view in VIEWS])
@pytest.mark.parametrize("draining", [False, True])
async def test_both_ways_give_the_same(view: str, draining: bool, lines: list[tuple[int, int]]) -> None:
    short = await call_asgi(entrance(FastASGIHandler(), draining=draining), f"/{view}/")
    long = await call_asgi(entrance(in_between(FastASGIHandler()), draining=draining), f"/{view}/")
    assert comparable(short) == comparable(long)
    assert len(short.headers["x-request-id"]) == len(long.headers["x-request-id"]) == 36
    assert (short.headers.get("connection") == "close") is draining
    assert lines[0] == lines[1] == (short.status, len(short.body))


async def test_a_stop_at_the_deadline_is_504() -> None:
    assert (await call_asgi(entrance(FastASGIHandler()), "/late/")).status == 504


async def test_an_id_that_the_project_has_set_is_no_second_one() -> None:
    names: list[bytes] = []
    outer = entrance(FastASGIHandler())

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            names.extend(name.lower() for name, _ in message.get("headers", ()))
            await send(message)

        await outer(scope, receive, note)

    await call_asgi(noting, "/named/")
    assert names.count(b"x-request-id") == 1


async def test_what_stands_in_between_sees_every_message(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    whole = Reply._mainstay_send_whole

    async def noted(self: Reply, status: int, headers: Any, body: bytes) -> None:
        taken.append(status)
        await whole(self, status, headers, body)

    monkeypatch.setattr(Reply, "_mainstay_send_whole", noted)
    await call_asgi(entrance(in_between(FastASGIHandler())), "/plain/")
    assert taken == []
    await call_asgi(entrance(FastASGIHandler()), "/plain/")
    assert taken == [200]


async def test_the_place_is_given_back_before_the_answer_is_sent() -> None:
    """A client that reads slowly holds no place."""
    outer = entrance(FastASGIHandler())
    seen: list[int] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            seen.append(outer._admission.in_flight)
            await send(message)

        await outer(scope, receive, note)

    assert (await call_asgi(noting, "/plain/")).status == 200
    assert seen == [0, 0]


async def test_a_thread_of_a_request_ends_with_it() -> None:
    assert (await call_asgi(FastASGIHandler(), "/sync/")).body == b"sync below /"
    assert SyncToAsync.thread_sensitive_context.get(None) is None
    assert SEEN["context"] not in SyncToAsync.context_to_thread_executor
    assert not SEEN["thread"].is_alive()


async def test_a_context_that_is_there_already_is_kept() -> None:
    async with ThreadSensitiveContext() as context:
        assert (await call_asgi(FastASGIHandler(), "/sync/")).status == 200
        assert SyncToAsync.thread_sensitive_context.get() is context
        assert _has_worked()


async def test_a_prefix_is_forgotten_by_the_next_request_of_the_same_task() -> None:
    async def below(scope: Any, receive: Any, send: Any) -> None:
        await FastASGIHandler()({**scope, "root_path": "/shop", "path": "/shop/sync/"}, receive, send)

    assert (await call_asgi(below, "/sync/")).body == b"sync below /shop/"
    assert (await call_asgi(FastASGIHandler(), "/sync/")).body == b"sync below /"


def test_sync_code_that_calls_the_application_gets_its_views_back_in_its_thread() -> None:
    """As a test client does; a thread of its own would see no transaction of the caller's."""
    caller = threading.Thread(target=lambda: async_to_sync(call_asgi)(FastASGIHandler(), "/sync/"))
    caller.start()
    caller.join()
    assert SEEN["thread"] is caller


def test_a_thread_of_a_caller_is_not_taken_for_the_requests_own() -> None:
    """Whose connections are looked after depends on it."""

    async def ask() -> bool:
        async with ThreadSensitiveContext():
            return _has_own_thread()

    assert asyncio.run(ask())
    assert not async_to_sync(ask)()
