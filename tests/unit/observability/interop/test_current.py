"""OpenTelemetry's current span and Mainstay's current trace are the same, whoever opened the innermost one."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from opentelemetry import context, propagate, trace

from mainstay.base.tracecontext import TRACE, TraceContext, current_trace
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.observability import interop
from mainstay.observability.formats import JsonFormatter
from mainstay.observability.interop.tracer import MainstayTracer
from mainstay.observability.traces import Tracing
from tests.unit.http.calling import call_wsgi
from tests.unit.observability.interop.conftest import CALLER, UNSAMPLED, Kept

REQUEST = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 3, "a=1")
Begin = Callable[..., TraceContext]


def test_the_current_span_is_the_requests_until_it_ends() -> None:
    interop.enter(REQUEST)
    found = trace.get_current_span().get_span_context()
    assert (found.trace_id, found.span_id) == (int(REQUEST.trace_id, 16), int(REQUEST.span_id, 16))
    assert (found.trace_flags, found.trace_state.get("a")) == (3, "1")
    assert not trace.get_current_span().is_recording()
    interop.leave()
    assert not trace.get_current_span().get_span_context().is_valid


def test_the_entrance_enters_and_leaves() -> None:
    """Else what a thread does next, for nobody or for another client, would go into the last request's trace."""
    seen: list[Any] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(trace.get_current_span().get_span_context().is_valid)
        start_response("200 OK", [])
        return [b"ok"]

    call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/")
    seen.append(trace.get_current_span().get_span_context().is_valid)
    assert seen == [True, False]


def test_an_unsampled_request_tells_that_it_is() -> None:
    interop.enter(TraceContext(REQUEST.trace_id, REQUEST.span_id))
    assert trace.get_current_span().get_span_context().trace_flags == 0
    interop.leave()


def test_nothing_is_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    interop.enter(REQUEST)
    interop.leave()
    assert "opentelemetry.trace" not in sys.modules


def test_an_api_that_is_not_understood_is_as_if_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request must not fail because of something that has the API's name."""
    monkeypatch.setattr(interop, "_speaker", None)
    monkeypatch.delattr("mainstay.observability.interop.current")
    monkeypatch.setitem(sys.modules, "mainstay.observability.interop.current", None)
    interop.enter(REQUEST)
    interop.leave()


def test_spans_of_both_kinds_lie_in_one_another(
    begin: Begin, tracing: Tracing, tracer: MainstayTracer, kept: Kept
) -> None:
    request = begin()
    with tracer.start_as_current_span("one"):
        tracing.statement("SELECT 1", "default", "sqlite", 0.1)
        with tracing.span("two"):
            tracing.child("three", 1, 0.1, {})
            with tracer.start_as_current_span("four"):
                tracing.child("five", 1, 0.1, {})
            tracing.child("six", 1, 0.1, {})
        tracing.child("seven", 1, 0.1, {})
    tracing.child("eight", 1, 0.1, {})
    spans = kept.named()
    parents = {"one": request.span_id, "eight": request.span_id}
    parents |= dict.fromkeys(("SELECT default", "two", "seven"), spans["one"].span_id)
    parents |= dict.fromkeys(("three", "four", "six"), spans["two"].span_id)
    assert {name: span.parent_id for name, span in spans.items()} == parents | {"five": spans["four"].span_id}
    assert {span.trace_id for span in kept.spans} == {request.trace_id}


@pytest.mark.parametrize("opened", ["use_span", "attach"])
def test_it_does_not_matter_how_a_span_became_current(
    begin: Begin, tracing: Tracing, tracer: MainstayTracer, kept: Kept, opened: str
) -> None:
    """Neither function of the API says so to anybody."""
    begin()
    span = tracer.start_span("outer")
    if opened == "use_span":
        with trace.use_span(span, end_on_exit=True):
            tracing.child("inner", 1, 0.1, {})
    else:
        token = context.attach(trace.set_span_in_context(span))
        tracing.child("inner", 1, 0.1, {})
        context.detach(token)
        span.end()
    assert kept.named()["inner"].parent_id == kept.named()["outer"].span_id


def test_a_context_that_was_carried_by_hand_is_the_same_trace(
    begin: Begin, tracing: Tracing, tracer: MainstayTracer, kept: Kept
) -> None:
    """As some libraries do it: a span that does not record, of the ids that were told."""
    request = begin()
    outer = tracer.start_span("outer")
    told = outer.get_span_context()
    again = trace.SpanContext(told.trace_id, told.span_id, True, told.trace_flags, told.trace_state)
    with trace.use_span(trace.NonRecordingSpan(again)):
        tracing.child("ours", 1, 0.1, {})
        tracer.start_span("theirs").end()
    outer.end()
    spans = kept.named()
    assert spans["ours"].parent_id == spans["theirs"].parent_id == spans["outer"].span_id
    assert request.recording is not None
    assert request.recording.spans == 3


def test_lines_of_the_log_have_the_innermost_span(begin: Begin, tracer: MainstayTracer) -> None:
    begin()
    with tracer.start_as_current_span("one") as span:
        record = logging.LogRecord("shop", logging.INFO, "", 0, "sold", (), None)
        line = json.loads(JsonFormatter().format(record))
    assert line["span_id"] == trace.format_span_id(span.get_span_context().span_id)


@pytest.mark.parametrize("caller", [CALLER, UNSAMPLED])
def test_what_is_called_finds_mainstays_traceparent(
    begin: Begin, tracing: Tracing, tracer: MainstayTracer, caller: str
) -> None:
    """With the API's own propagator, in a span or not, sampled or not: what the log and the trace say."""

    def injected() -> dict[str, str]:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier

    begin(caller, "a=1,b=2")
    for opened in (
        trace.use_span(trace.get_current_span()),
        tracer.start_as_current_span("x"),
        tracing.span("y"),
    ):
        with opened:
            now = current_trace()
            assert now is not None
            assert injected() == now.headers() == {"traceparent": now.header(), "tracestate": "a=1,b=2"}


def test_threads_and_tasks_stay_in_their_trace(
    begin: Begin, tracing: Tracing, tracer: MainstayTracer, kept: Kept
) -> None:
    async def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            await asyncio.sleep(0)
            await sync_to_async(tracing.child)(f"{name} below", 1, 0.1, {})

    async def both() -> None:
        with tracer.start_as_current_span("outer"):
            await asyncio.gather(*(work(f"task {number}") for number in range(5)))

    def in_thread() -> None:
        tracer.start_span("thread").end()

    begin()
    asyncio.run(both())
    carried = contextvars.copy_context()
    thread = threading.Thread(target=carried.run, args=(in_thread,))
    thread.start()
    thread.join()
    spans = kept.named()
    for number in range(5):
        assert spans[f"task {number}"].parent_id == spans["outer"].span_id
        assert spans[f"task {number} below"].parent_id == spans[f"task {number}"].span_id
    request = TRACE.get()
    assert request is not None
    assert spans["thread"].parent_id == spans["outer"].parent_id == request.span_id


def test_code_adds_to_the_requests_own_span(begin: Begin, tracing: Tracing, kept: Kept) -> None:
    request = begin()
    span = trace.get_current_span()
    assert span.is_recording()
    span.set_attribute("tenant", "t1")
    span.set_attribute("password", "c4nary")
    span.add_event("cache missed")
    span.end()  # which is not for code inside to say
    tracing.request(request, "GET", "seats/", 200, 0.1, {"url.path": "/seats/"})
    (sent,) = kept.spans
    assert sent.attributes["tenant"] == "t1"
    assert (sent.attributes["password"], sent.attributes["url.path"]) == ("(masked)", "/seats/")
    assert [event.name for event in sent.events] == ["cache missed"]
    assert not span.is_recording()
    span.set_attribute("late", 1)
    assert "late" not in sent.attributes
    assert request.recording is not None
    assert request.recording.own is None


def test_code_adds_to_a_span_of_mainstays(begin: Begin, tracing: Tracing, kept: Kept) -> None:
    begin()
    with tracing.span("price", items=3):
        span = trace.get_current_span()
        span.set_attribute("rows", 2)
        span.update_name("price the cart")
        span.set_status(trace.Status(trace.StatusCode.ERROR, "too dear"))
    (sent,) = kept.spans
    assert (sent.name, sent.attributes, sent.error) == ("price the cart", {"items": 3, "rows": 2}, "too dear")
