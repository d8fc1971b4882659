"""``@rate_limit`` on every kind of view."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import action, api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from mainstay.base.errors import InvalidInput
from mainstay.http import rate_limit
from mainstay.http.limits.engine import Engine
from mainstay.http.middleware import EntranceMiddleware

from .fleet import Clock, Memory

pytestmark = pytest.mark.usefixtures("engine")


def get(path: str = "/", **headers: str) -> Any:
    return RequestFactory().get(path, headers={"Accept": "*/*", **headers})


def statuses(view: Any, count: int, request: Any = None) -> list[int]:
    return [view(request or get()).status_code for _ in range(count)]


@rate_limit("2/m")
def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


@rate_limit("2/m")
async def plain_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def test_a_function_is_answered_until_the_limit() -> None:
    first, second, third = plain(get()), plain(get()), plain(get())
    assert [each.status_code for each in (first, second, third)] == [200, 200, 429]
    assert first["RateLimit-Policy"] == third["RateLimit-Policy"] == '"2/m";q=2;w=60'
    assert [each["RateLimit"] for each in (first, second, third)] == [
        '"2/m";r=1;t=30',
        '"2/m";r=0;t=30',
        '"2/m";r=0;t=30',
    ]
    assert "Retry-After" not in first


def test_the_refusal_is_a_problem_that_says_when(clock: Clock) -> None:
    statuses(plain, 2)
    refused = plain(get())
    assert refused["Content-Type"] == "application/problem+json"
    problem = json.loads(refused.content)
    assert (problem["status"], problem["violated-policies"]) == (429, ["2/m"])
    assert "30 seconds" in problem["detail"]
    clock.now += int(refused["Retry-After"])
    assert plain(get()).status_code == 200


async def test_an_async_function_stays_one_and_is_limited() -> None:
    assert iscoroutinefunction(plain_async)
    factory = AsyncRequestFactory()
    answers = [await plain_async(factory.get("/")) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[0]["RateLimit"] == '"2/m";r=1;t=30'


async def test_an_async_view_under_wsgi_asks_in_its_thread(store: Memory) -> None:
    answers = [await plain_async(get()) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]


def test_several_limits_apply_together_the_shortest_first() -> None:
    @rate_limit("100/d")
    @rate_limit("2/m", scope="minute")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    answers = [view(get()) for _ in range(5)]
    assert [each.status_code for each in answers] == [200, 200, 429, 429, 429]
    assert answers[1]["RateLimit-Policy"] == '"minute";q=2;w=60, "100/d";q=100;w=86400'
    assert answers[1]["RateLimit"] == '"minute";r=0;t=30, "100/d";r=98;t=864'
    assert answers[4]["RateLimit"] == '"minute";r=0;t=30'


def test_two_limits_of_the_same_rate_have_two_names() -> None:
    @rate_limit("5/m", key="header:X-Api-Key")
    @rate_limit("5/m")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert view(get())["RateLimit-Policy"] == '"5/m #1";q=5;w=60, "5/m #2";q=5;w=60'


def test_a_limit_around_another_decorator_applies_once() -> None:
    def other(view: Any) -> Any:
        from functools import wraps

        @wraps(view)
        def around(request: HttpRequest) -> HttpResponse:
            return view(request)

        return around

    @rate_limit("10/m", scope="out")
    @other
    @rate_limit("3/m", scope="in")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    answers = [view(get()) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert answers[0]["RateLimit"] == '"out";r=9;t=6, "in";r=2;t=20'
    assert answers[3]["RateLimit"] == '"out";r=6;t=6, "in";r=0;t=20'


def test_attributes_of_the_view_stay() -> None:
    view = rate_limit("5/m")(csrf_exempt(lambda request: HttpResponse()))
    assert view.csrf_exempt


def test_only_the_named_methods_are_limited() -> None:
    @rate_limit("1/m", methods=["post", "PUT"])
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert statuses(view, 3) == [200, 200, 200]
    assert "RateLimit" not in view(get())
    assert [view(RequestFactory().post("/")).status_code for _ in range(2)] == [200, 429]


def test_a_scope_is_one_budget_for_several_views() -> None:
    @rate_limit("2/m", scope="search")
    def one(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @rate_limit("2/m", scope="search")
    def two(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert [one(get()).status_code, two(get()).status_code, one(get()).status_code] == [200, 200, 429]
    assert one(get())["RateLimit-Policy"] == '"search";q=2;w=60'


def test_a_request_may_cost_more_or_nothing() -> None:
    @rate_limit("10/m", cost=lambda request: int(request.GET["cost"]))
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    asked = [view(get(f"/?cost={cost}")).status_code for cost in (4, 4, 4, 2, 0, 1)]
    assert asked == [200, 200, 429, 200, 200, 429]


def test_more_than_the_burst_costs_the_burst() -> None:
    @rate_limit("10/m", cost=lambda request: 1_000_000)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert statuses(view, 2) == [200, 429]


def test_a_key_of_none_is_not_limited() -> None:
    @rate_limit("1/m", key=lambda request: None)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert statuses(view, 3) == [200, 200, 200]


def test_switched_off_in_the_settings_nothing_is_limited(store: Memory) -> None:
    with override_settings(MAINSTAY={"http": {"rate_limits": {"enabled": False}}}):
        assert statuses(plain, 5) == [200] * 5
    assert not store.orders


def test_closed_answers_503_while_valkey_is_gone(store: Memory) -> None:
    @rate_limit("5/m", when_unavailable="closed")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    store.error = ConnectionError()
    refused = view(get())
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    assert refused["RateLimit-Policy"] == '"5/m";q=5;w=60'
    assert "RateLimit" not in refused


def test_an_answer_made_outside_of_the_view_has_the_fields_too() -> None:
    @rate_limit("5/m")
    def view(request: HttpRequest) -> HttpResponse:
        raise PermissionDenied

    def handler(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except PermissionDenied:
            return HttpResponse(status=403)

    answer: Any = EntranceMiddleware(handler)(get())
    assert (answer.status_code, answer["RateLimit"]) == (403, '"5/m";r=4;t=12')


def test_what_was_decided_is_counted(engine: Engine) -> None:
    statuses(plain, 3)
    scope = f"{__name__}.plain"
    assert engine.figures.decisions == {(scope, "allowed"): 2, (scope, "limited"): 1}


# --- classes --------------------------------------------------------------------------------------


def test_a_class_based_view() -> None:
    @rate_limit("2/m")
    class Page(View):
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse()

    assert statuses(Page.as_view(), 3) == [200, 200, 429]
    assert Page.as_view()(get())["RateLimit"] == '"2/m";r=0;t=30'


async def test_an_async_class_based_view() -> None:
    @rate_limit("2/m")
    class Page(View):
        async def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse()

    view: Any = Page.as_view()
    assert iscoroutinefunction(view)
    factory = AsyncRequestFactory()
    assert [(await view(factory.get("/"))).status_code for _ in range(3)] == [200, 200, 429]


def test_a_method_and_a_method_decorator() -> None:
    class Page(View):
        @rate_limit("1/m")
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse()

        @method_decorator(rate_limit("2/m"))
        def post(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse()

    assert statuses(Page.as_view(), 2) == [200, 429]
    assert statuses(Page.as_view(), 3, RequestFactory().post("/")) == [200, 200, 429]


def test_a_class_takes_several_limits_and_its_parent_none() -> None:
    class Base(View):
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse()

    @rate_limit("2/m")
    @rate_limit("100/d")
    class Page(Base):
        pass

    assert statuses(Page.as_view(), 3) == [200, 200, 429]
    assert Page.as_view()(get())["RateLimit-Policy"].count(";q=") == 2
    assert statuses(Base.as_view(), 4) == [200] * 4


class ByToken:
    """An authentication of REST framework's kind."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        return SimpleNamespace(is_authenticated=True, pk=request.headers["X-User"]), None

    def authenticate_header(self, request: Request) -> str:
        return "Token"


def test_a_view_of_rest_framework_knows_who_asks() -> None:
    @rate_limit("2/m", key="user")
    class Api(APIView):
        authentication_classes = (ByToken,)  # type: ignore[assignment]
        permission_classes = ()

        def get(self, request: Request) -> Response:
            return Response({})

    view: Any = Api.as_view()
    assert [view(get(**{"X-User": "1"})).status_code for _ in range(3)] == [200, 200, 429]
    other = view(get(**{"X-User": "2"}))
    assert (other.status_code, other["RateLimit"]) == (200, '"2/m";r=1;t=30')
    refused = view(get(**{"X-User": "1"}))
    assert (refused["Content-Type"], refused["Retry-After"]) == ("application/problem+json", "30")
    assert refused["RateLimit"] == '"2/m";r=0;t=30'


def test_an_error_of_rest_framework_has_the_fields_too() -> None:
    from rest_framework.exceptions import NotFound

    @rate_limit("2/m")
    class Api(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request: Request) -> Response:
            raise NotFound

    answer = Api.as_view()(get())
    assert (answer.status_code, answer["RateLimit"]) == (404, '"2/m";r=1;t=30')


@pytest.mark.parametrize("outside", [True, False])
def test_a_function_of_rest_framework_on_either_side(outside: bool) -> None:
    def bare(request: Request) -> Response:
        return Response({})

    limit, api = rate_limit("2/m"), api_view(["GET"])
    view: Any = limit(api(bare)) if outside else api(limit(bare))
    view.cls.permission_classes = ()
    view.cls.authentication_classes = ()
    assert statuses(view, 3) == [200, 200, 429]
    assert view(get())["RateLimit"] == '"2/m";r=0;t=30'


def test_an_action_of_a_viewset() -> None:
    class Orders(ViewSet):
        authentication_classes = ()
        permission_classes = ()

        def list(self, request: Request) -> Response:
            return Response([])

        @action(detail=False)
        @rate_limit("1/m")
        def export(self, request: Request) -> Response:
            return Response([])

    assert statuses(Orders.as_view({"get": "export"}), 2) == [200, 429]
    assert statuses(Orders.as_view({"get": "list"}), 3) == [200, 200, 200]


# --- mistakes -------------------------------------------------------------------------------------


def test_all_mistakes_come_at_import_and_name_the_line() -> None:
    with pytest.raises(InvalidInput) as caught:
        rate_limit("5/x", key="ipp", methods=[1], scope="a b", when_unavailable="shut")  # type: ignore[list-item]
    problems = {problem.id: problem for problem in caught.value.problems}
    assert set(problems) == {
        "limits.bad-rate",
        "limits.bad-key",
        "limits.bad-methods",
        "limits.bad-scope",
        "limits.bad-mode",
    }
    assert all(problem.where.startswith(f"{__file__}:") for problem in problems.values())


@pytest.mark.parametrize(
    ("methods", "hint"),
    [("PSOT", "did you mean 'POST'?"), (["GET", "DELTE"], "did you mean 'DELETE'?"), ("FOO", ""), (7, "")],
)
def test_a_method_that_there_is_not_is_refused(methods: Any, hint: str) -> None:
    """It would limit nothing, and nobody would see that."""
    with pytest.raises(InvalidInput) as caught:
        rate_limit("2/m", methods=methods)
    assert [(each.id, each.hint) for each in caught.value.problems] == [("limits.bad-methods", hint)]


def test_a_method_of_webdav_may_be_limited() -> None:
    @rate_limit("1/m", methods=["propfind", "VERSION-CONTROL"])
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert statuses(view, 3) == [200, 200, 200]
    assert statuses(view, 2, RequestFactory().generic("PROPFIND", "/")) == [200, 429]


def test_parentheses_that_are_missing_are_told() -> None:
    with pytest.raises(InvalidInput, match=r'write @rate_limit\("100/m"\) above the view'):
        rate_limit(lambda request: HttpResponse())  # type: ignore[arg-type]


@pytest.mark.parametrize("cost", [0, -1, 6, True, 1.5, "1", None])
def test_a_cost_that_could_never_be_paid_is_refused(cost: Any) -> None:
    with pytest.raises(InvalidInput, match=r"limits\.bad-cost"):
        rate_limit("5/m", cost=cost)


def test_a_class_that_is_no_view_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"limits\.bad-view"):
        rate_limit("5/m")(HttpResponseBase)
