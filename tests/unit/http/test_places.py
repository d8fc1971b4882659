"""Both entrances give back every place they took, whatever happens to the request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import translation
from django.utils.decorators import method_decorator
from django.views import View

from mainstay.base.context import TALLY
from mainstay.base.criticality import Criticality, current_criticality
from mainstay.base.errors import InvalidInput
from mainstay.health.lifecycle import Lifecycle
from mainstay.http import criticalities, options
from mainstay.http.admission import Admission, Fixed
from mainstay.http.criticalities import criticality
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.options import Options
from tests.unit.http.calling import Answer, call_asgi, call_wsgi


class Died(BaseException):
    """A thread or a task that ends in a way no application catches."""


def asgi(application: Any, places: int = 1, room: int = 2) -> tuple[AsgiEntrance, Admission]:
    entrance = AsgiEntrance(application, process=Lifecycle(), options=Options(admission="off"))
    admission = Admission(Fixed(places), places, room, mode="off")
    entrance._admission = entrance._replies.admission = admission
    return entrance, admission


def wsgi(application: Any, places: int = 1, room: int = 2) -> tuple[WsgiEntrance, Admission]:
    admission = Admission(Fixed(places), places, room, mode="off")
    return WsgiEntrance(application, admission=admission, process=Lifecycle()), admission


def assert_empty(admission: Admission) -> None:
    assert (admission.in_flight, admission.waiting) == (0, 0)


@pytest.mark.parametrize("error", [RuntimeError, Died, SystemExit, GeneratorExit])
async def test_asgi_application_that_fails(error: type[BaseException]) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise error

    entrance, admission = asgi(application)
    for _ in range(3):
        with pytest.raises(error):
            await call_asgi(entrance, "/")
    assert_empty(admission)


@pytest.mark.parametrize("error", [RuntimeError, Died, SystemExit, GeneratorExit])
@pytest.mark.parametrize("when", ["before", "while streaming", "at the close"])
def test_wsgi_application_that_fails(error: type[BaseException], when: str) -> None:
    class Body:
        streaming = True

        def __iter__(self) -> Iterator[bytes]:
            yield b"1"
            if when == "while streaming":
                raise error

        def close(self) -> None:
            if when == "at the close":
                raise error

    def application(environ: Any, start_response: Callable[..., Any]) -> Any:
        if when == "before":
            raise error
        start_response("200 OK", [])
        return Body()

    entrance, admission = wsgi(application)
    for _ in range(3):  # with a 500 as long as nothing was said yet
        with contextlib.nullcontext() if when == "before" else pytest.raises(error):
            call_wsgi(entrance, "/")
    assert_empty(admission)


async def test_client_that_leaves_gives_its_place_back() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    entrance, admission = asgi(application)
    left = asyncio.Event()
    task = asyncio.create_task(call_asgi(entrance, "/", left=left))
    await asyncio.sleep(0.01)
    assert admission.in_flight == 1
    left.set()
    assert (await task).status == 0
    assert_empty(admission)


async def test_cancellation_of_who_works_and_of_who_waits() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    entrance, admission = asgi(application)
    tasks = [asyncio.create_task(call_asgi(entrance, "/")) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert (admission.in_flight, admission.waiting) == (1, 1)
    tasks[1].cancel()
    await asyncio.sleep(0.01)
    assert (admission.in_flight, admission.waiting) == (1, 0)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert_empty(admission)


async def test_a_place_granted_to_a_cancelled_waiter_goes_to_the_next() -> None:
    """Both happen in one turn of the loop, in either order."""
    release = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    entrance, admission = asgi(application, room=3)
    tasks = [asyncio.create_task(call_asgi(entrance, "/")) for _ in range(3)]
    await asyncio.sleep(0.01)
    release.set()
    await asyncio.sleep(0)
    tasks[1].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each.status for each in done if isinstance(each, Answer)][-1] == 200
    assert_empty(admission)


async def test_waiter_without_time_is_refused_on_asgi() -> None:
    release = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    entrance, admission = asgi(application)
    entrance._seconds = 60.0
    first = asyncio.create_task(call_asgi(entrance, "/"))
    await asyncio.sleep(0.01)
    entrance._seconds = 0.03
    answer = await call_asgi(entrance, "/")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    release.set()
    assert (await first).status == 200
    assert_empty(admission)


async def test_what_was_waited_for_a_place_is_noted_on_asgi() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        waited.append(TALLY.get().waited)  # type: ignore[union-attr]
        await asyncio.sleep(0.1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    waited: list[float] = []
    entrance, _ = asgi(application)
    await asyncio.gather(call_asgi(entrance, "/"), call_asgi(entrance, "/"))
    assert waited[0] == 0.0
    assert waited[1] > 0.09


def test_what_was_waited_for_a_place_is_noted_on_wsgi() -> None:
    waited: list[float] = []

    def application(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        waited.append(TALLY.get().waited)  # type: ignore[union-attr]
        if len(waited) == 1:
            until = time.monotonic() + 30
            while not admission.waiting and time.monotonic() < until:
                time.sleep(0.001)
        start_response("200 OK", [])
        return [b"ok"]

    entrance, admission = wsgi(application)
    threads = [threading.Thread(target=call_wsgi, args=(entrance, "/")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(waited) == 0.0
    assert max(waited) > 0.0


def test_a_thread_that_ends_while_it_waits_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ticket would be granted later on, and the place be nobody's for good."""

    def application(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/first/":
            call_wsgi(entrance, "/second/")  # there is no place left, so it waits
        start_response("200 OK", [])
        return [b"ok"]

    def end(self: object, seconds: float) -> None:
        raise Died

    monkeypatch.setattr("mainstay.http.entrance.wsgi._Wake.wait", end)
    entrance, admission = wsgi(application)
    assert call_wsgi(entrance, "/first/").status == 200
    assert_empty(admission)
    assert call_wsgi(entrance, "/third/").status == 200


def test_waiters_of_wsgi_take_turns_and_none_is_lost() -> None:
    together, most = 0, 0
    lock = threading.Lock()

    def application(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        threading.Event().wait(0.002)
        with lock:
            together -= 1
        start_response("200 OK", [])
        return [b"ok"]

    entrance, admission = wsgi(application, places=2, room=20)
    statuses: list[int] = []

    def client() -> None:
        statuses.extend(call_wsgi(entrance, "/").status for _ in range(10))

    threads = [threading.Thread(target=client) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 120
    assert most == 2
    assert_empty(admission)


def test_refusal_touches_nothing_of_the_application() -> None:
    called: list[str] = []

    def application(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        called.append("yes")
        return []

    entrance, _ = wsgi(application, places=0, room=0)
    answer = call_wsgi(entrance, "/")
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert called == []


# --- criticality of a route --------------------------------------------------------------------

seen: list[Criticality] = []


def plain(request: HttpRequest) -> HttpResponse:
    seen.append(current_criticality())
    return HttpResponse()


@criticality(Criticality.SHEDDABLE)
def suggestions(request: HttpRequest, number: int) -> HttpResponse:
    return plain(request)


@criticality(Criticality.CRITICAL_PLUS)
async def pay(request: HttpRequest) -> HttpResponse:
    return plain(request)


@method_decorator(criticality(Criticality.SHEDDABLE_PLUS), name="dispatch")
class Poll(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


@criticality(Criticality.SHEDDABLE)
class Ranking(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


urlpatterns = [
    path("plain/", plain),
    path("suggestions/<int:number>/", suggestions),
    path("pay/", pay),
    path("poll/", Poll.as_view()),
    path("ranking/", Ranking.as_view()),
]
LEVELS = {
    "/plain/": Criticality.CRITICAL,
    "/suggestions/7/": Criticality.SHEDDABLE,
    "/pay/": Criticality.CRITICAL_PLUS,
    "/poll/": Criticality.SHEDDABLE_PLUS,
    "/ranking/": Criticality.SHEDDABLE,
    "/nowhere/": Criticality.CRITICAL,
}


@pytest.mark.parametrize(("where", "level"), LEVELS.items())
def test_importance_is_known_from_the_path_alone(where: str, level: Criticality) -> None:
    criticalities._resolve.cache_clear()
    with override_settings(ROOT_URLCONF=__name__):
        assert criticalities.of_path(where) is level
    criticalities._resolve.cache_clear()


class Elsewhere:
    """Other URLs, as a middleware may choose them by the name of the host."""

    urlpatterns = (path("suggestions/<int:number>/", plain), path("poll/deep/", suggestions, {"number": 1}))


async def test_urls_that_a_middleware_chooses_come_too_late_for_admission_and_not_for_the_view(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What docs/concepts/criticality.md says: admission is decided before any middleware runs."""
    from django.core.handlers.asgi import ASGIHandler

    def choose(get_response: Any) -> Any:
        async def respond(request: HttpRequest) -> Any:
            request.urlconf = Elsewhere  # type: ignore[assignment]
            return await get_response(request)

        return markcoroutinefunction(respond)

    choose.async_capable, choose.sync_capable = True, False  # type: ignore[attr-defined]
    monkeypatch.setitem(globals(), "choose", choose)
    criticalities._resolve.cache_clear()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.choose"]):
        assert criticalities.of_path("/suggestions/7/") is Criticality.SHEDDABLE
        assert criticalities.of_path("/poll/deep/") is Criticality.CRITICAL
        entrance, admission = asgi(ASGIHandler())
        seen.clear()
        assert (await call_asgi(entrance, "/poll/deep/")).status == 200
    criticalities._resolve.cache_clear()
    assert seen == [Criticality.SHEDDABLE]
    assert admission.figures()["admitted"]["sheddable"] == 1


class Languages:
    urlpatterns = tuple(i18n_patterns(path("suggestions/<int:number>/", suggestions)))


@pytest.mark.parametrize("active", ["en", "de"])
def test_importance_of_a_path_that_begins_with_a_language(active: str) -> None:
    """The language is that of the path, and not whichever the thread's last request had."""
    criticalities._resolve.cache_clear()
    with override_settings(ROOT_URLCONF=Languages, LANGUAGE_CODE="en"), translation.override(active):
        found = {where: criticalities.of_path(f"/{where}/suggestions/7/") for where in ("en", "de", "xx")}
        assert translation.get_language() == active
    criticalities._resolve.cache_clear()
    assert found == {"en": Criticality.SHEDDABLE, "de": Criticality.SHEDDABLE, "xx": Criticality.CRITICAL}


@pytest.mark.parametrize(("where", "level"), [pair for pair in LEVELS.items() if pair[0] != "/nowhere/"])
async def test_the_view_and_its_calls_know_it(where: str, level: Criticality) -> None:
    from django.core.handlers.asgi import ASGIHandler

    seen.clear()
    with override_settings(ROOT_URLCONF=__name__):
        entrance, admission = asgi(ASGIHandler())
        assert (await call_asgi(entrance, where)).status == 200
    assert seen == [level]
    assert admission.figures()["admitted"][level.name.lower()] == 1


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"one of Criticality\.SHEDDABLE, ") as caught:
        criticality(3)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert (problem.id, problem.hint) == ("http.bad-criticality", "")
    assert problem.where.startswith(f"{__file__}:")


@pytest.mark.parametrize(
    "given", ["sheddable-plus", "SHEDDABLE_PLUS", "Criticality.SHEDDABLE_PLUS", "sheddable plu"]
)
def test_a_level_that_is_a_text_is_told_as_the_member(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        criticality(given)  # type: ignore[arg-type]
    assert caught.value.problems[0].hint == "did you mean Criticality.SHEDDABLE_PLUS?"


def test_a_class_that_is_no_view_has_no_level() -> None:
    with pytest.raises(InvalidInput, match=r"http\.bad-view"):

        @criticality(Criticality.SHEDDABLE)
        class Orders: ...


def test_parentheses_that_are_missing_are_told() -> None:
    with pytest.raises(InvalidInput, match=r"write @criticality\(Criticality.SHEDDABLE\) above the view"):
        criticality(lambda request: None)  # type: ignore[arg-type]


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, True, "5", None, float("nan"), float("inf"), 10**9])
def test_a_deadline_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"http\.bad-option"):
        options.parse({"http": {"deadline": value}})


@pytest.mark.parametrize("value", ["of", "", None, 1, [], {}])
def test_an_unknown_mode_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"http\.bad-option"):
        options.parse({"http": {"admission": value}})


def test_both_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        options.parse({"http": {"admission": "dryrun", "deadline": "soon"}})
    assert len(caught.value.problems) == 2
    assert "did you mean 'dry-run'?" in str(caught.value)


@pytest.mark.parametrize("given", [{}, {"http": {}}, {"db": {"deadline": 1}}])
def test_without_options_there_are_defaults(given: object) -> None:
    assert options.parse(given) == Options(5.0, "on")


# --- who is refused -----------------------------------------------------------------------------------


async def test_two_who_are_refused_share_nothing_but_the_words() -> None:
    """A server, or a middleware in front, adds to the headers that it is given."""
    given: list[list[Any]] = []

    class Careless:
        """Keeps the list of headers and adds a cookie to it."""

        def __init__(self, entrance: Any) -> None:
            self.entrance = entrance

        def start(self, start_response: Any) -> Any:
            def start(status: str, headers: list[Any], *rest: Any) -> Any:
                begun = start_response(status, list(headers), *rest)
                headers.append(("Set-Cookie", "mine=1"))
                given.append(headers)
                return begun

            return start

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return self.entrance(environ, self.start(start_response))

    entrance, admission = wsgi(None, room=1)
    admission.in_flight = 1
    answers = [call_wsgi(Careless(entrance), "/") for _ in range(3)]
    other, admission = asgi(None, room=1)
    admission.in_flight = 1
    answers += [await call_asgi(other, "/") for _ in range(3)]
    assert len({id(headers) for headers in given}) == 3
    assert not any("set-cookie" in answer.headers for answer in answers)
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 6
    assert [json.loads(answer.body)["request_id"] for answer in answers] == ids


async def test_the_refused_are_told_what_admission_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """On both interfaces: a constant would bring them all back at once."""
    for entrance, admission in (asgi(None, room=1), wsgi(None, room=1)):
        monkeypatch.setattr(admission, "retry_after", lambda: 17)
        admission.in_flight = 1
        is_asgi = isinstance(entrance, AsgiEntrance)
        answer = await call_asgi(entrance, "/") if is_asgi else call_wsgi(entrance, "/")
        assert (answer.status, answer.headers["retry-after"]) == (503, "17")
