from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory, override_settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mainstay.base.errors import InvalidInput
from mainstay.http.limits import current
from mainstay.http.limits.throttles import RateLimitThrottle, find_mistakes
from mainstay.http.middleware import EntranceMiddleware

from .fleet import Clock, Memory, engines

pytestmark = pytest.mark.usefixtures("engine")

RATES = override_settings(
    REST_FRAMEWORK={
        "DEFAULT_THROTTLE_RATES": {"uploads": "2/min", "off": None, "bad": "2/month"},
        "EXCEPTION_HANDLER": "mainstay.http.problems.drf.exception_handler",
    }
)


class Base(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (RateLimitThrottle,)

    def get(self, request: Request) -> Response:
        return Response({})


class Uploads(Base):
    throttle_scope = "uploads"


def get(view: type[APIView]) -> Any:
    handler: Any = EntranceMiddleware(view.as_view())
    return handler(RequestFactory().get("/"))


@RATES
def test_a_scope_is_limited_and_told_when_to_come_back(clock: Clock) -> None:
    answers = [get(Uploads) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each["RateLimit"] for each in answers] == [
        '"uploads";r=1;t=30',
        '"uploads";r=0;t=30',
        '"uploads";r=0;t=30',
    ]
    assert answers[0]["RateLimit-Policy"] == '"uploads";q=2;w=60'
    clock.now += int(answers[2]["Retry-After"])
    assert get(Uploads).status_code == 200


@RATES
def test_the_wait_is_that_of_the_engine() -> None:
    for _ in range(2):
        get(Uploads)
    throttle = RateLimitThrottle()
    assert not throttle.allow_request(Request(RequestFactory().get("/")), Uploads())
    assert throttle.wait() == pytest.approx(30, abs=0.01)


@RATES
def test_a_view_may_have_a_rate_of_its_own() -> None:
    class Own(Base):
        throttle_rate = "1/h"

    assert [get(Own).status_code for _ in range(2)] == [200, 429]


@RATES
def test_a_subclass_may_have_a_scope_of_its_own() -> None:
    class Everybody(RateLimitThrottle):
        scope = "uploads"

    class Page(Base):
        throttle_classes = (Everybody,)

    assert [get(Page).status_code for _ in range(3)] == [200, 200, 429]


@RATES
def test_without_a_scope_or_a_rate_there_is_no_limit(store: Memory) -> None:
    class Off(Base):
        throttle_scope = "off"

    assert [get(Base).status_code for _ in range(5)] == [200] * 5
    assert [get(Off).status_code for _ in range(5)] == [200] * 5
    assert not store.orders


@RATES
@pytest.mark.parametrize(("scope", "id"), [("bad", "limits.bad-rate"), ("missing", "limits.no-rate")])
def test_a_wrong_rate_is_one_clear_error(scope: str, id: str) -> None:
    class Wrong(Base):
        throttle_scope = scope

    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True), pytest.raises(InvalidInput) as caught:
        get(Wrong)
    assert [problem.id for problem in caught.value.problems] == [id]


@RATES
def test_a_refusal_names_every_limit_that_was_exceeded() -> None:
    class Strict(RateLimitThrottle):
        scope, rate = "strict", "1/h"

    class Page(Base):
        throttle_scope = "uploads"
        throttle_classes = (RateLimitThrottle, Strict)

    answers = [get(Page) for _ in range(3)]
    bodies = [json.loads(each.render().content) for each in answers]
    assert [each.status_code for each in answers] == [200, 429, 429]
    assert [each.get("violated-policies") for each in bodies] == [None, ["strict"], ["uploads", "strict"]]


@RATES
def test_closed_answers_503_while_valkey_is_gone(
    store: Memory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.error = ConnectionError()
    (closed,) = engines(1, store, clock, when_unavailable="closed")
    monkeypatch.setattr(current, "_engine", closed)
    refused = get(Uploads)
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    assert json.loads(refused.render().content)["violated-policies"] == ["uploads"]


class Initialised(Base):
    throttle_scope = "uploads"

    def __init__(self, **kwargs: Any) -> None:
        raise AssertionError("nobody asked for anything yet")


@RATES
@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"throttle_scope": "uploads"}, []),
        ({"throttle_scope": "off"}, []),
        ({}, []),
        ({"throttle_scope": "bad", "throttle_classes": ()}, []),
        ({"throttle_scope": "bad", "throttle_rate": "2/m"}, []),
        ({"throttle_scope": "bad"}, ["limits.bad-rate"]),
        ({"throttle_rate": "2 a day"}, ["limits.bad-rate"]),
        ({"throttle_scope": "upload"}, ["limits.no-rate"]),
        ({"throttle_scope": "uploads", "throttle_key": "ipp"}, ["limits.bad-key"]),
    ],
)
def test_what_a_view_could_not_be_limited_by_is_found_before_a_request(
    changes: dict[str, Any], ids: list[str]
) -> None:
    as_attributes = type("Page", (Base,), changes).as_view()
    as_arguments = SimpleNamespace(cls=Base, initkwargs=changes)  # as an action of a viewset has them
    for view in (as_attributes, as_arguments):
        assert [problem.id for problem in find_mistakes(view)] == ids
    assert find_mistakes(Initialised.as_view()) == find_mistakes(lambda request: None) == []
