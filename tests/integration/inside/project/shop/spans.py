"""Views that use OpenTelemetry's API, and a library that an instrumentation of OpenTelemetry's project watches."""

import asyncio
import os
from contextvars import copy_context
from threading import Thread

import urllib3
from django.db import connection
from django.http import HttpResponse
from opentelemetry import propagate, trace
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor

from mainstay.observability import TRACING, current_trace

URLLib3Instrumentor().instrument()
tracer = trace.get_tracer("shop.spans", "2.0")
pool = urllib3.PoolManager()


def select():
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["one"])


@tracer.start_as_current_span("call the neighbor")
def call(request):
    return pool.request("GET", f"{os.environ['SHOP_NEIGHBOR']}?token={request.GET.get('token', '')}").status


def in_thread():
    tracer.start_span("thread").end()


def reserve(request):
    with tracer.start_as_current_span("reserve", attributes={"seats": ["A1", "A2"]}) as span:
        span.add_event("chosen", {"by": "hand"})
        with TRACING.span("price"):
            select()
        status = call(request)
        thread = Thread(target=copy_context().run, args=(in_thread,))
        thread.start()
        thread.join()
    trace.get_current_span().set_attribute("tenant", "t1")
    return HttpResponse(f"{status}")


async def async_reserve(request):
    async def part(name):
        with tracer.start_as_current_span(name):
            await asyncio.sleep(0.01)
            with TRACING.span(f"{name} below"):
                await asyncio.sleep(0.01)

    with tracer.start_as_current_span("reserve", attributes={"seats": ["A1", "A2"]}) as span:
        span.add_event("chosen", {"by": "hand"})
        with TRACING.span("price"):
            await asyncio.to_thread(select)
        await asyncio.gather(part("left"), part("right"))
        status = await asyncio.to_thread(call, request)
    trace.get_current_span().set_attribute("tenant", "t1")
    return HttpResponse(f"{status}")


def fail(request):
    with tracer.start_as_current_span("fail"):
        raise RuntimeError(request.COOKIES["session"])


def many(request, count):
    for number in range(count):
        with tracer.start_as_current_span("one of many", attributes={"number": number}):
            pass
    carrier = {}
    propagate.inject(carrier)
    return HttpResponse(carrier["traceparent"] == current_trace().header())
