"""A request's time: who may set it, and what happens when it is up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

from mainstay.base.deadline import DEADLINE, DeadlineExceeded, check, current_deadline
from mainstay.base.errors import InvalidInput
from mainstay.health.lifecycle import Lifecycle
from mainstay.http import deadlines
from mainstay.http.admission import Admission, Fixed
from mainstay.http.deadlines import deadline
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.proxies import TrustedProxies, _network
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.handler import FastWSGIHandler
from mainstay.http.options import Options
from tests.unit.http.calling import Answer, call_asgi, call_wsgi

EDGE = TrustedProxies((_network("127.0.0.1"),))
BAD = (
    *("", " ", "-1", "+5", "1.5", "1e3", "1_000", "0x10", " 5", "5 ", "5ms", "five", "nan", "inf"),
    *("1,2", "1, 2", "٣٠٠", "³", "\x005", "5\r\nx: y", "9" * 10, "9" * 5000, "None", "true", "[]", "1;2"),
)


@pytest.mark.parametrize("offered", BAD)
def test_what_is_no_number_of_milliseconds_says_nothing(offered: str) -> None:
    found = deadlines.begin(offered, trusted=True, default=5.0)

    assert found.at - found.began == pytest.approx(5.0)
    assert found.bound == float("inf")


@pytest.mark.parametrize(
    ("offered", "seconds"), [("0", 0.0), ("300", 0.3), ("5000", 5.0), ("999999999", 5.0)]
)
def test_a_caller_may_shorten_its_time_but_not_lengthen_it(offered: str, seconds: float) -> None:
    found = deadlines.begin(offered, trusted=True, default=5.0)

    assert found.at - found.began == pytest.approx(seconds)


def test_a_stranger_is_not_believed() -> None:
    assert deadlines.begin("1", trusted=False, default=5.0).bound == float("inf")


def test_a_decorator_without_its_seconds_says_how_it_is_written() -> None:
    def view(request: object) -> None: ...

    with pytest.raises(InvalidInput, match=r"write @deadline\(2\.0\) above the view"):
        deadline(view)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "2.0", None, [2.0], 2j])
def test_a_decorator_without_a_limit_is_refused(seconds: Any) -> None:
    """Where it stands, at import; the first request would be too late."""
    with pytest.raises(InvalidInput, match="number of seconds above 0") as caught:
        deadline(seconds)
    (problem,) = caught.value.problems
    assert problem.id == "http.bad-deadline"
    assert problem.where.startswith(f"{__file__}:")


@pytest.mark.parametrize(
    ("given", "meant"), [("2s", "2"), ("2.5", "2.5"), (" 300ms ", "0.3"), ("1 m", "60"), ("soon", "")]
)
def test_a_time_that_is_a_text_is_told_as_a_number(given: Any, meant: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        deadline(given)
    hint = f"write @deadline({meant}): the number alone, in seconds" if meant else ""
    assert caught.value.problems[0].hint == hint


def test_a_class_of_views_is_given_a_time_as_its_dispatch_is() -> None:
    @deadline(0.2)
    class Late(View):
        async def get(self, request: HttpRequest) -> HttpResponse:
            await asyncio.sleep(5)
            return HttpResponse()

    assert isinstance(Late, type)
    with pytest.raises(DeadlineExceeded):
        asyncio.run(Late.as_view()(RequestFactory().get("/")))


def test_a_class_that_is_no_view_is_given_none() -> None:
    with pytest.raises(InvalidInput, match=r"http\.bad-view") as caught:

        @deadline(2)
        class Orders: ...

    assert caught.value.problems[0].where.startswith(f"{__file__}:")


# --- the two entrances around plain applications ---------------------------------------


def wsgi(application: Any, seconds: float = 5.0, **headers: str) -> Answer:
    entrance = WsgiEntrance(application, EDGE, process=Lifecycle(), options=Options(seconds))
    return call_wsgi(entrance, "/", headers)


async def asgi(application: Any, seconds: float = 5.0, **headers: str) -> Answer:
    entrance = AsgiEntrance(application, EDGE, process=Lifecycle(), options=Options(seconds))
    return await call_asgi(entrance, "/", headers)


def assert_late(answer: Answer) -> None:
    assert (answer.status, answer.headers["content-type"]) == (504, "application/problem+json")
    assert answer.headers["x-request-id"]
    assert json.loads(answer.body)["status"] == 504


async def test_a_coroutine_that_nobody_tells_is_cancelled() -> None:
    ends: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    assert_late(await asgi(application, mainstay_deadline="20"))
    assert ends == ["cancelled"]


async def test_an_application_that_listens_is_told_that_its_client_left() -> None:
    heard: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        heard.append((await receive())["type"])

    assert_late(await asgi(application, mainstay_deadline="20"))
    assert heard == ["http.disconnect"]


async def test_a_cancellation_from_elsewhere_is_not_taken_for_the_deadline() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(asgi(application))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_both_cancellations_at_once_end_the_task() -> None:
    """The deadline takes back its own only: whoever ends the task besides must not be left without an effect."""
    began = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        began.set()
        await asyncio.sleep(60)

    entrance = AsgiEntrance(application, process=Lifecycle(), options=Options(60.0))
    task = asyncio.create_task(call_asgi(entrance, "/"))
    await began.wait()
    (reply,) = entrance._replies._watched
    reply.expire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_leaves_no_cancellation_behind() -> None:
    """One that is left over would strike at the next `asyncio.timeout` of the same task."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    assert_late(await asgi(application, mainstay_deadline="20"))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


def test_deadlines_are_kept_in_a_loop_after_the_first() -> None:
    """The timer that the first loop took with it must not be waited for."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60 if scope["path"] == "/slow/" else 0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(path: str) -> Answer:
        return await asyncio.wait_for(call_asgi(entrance, path), 30)

    entrance = AsgiEntrance(application, process=Lifecycle(), options=Options(0.05))
    assert asyncio.run(ask("/")).status in (200, 504)
    entrance._replies._next = time.monotonic() - 1.0
    assert_late(asyncio.run(ask("/slow/")))


async def test_what_goes_on_after_the_answer_has_no_deadline() -> None:
    """Such as a task that a view has started, which asks the database: nobody waits for it any more."""
    left: list[float] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        deadline = current_deadline()
        assert deadline is not None
        left.append(deadline.remaining())

    assert (await asgi(application)).status == 200
    assert left == [float("inf")]


async def test_requests_ended_at_their_deadline_are_counted_and_others_are_not() -> None:
    async def sleeping(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    async def own(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 504, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for application, count in ((sleeping, 1), (own, 0)):
        entrance = AsgiEntrance(application, EDGE, process=Lifecycle())
        assert (await call_asgi(entrance, "/", {"mainstay_deadline": "20"})).status == 504
        assert entrance._admission.figures()["deadlines_exceeded"] == count

    def gateway(environ: Any, start_response: Any) -> list[bytes]:
        start_response("504 Gateway Timeout", [])
        return [b""]

    for application, count in ((failing_wsgi, 1), (gateway, 0)):
        admission = Admission(Fixed(1), 1, 1)
        wsgi = WsgiEntrance(application, EDGE, admission, Lifecycle())
        assert call_wsgi(wsgi, "/", {"mainstay_deadline": "0"}).status == 504
        assert admission.figures()["deadlines_exceeded"] == count


async def test_a_stream_has_its_deadline_for_the_first_byte_only() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await asyncio.sleep(0.1)
        check()
        await send({"type": "http.response.body", "body": b"2"})

    answer = await asgi(application, mainstay_deadline="50")
    assert (answer.status, answer.body) == (200, b"12")


def test_a_wsgi_stream_is_not_stopped_either() -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])

        def pieces() -> Iterator[bytes]:
            yield b"1"
            time.sleep(0.05)
            check()
            yield b"2"

        return pieces()

    assert wsgi(application, mainstay_deadline="30").body == b"12"


def test_an_error_500_after_a_stop_is_a_504() -> None:
    """What Django makes of an exception that no middleware takes."""
    assert_late(wsgi(failing_wsgi, mainstay_deadline="0"))
    assert wsgi(failing_wsgi).status == 500


async def test_the_same_on_asgi() -> None:
    assert_late(await asgi(failing_asgi, mainstay_deadline="20"))
    assert (await asgi(failing_asgi)).status == 500


async def test_nothing_is_left_behind_for_the_next_request() -> None:
    await asgi(failing_asgi)
    wsgi(failing_wsgi)

    assert DEADLINE.get() is None


def failing_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    try:
        check()
        raise RuntimeError
    except Exception:
        start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"secret"]


async def failing_asgi(scope: Any, receive: Any, send: Any) -> None:
    if dict(scope["headers"]).get(b"mainstay-deadline"):
        time.sleep(0.03)  # noqa: ASYNC251 - what a blocking view does
    with pytest.raises((DeadlineExceeded, RuntimeError)):
        check()
        raise RuntimeError
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"secret"})


# --- Django's views --------------------------------------------------------------------------

cleaned: list[str] = []


@deadline(0.05)
def sync_view(request: HttpRequest) -> HttpResponse:
    time.sleep(0.06)
    check()
    return HttpResponse("late")


@deadline(0.05)
def unchecked(request: HttpRequest) -> HttpResponse:
    time.sleep(0.06)
    return HttpResponse("late")


@deadline(0.05)
async def async_view(request: HttpRequest) -> HttpResponse:
    try:
        await asyncio.sleep(30)
    finally:
        cleaned.append("async")
    return HttpResponse("late")


@deadline(60)
def patient(request: HttpRequest, milliseconds: int) -> HttpResponse:
    time.sleep(milliseconds / 1000)
    check()
    left = current_deadline()
    return HttpResponse(str(left.remaining() > 30) if left else "none")


@method_decorator(deadline(0.05), name="dispatch")
class SyncClass(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return sync_view(request)


@method_decorator(deadline(0.05), name="dispatch")
class AsyncClass(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return await async_view(request)


async def undecorated(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(30)
    return HttpResponse("late")


async def unwilling(request: HttpRequest) -> HttpResponse:
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        raise RuntimeError("not now") from None
    return HttpResponse("late")


@deadline(60)
async def patient_async(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(2.6)
    return HttpResponse("in time")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"1", b"2"]))


def drf(request: HttpRequest) -> Any:
    from rest_framework.views import APIView

    @method_decorator(deadline(0.05), name="dispatch")
    class Api(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request: Any) -> HttpResponse:
            return sync_view(request)

    return Api.as_view()(request)


urlpatterns = [
    path("sync/", sync_view),
    path("unchecked/", unchecked),
    path("async/", async_view),
    path("patient/<int:milliseconds>/", patient),
    path("sync-class/", SyncClass.as_view()),
    path("async-class/", AsyncClass.as_view()),
    path("undecorated/", undecorated),
    path("unwilling/", unwilling),
    path("unwilling-decorated/", deadline(0.05)(unwilling)),
    path("patient-async/", patient_async),
    path("drf/", drf),
    path("stream/", stream),
]

MIDDLEWARE = ["mainstay.http.middleware.EntranceMiddleware"]
Caller = Callable[..., Any]


@pytest.fixture(params=[MIDDLEWARE, []], ids=["with the middleware", "without"])
def django(request: pytest.FixtureRequest) -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=request.param):
        yield


async def ask_asgi(where: str, seconds: float = 5.0, **headers: str) -> Answer:
    from django.core.handlers.asgi import ASGIHandler

    entrance = AsgiEntrance(ASGIHandler(), EDGE, process=Lifecycle(), options=Options(seconds))  # type: ignore[arg-type]
    return await call_asgi(entrance, where, headers)


def ask_wsgi(where: str, seconds: float = 5.0, **headers: str) -> Answer:
    from django.core.handlers.wsgi import WSGIHandler

    entrance = WsgiEntrance(WSGIHandler(), EDGE, process=Lifecycle(), options=Options(seconds))
    return call_wsgi(entrance, where, headers)


@pytest.mark.parametrize(
    "where", ["/sync/", "/unchecked/", "/sync-class/", "/async/", "/async-class/", "/drf/"]
)
async def test_a_decorated_view_is_stopped_on_asgi(django: None, where: str) -> None:
    pytest.importorskip("rest_framework")
    assert_late(await ask_asgi(where))


@pytest.mark.django_db  # Django looks after connections at the begin of a request; another test may have left one
@pytest.mark.parametrize(
    "where", ["/sync/", "/unchecked/", "/sync-class/", "/async/", "/async-class/", "/drf/"]
)
def test_a_decorated_view_is_stopped_on_wsgi(django: None, where: str) -> None:
    pytest.importorskip("rest_framework")
    assert_late(ask_wsgi(where))


async def test_an_async_view_cleans_up(django: None) -> None:
    cleaned.clear()
    await ask_asgi("/async/")

    assert cleaned == ["async"]


async def test_an_undecorated_async_view_is_cancelled_at_the_default(django: None) -> None:
    assert_late(await ask_asgi("/undecorated/", 0.05))


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mainstay's handler in place of Django's, as its server puts it there."""
    monkeypatch.setattr("django.core.handlers.wsgi.WSGIHandler", FastWSGIHandler)


@pytest.mark.django_db
@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("where", ["/undecorated/", "/unwilling/", "/unwilling-decorated/"])
def test_an_async_view_is_cancelled_at_the_default_under_wsgi(django: None, where: str) -> None:
    """There is no loop of a server that could watch it; whatever it makes of that, it is late."""
    assert_late(ask_wsgi(where, 0.05))


@pytest.mark.django_db
@pytest.mark.usefixtures("fast")
def test_an_async_route_may_take_longer_than_the_default_under_wsgi(django: None) -> None:
    """The default is long beside what happens before the view, or a machine that stands still would fail this."""
    assert ask_wsgi("/patient-async/", 2.5).body == b"in time"


async def test_a_route_may_take_longer_than_the_default_but_not_than_its_caller(django: None) -> None:
    """The default is long beside what happens before the view, or a machine that stands still would fail this."""
    assert (await ask_asgi("/patient/2600/", 2.5)).body == b"True"
    assert ask_wsgi("/patient/10/", 5.0).body == b"True"
    assert_late(await ask_asgi("/patient/310/", 5.0, mainstay_deadline="300"))
    assert_late(ask_wsgi("/patient/310/", 5.0, mainstay_deadline="300"))


def test_without_an_entrance_the_decorator_works_alone() -> None:
    with pytest.raises(DeadlineExceeded):
        sync_view(HttpRequest())
    with pytest.raises(DeadlineExceeded):
        asyncio.run(async_view(HttpRequest()))  # type: ignore[arg-type]
