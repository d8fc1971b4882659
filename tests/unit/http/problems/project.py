"""A small project in which everything goes wrong, for the tests beside it."""

from __future__ import annotations

from datetime import UTC, datetime

from django.core.exceptions import BadRequest, DisallowedHost, PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.urls import path
from django.views.decorators.http import require_POST
from psycopg.errors import DeadlockDetected
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, serializers
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from mainstay.base.deadline import DeadlineExceeded
from mainstay.http.problems import Problem

SECRET = "hunter2 lives in table accounts_user"


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError(SECRET)


def no_connection() -> OperationalError:
    error = OperationalError(SECRET)
    error.__cause__ = PoolTimeout(SECRET)
    return error


def deadlock() -> OperationalError:
    error = OperationalError(SECRET)
    error.__cause__ = DeadlockDetected(SECRET)
    return error


ERRORS = {
    "bad": lambda: BadRequest(SECRET),
    "suspicious": lambda: SuspiciousOperation(SECRET),
    "host": lambda: DisallowedHost(SECRET),
    "multipart": lambda: MultiPartParserError(SECRET),
    "denied": lambda: PermissionDenied(SECRET),
    "missing": lambda: Http404(SECRET),
    "bug": lambda: ValueError(SECRET),
    "busy": no_connection,
    "deadlock": deadlock,
    "late": lambda: DeadlineExceeded(SECRET),
    "client-left": lambda: UnreadablePostError(SECRET),
    "problem": lambda: Problem(
        409,
        "seats-taken",
        "Seat A1 was just taken.",
        retry_after=1.2,
        headers={"X-More": "yes"},
        taken=[{"row": "A", "at": datetime(2026, 1, 1, tzinfo=UTC)}],
        strange=Unwritable(),
        number=float("nan"),
    ),
}


def fail(request: HttpRequest, kind: str) -> HttpResponse:
    raise ERRORS[kind]()


async def async_fail(request: HttpRequest, kind: str) -> HttpResponse:
    raise ERRORS[kind]()


@require_POST
def only_post(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse(request.POST.dict())


def own(request: HttpRequest, status: int) -> HttpResponse:
    return HttpResponse("<h1>the project's own words</h1>", status=status)


class Row(serializers.Serializer):
    number = serializers.IntegerField(min_value=1)


class Wish(serializers.Serializer):
    seats = serializers.ListField(child=serializers.IntegerField(), min_length=1)
    rows = Row(many=True, required=False)
    row = Row(required=False)

    def validate(self, attrs):
        if attrs["seats"] == [13]:
            raise serializers.ValidationError("Not that one.", code="unlucky")
        return attrs


class PageRenderer(BaseRenderer):
    """What the browsable API is to a problem: HTML made of the same data."""

    media_type = "text/html"
    format = "html"
    charset = None

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return f"<p>{data['type']}</p>".encode()


class Open(APIView):
    authentication_classes = ()
    permission_classes = ()
    parser_classes = (JSONParser,)
    renderer_classes = (JSONRenderer, PageRenderer)


class Wishes(Open):
    def post(self, request):
        given = Wish(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(given.validated_data)


API_ERRORS = {
    **ERRORS,
    "throttled": lambda: exceptions.Throttled(wait=3.2),
    "own-code": lambda: exceptions.PermissionDenied("Not today.", code="closed"),
    "strange-status": lambda: type("Strange", (exceptions.APIException,), {"status_code": 299})("?"),
    "odd-fields": lambda: exceptions.ValidationError({"a/b~c": [{}, {"x": ["no"]}], "": "empty"}),
}


class Failing(Open):
    def get(self, request, kind):
        raise API_ERRORS[kind]()


class Closed(APIView):
    authentication_classes = (BasicAuthentication,)
    permission_classes = (IsAuthenticated,)
    renderer_classes = (JSONRenderer,)

    def get(self, request):
        return Response()


class ClosedByCookie(Closed):
    authentication_classes = (SessionAuthentication,)


class Everything:
    """A middleware that fails where the request says so."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if kind := request.headers.get("X-Fail"):
            raise ERRORS[kind]()
        return self.get_response(request)


urlpatterns = [
    path("fail/<kind>/", fail),
    path("async-fail/<kind>/", async_fail),
    path("only-post/", only_post),
    path("form/", form),
    path("own/<int:status>/", own),
    path("api/wishes/", Wishes.as_view()),
    path("api/fail/<kind>/", Failing.as_view()),
    path("api/closed/", Closed.as_view()),
    path("api/closed-by-cookie/", ClosedByCookie.as_view()),
]
