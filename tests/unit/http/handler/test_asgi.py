"""What the ASGI handler does with threads, bodies, prefixes and clients that leave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import SyncToAsync
from django.core.handlers.asgi import ASGIRequest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path, reverse

from mainstay.http.handler import FastASGIHandler
from mainstay.http.handler.asking import make_request
from tests.unit.http.handler.test_identity import DEFAULT, SETTINGS

SEEN: dict[str, Any] = {}


async def quick(request: HttpRequest) -> HttpResponse:
    return HttpResponse("quick")


def slow(request: HttpRequest) -> HttpResponse:
    SEEN["thread"] = threading.get_ident()
    return HttpResponse("slow")


def nothing_more(request: HttpRequest) -> HttpResponse:
    return HttpResponse(next(iter(())))


def nothing_more_to_render(request: HttpRequest) -> HttpResponse:
    class Late(HttpResponse):
        def render(self) -> HttpResponse:
            return next(iter(()))

    return Late()


async def waiting(request: HttpRequest) -> HttpResponse:
    SEEN["started"].set()
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        SEEN["cancelled"] = True
        raise
    return HttpResponse("late")


async def streaming(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> Any:
        try:
            for number in range(1000):
                SEEN["sent"] = number
                yield b"part"
                await asyncio.sleep(0.001)
        finally:
            SEEN["closed"] = True

    return StreamingHttpResponse(parts())


async def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    SEEN["file"] = file.temporary_file_path() if hasattr(file, "temporary_file_path") else ""
    return HttpResponse(f"{file.name} {file.size} {request.POST['word']}")


async def where(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.path} {request.path_info} {reverse('where')}")


urlpatterns = [
    path("quick/", quick),
    path("slow/", slow),
    path("nothing-more/", nothing_more),
    path("nothing-more-to-render/", nothing_more_to_render),
    path("waiting/", waiting),
    path("streaming/", streaming),
    path("upload/", upload),
    path("where/", where, name="where"),
]


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    SEEN.clear()
    with override_settings(**{**SETTINGS, "ROOT_URLCONF": __name__, "MIDDLEWARE": DEFAULT}):
        yield


def scope_of(url: str, headers: tuple[tuple[bytes, bytes], ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": url,
        "query_string": b"",
        "scheme": "http",
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 5),
        "headers": [(b"host", b"testserver"), *headers],
        **more,
    }


class Exchange:
    """One request to a handler, message by message."""

    def __init__(self, scope: dict[str, Any], *bodies: bytes) -> None:
        self.scope = scope
        self.sent: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for number, body in enumerate(bodies or (b"",), 1):
            more = number < len(bodies)
            self.incoming.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def run(self, handler: Any) -> bytes:
        await handler(self.scope, self.incoming.get, self.send)
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})


@pytest.fixture
def hops() -> Iterator[list[str]]:
    """Every change of thread, by the name of what is called there."""
    made: list[str] = []
    call = SyncToAsync.__call__

    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        made.append(getattr(self.func, "__name__", str(self.func)))
        return await call(self, *args, **kwargs)

    with mock.patch.object(SyncToAsync, "__call__", counted):
        yield made


@pytest.mark.parametrize("path", ["/nothing-more/", "/nothing-more-to-render/"])
async def test_next_without_an_end_is_an_error_and_not_a_wait_for_ever(path: str) -> None:
    """A future takes no StopIteration, so that who waits for the thread of the view is never told."""
    exchange = Exchange(scope_of(path))
    async with asyncio.timeout(30):
        await exchange.run(FastASGIHandler())
    assert exchange.sent[0]["status"] == 500


async def test_an_async_view_in_the_default_stack_changes_no_thread(hops: list[str]) -> None:
    assert await Exchange(scope_of("/quick/")).run(FastASGIHandler()) == b"quick"
    assert hops == []


async def test_the_entrance_middleware_changes_no_thread(hops: list[str]) -> None:
    with override_settings(MIDDLEWARE=["mainstay.http.middleware.EntranceMiddleware", *DEFAULT]):
        await Exchange(scope_of("/quick/")).run(FastASGIHandler())
    assert hops == []


async def test_a_sync_view_takes_one_change_of_thread_and_its_connections_are_closed_there(
    hops: list[str],
) -> None:
    assert await Exchange(scope_of("/slow/")).run(FastASGIHandler()) == b"slow"
    assert hops == ["_mainstay_call_view", "close"]
    assert SEEN["thread"] != threading.get_ident()


@pytest.mark.parametrize("signal", [request_started, request_finished])
async def test_a_receiver_that_may_block_is_called_in_a_thread(signal: Any) -> None:
    def receiver(**kwargs: Any) -> None:
        SEEN["thread"] = threading.get_ident()

    handler = FastASGIHandler()
    await Exchange(scope_of("/quick/")).run(handler)
    signal.connect(receiver)
    try:
        await Exchange(scope_of("/quick/")).run(handler)
    finally:
        signal.disconnect(receiver)

    assert SEEN["thread"] != threading.get_ident()


async def test_a_view_is_cancelled_when_its_client_leaves() -> None:
    SEEN["started"], finished = asyncio.Event(), []
    exchange = Exchange(scope_of("/waiting/"))
    request_finished.connect(lambda **kwargs: finished.append(1), weak=False, dispatch_uid="test")
    try:
        task = asyncio.create_task(exchange.run(FastASGIHandler()))
        await SEEN["started"].wait()
        exchange.leave()
        await asyncio.wait_for(task, 5)
    finally:
        request_finished.disconnect(dispatch_uid="test")

    assert SEEN["cancelled"]
    assert exchange.sent == []
    assert finished == [1]


async def test_a_stream_ends_when_its_client_leaves() -> None:
    exchange = Exchange(scope_of("/streaming/"))
    task = asyncio.create_task(exchange.run(FastASGIHandler()))
    while len(exchange.sent) < 4:
        await asyncio.sleep(0.001)
    exchange.leave()
    await asyncio.wait_for(task, 5)

    assert SEEN["closed"]
    assert SEEN["sent"] < 999


async def test_a_client_that_leaves_before_its_body_is_whole_reaches_no_view() -> None:
    exchange = Exchange(scope_of("/quick/"))
    exchange.incoming.get_nowait()
    exchange.incoming.put_nowait({"type": "http.request", "body": b"a", "more_body": True})
    exchange.leave()

    await exchange.run(FastASGIHandler())

    assert exchange.sent == []


@pytest.mark.parametrize("size", [10, 3_000_000])
async def test_uploads_arrive_whatever_their_size(size: int) -> None:
    boundary = b"--b\r\n"
    word = boundary + b'Content-Disposition: form-data; name="word"\r\n\r\nhello\r\n'
    file = boundary + b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"x" * size
    body = word + file + b"\r\n--b--\r\n"
    headers = (
        (b"content-type", b"multipart/form-data; boundary=b"),
        (b"content-length", str(len(body)).encode()),
    )
    scope = scope_of("/upload/", headers, method="POST")
    with override_settings(MIDDLEWARE=[]):
        answer = await Exchange(scope, body[:100], body[100:]).run(FastASGIHandler())

    assert answer == f"a.txt {size} hello".encode()
    assert bool(SEEN["file"]) == (size > 2_621_440)


async def test_a_prefix_is_taken_off_the_path_and_put_into_links() -> None:
    answer = await Exchange(scope_of("/app/where/", root_path="/app")).run(FastASGIHandler())

    assert answer == b"/app/where/ /where/ /app/where/"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"content-type", b"text/plain; charset=latin-1"), (b"content-length", b"3")),
        ((b"x_y", b"dropped"), (b"x-y", b"kept")),
        ((b"cookie", b"a=1; b=2"),),
        ((b"accept", b"a"), (b"x-caf\xe9", b"\xe9")),
    ],
)
async def test_a_request_made_the_short_way_equals_djangos(headers: Any) -> None:
    scope = scope_of("/quick/", headers)

    ours, django = make_request(scope, None), ASGIRequest(scope, None)

    assert ours is not None
    assert type(ours) is ASGIRequest
    assert vars(ours) == vars(django)


@pytest.mark.parametrize(
    "scope",
    [
        scope_of("/", ((b"cookie", b"a=1"), (b"cookie", b"b=2"))),
        scope_of("/", ((b"cookie", b"a=1; "),)),
        scope_of("/", root_path="/app"),
        scope_of("/", client=None),
        scope_of("/", query_string=""),
    ],
)
def test_what_djangos_versions_read_differently_is_left_to_them(scope: dict[str, Any]) -> None:
    assert make_request(scope, None) is None


async def test_a_query_that_is_no_text_is_refused() -> None:
    exchange = Exchange(scope_of("/quick/", query_string=b"\xff"))
    await exchange.run(FastASGIHandler())

    assert exchange.sent[0]["status"] == 400
