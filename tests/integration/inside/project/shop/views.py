import asyncio
import gc
import logging
import os
import sys
import time

from django.core.handlers.asgi import ASGIRequest
from django.db import connection, transaction
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.views.decorators.csrf import csrf_exempt

from mainstay.db import reads_from_replica, replica_reads
from mainstay.http import rate_limit, request_id
from shop.models import Item

logger = logging.getLogger(__name__)


def hello(request):
    logger.info("said hello")
    return HttpResponse("hello")


def interpreter(request):
    """How many objects a full collection looks at, and seconds after which a thread must let go."""
    return JsonResponse({"watched": len(gc.get_objects()), "interval": sys.getswitchinterval()})


def slow(request, milliseconds):
    time.sleep(milliseconds / 1000)
    return HttpResponse("slow")


async def async_slow(request, milliseconds):
    await asyncio.sleep(milliseconds / 1000)
    return HttpResponse("slow")


def who(request):
    forwarded = sorted(
        name for name in request.META if name.startswith(("HTTP_X_FORWARDED", "HTTP_FORWARDED"))
    )
    return JsonResponse(
        {
            "client": request.META["REMOTE_ADDR"],
            "scheme": request.scheme,
            "host": request.get_host(),
            "request_id": request_id(),
            "forwarded": forwarded,
            "secrets": sorted(name for name in request.META if name in os.environ and "HTTP" not in name),
        }
    )


def form(request):
    """A form with a token and a session, and where Django thinks that it is."""
    token = get_token(request)
    request.session["seen"] = True
    return JsonResponse(
        {
            "token": token,
            "client": request.META["REMOTE_ADDR"],
            "secure": request.is_secure(),
            "url": request.build_absolute_uri(),
            "port": request.get_port(),
        }
    )


@csrf_exempt
def echo(request):
    return HttpResponse(request.body)


def boom(request):
    raise RuntimeError("boom")


def with_status(request, status):
    """An answer with any status: Django looks only at one that is given when an answer is made."""
    response = HttpResponse("as you wish")
    response.status_code = status
    return response


def stream(request):
    return StreamingHttpResponse(iter([b"one", b"two", b"three"]))


def database(request, milliseconds):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [milliseconds / 1000])
    return HttpResponse("done")


def statement(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["one"])
    return HttpResponse("done")


async def events(request):
    """A stream that never ends by itself, in the form that the interface streams."""

    async def awaited():
        try:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.05)
        finally:
            logger.info("stream closed")

    def pulled():
        try:
            while True:
                yield b"data: tick\n\n"
                time.sleep(0.05)
        finally:
            logger.info("stream closed")

    pieces = awaited() if isinstance(request, ASGIRequest) else pulled()
    return StreamingHttpResponse(pieces, content_type="text/event-stream")


def silent_events(request):
    """A stream that says one thing and then waits for something that does not come."""

    def pulled():
        yield b"data: tick\n\n"
        time.sleep(20)
        yield b"data: too late\n\n"

    return StreamingHttpResponse(pulled(), content_type="text/event-stream")


def slow_stream(request, milliseconds):
    """Ten lines with a pause before each, in the form that the interface streams."""

    async def awaited():
        for number in range(10):
            await asyncio.sleep(milliseconds / 1000)
            yield b"line %d\n" % number

    def pulled():
        for number in range(10):
            time.sleep(milliseconds / 1000)
            yield b"line %d\n" % number

    return StreamingHttpResponse(awaited() if isinstance(request, ASGIRequest) else pulled())


@csrf_exempt
def add(request, name):
    Item.objects.create(name=name)
    return HttpResponse("added", status=201)


@csrf_exempt
def add_atomic(request, name):
    with transaction.atomic():
        Item.objects.create(name=name)
    return HttpResponse("added", status=201)


@replica_reads
def items(request):
    """The names, and whether a transaction on the primary still reads the primary."""
    names = sorted(Item.objects.values_list("name", flat=True))
    with transaction.atomic():
        inside = sorted(Item.objects.values_list("name", flat=True))
    return JsonResponse({"names": names, "in_transaction": inside})


@replica_reads
async def async_items(request):
    return JsonResponse({"names": sorted([item.name async for item in Item.objects.all()])})


def primary_items(request):
    first = sorted(Item.objects.values_list("name", flat=True))
    with reads_from_replica():
        second = sorted(Item.objects.values_list("name", flat=True))
    return JsonResponse({"names": first, "inside": second})


@rate_limit("100/h", scope="tickets")
def limited(request):
    if "missing" in request.GET:
        raise Http404
    return HttpResponse("ticket")


@rate_limit("100/h", scope="tickets")
async def async_limited(request):
    return HttpResponse("ticket")
