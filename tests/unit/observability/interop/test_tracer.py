"""Spans that are started through OpenTelemetry's API: which are recorded, below what, and with what they are told."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from mainstay.base.tracecontext import TraceContext
from mainstay.observability.interop.tracer import MainstayTracer, MainstayTracerProvider
from mainstay.observability.spans import CLIENT, ERROR, OK
from mainstay.observability.traces import SPANS_LIMIT, Sampler, Tracing
from tests.unit.observability.interop.conftest import CALLER, UNSAMPLED, Kept

Begin = Callable[..., TraceContext]
FAR = trace.SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=trace.TraceFlags(1))


def test_a_span_is_what_it_was_told(begin: Begin, tracer: MainstayTracer, kept: Kept) -> None:
    request = begin(CALLER, "a=1")
    span = tracer.start_span(
        "pay", kind=SpanKind.CLIENT, attributes={"n": 1}, links=[Link(FAR, {"why": "batch"})], start_time=5
    )
    span.set_attributes({"n": 2, "tags": ["a", "b"], "f": 0.5, "yes": True})
    span.add_event("retried", {"after": 3}, 7)
    span.add_link(FAR)
    span.update_name("pay the bill")
    span.set_status(Status(StatusCode.ERROR, "declined"))
    span.end(11)
    (sent,) = kept.spans
    assert (sent.name, sent.kind, sent.start, sent.end) == ("pay the bill", CLIENT, 5, 11)
    assert (sent.trace_id, sent.parent_id, sent.state) == (request.trace_id, request.span_id, "a=1")
    assert sent.span_id == trace.format_span_id(span.get_span_context().span_id)
    assert sent.attributes == {"n": 2, "tags": ["a", "b"], "f": 0.5, "yes": True}
    assert [(event.name, event.time, event.attributes) for event in sent.events] == [
        ("retried", 7, {"after": 3})
    ]
    assert [(link.trace_id, link.span_id, link.attributes) for link in sent.links] == [
        (f"{0xABC:032x}", f"{0xDEF:016x}", {"why": "batch"}),
        (f"{0xABC:032x}", f"{0xDEF:016x}", {}),
    ]
    assert (sent.status, sent.error) == (ERROR, "declined")
    assert (sent.scope.name, sent.scope.version) == ("shop", "1.0")


def _program(tracer: trace.Tracer) -> None:
    """What code does with the API, in every way that there is to open a span."""
    with tracer.start_as_current_span("outer", kind=SpanKind.PRODUCER, attributes={"a": 1}) as outer:
        outer.set_attribute("b", "two")
        outer.set_attribute("", "no name")
        outer.add_event("seen", {"n": 1, "t": ("x", "y")}, timestamp=5)
        outer.set_status(StatusCode.OK)
        outer.set_status(StatusCode.ERROR, "too late")
        with tracer.start_span("manager", links=[Link(FAR, {"k": "v"})]) as other:
            other.set_status(StatusCode.UNSET)
        other.set_attribute("late", 1)
        other.update_name("late")
        other.add_event("late")
        other.end()
        detached = tracer.start_span("detached", kind=SpanKind.CONSUMER)
        with trace.use_span(detached), tracer.start_as_current_span("below"):
            trace.get_current_span().set_attribute("current", True)
        detached.end()
        tracer.start_span("root", context=context.Context()).end()
        with pytest.raises(KeyError), tracer.start_as_current_span("failed"):
            raise KeyError("x")
        with (
            pytest.raises(KeyError),
            tracer.start_as_current_span("untold", record_exception=False, set_status_on_exception=False),
        ):
            raise KeyError("x")
        with pytest.raises(KeyError), tracer.start_span("within"):
            raise KeyError("x")
        with tracer.start_as_current_span("left open", end_on_exit=False) as opened:
            pass
        opened.set_attribute("still", True)
        opened.end()

    @tracer.start_as_current_span("decorated")
    def decorated() -> None:
        trace.get_current_span().set_attribute("inside", 1)

    @tracer.start_as_current_span("coroutine")
    async def coroutine() -> None:
        await asyncio.sleep(0)
        trace.get_current_span().set_attribute("inside", 2)

    decorated()
    decorated()
    asyncio.run(coroutine())


def test_a_program_leaves_what_it_leaves_with_opentelemetrys_sdk(tracer: MainstayTracer, kept: Kept) -> None:
    """The second implementation of the API says what each call means; an error's text is all that ours leaves out."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    _program(provider.get_tracer("shop", "1.0"))
    _program(tracer)
    theirs = memory.get_finished_spans()
    names = {span.context.span_id: span.name for span in theirs if span.context}
    ours = {span.span_id: span.name for span in kept.spans}
    expected = [
        {
            "name": span.name,
            "kind": span.kind.value + 1,
            "parent": names[span.parent.span_id] if span.parent else "",
            "attributes": {name: _listed(value) for name, value in (span.attributes or {}).items()},
            "events": [_event(event.name, event.attributes) for event in span.events],
            "links": [(link.context.span_id, dict(link.attributes or {})) for link in span.links],
            "status": span.status.status_code.value,
        }
        for span in theirs
    ]
    assert [
        {
            "name": span.name,
            "kind": span.kind,
            "parent": ours.get(span.parent_id, ""),
            "attributes": span.attributes,
            "events": [_event(event.name, event.attributes) for event in span.events],
            "links": [(int(link.span_id, 16), link.attributes) for link in span.links],
            "status": span.status,
        }
        for span in kept.spans
    ] == expected


def _event(name: str, attributes: Any) -> tuple[str, dict[str, Any]]:
    """Without what differs on purpose."""
    left_out = ("exception.message", "exception.stacktrace", "exception.escaped")
    return name, {key: _listed(value) for key, value in attributes.items() if key not in left_out}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_below_a_request_that_is_not_sampled_nothing_is_made(
    begin: Begin, tracer: MainstayTracer, kept: Kept
) -> None:
    request = begin(UNSAMPLED)
    own = trace.get_current_span()
    with tracer.start_as_current_span("one", attributes={"a": 1}) as span:
        assert span is own
        assert trace.get_current_span() is own
        assert tracer.start_span("two") is own
        span.set_attribute("a", 2)
        span.record_exception(ValueError("x"))
        span.end()
    assert not span.is_recording()
    assert span.get_span_context().trace_id == int(request.trace_id, 16)
    assert not kept.spans


def test_who_says_that_it_is_not_sampled_is_believed(
    begin: Begin, tracing: Tracing, tracer: MainstayTracer, kept: Kept
) -> None:
    """As code does it that wants no spans of what it calls, in a request that is sampled."""
    request = begin()
    silent = trace.SpanContext(int(request.trace_id, 16), int(request.span_id, 16), is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(silent)), tracer.start_as_current_span("one") as span:
        assert not span.is_recording()
        tracing.child("two", CLIENT, 0.1, {})
    assert not kept.spans


def test_outside_of_any_request_the_sampler_decides(
    tracing: Tracing, tracer: MainstayTracer, kept: Kept
) -> None:
    with tracer.start_as_current_span("job"):
        tracing.child("inner", CLIENT, 0.1, {})
    inner, job = kept.spans
    assert (job.parent_id, inner.parent_id, inner.trace_id) == ("", job.span_id, job.trace_id)

    tracing.sampler = Sampler(0.0)
    with tracer.start_as_current_span("unsampled") as outer:
        assert not outer.is_recording()
        with tracer.start_as_current_span("below") as below:
            assert below.get_span_context().trace_id == outer.get_span_context().trace_id != 0
        with tracing.span("ours") as told:
            assert told is None
    assert len(kept.spans) == 2

    tracing.sampler = Sampler(1.0, limit=3)
    made = [tracer.start_span("many", context=context.Context()).is_recording() for _ in range(100)]
    assert made.count(True) <= 6  # the limit of a second, or of two
    assert tracing.sampler.refused.value >= 94


@pytest.mark.parametrize(("flag", "is_recorded"), [(1, True), (0, False)])
def test_a_caller_in_another_process_has_decided(
    tracer: MainstayTracer, kept: Kept, flag: int, is_recorded: bool
) -> None:
    """A worker that takes the trace out of a message's headers."""
    carrier = {"traceparent": f"{CALLER[:-1]}{flag}", "tracestate": "a=1"}
    with tracer.start_as_current_span("job", context=propagate.extract(carrier)) as span:
        told = span.get_span_context()
    assert trace.format_trace_id(told.trace_id) == CALLER[3:35]
    assert (span.is_recording() or bool(kept.spans), told.trace_flags & 1) == (is_recorded, flag)
    assert [(sent.parent_id, sent.state) for sent in kept.spans] == [(CALLER[36:52], "a=1")] * is_recorded


def test_one_request_cannot_fill_the_queue_however_spans_are_nested(
    begin: Begin, tracing: Tracing, tracer: MainstayTracer, kept: Kept
) -> None:
    request = begin()
    for _ in range(100):
        with tracing.span("a"), tracer.start_as_current_span("b") as outer, tracing.span("c"):
            for _ in range(33):
                tracer.start_span("d", context=trace.set_span_in_context(outer)).end()
                tracing.child("e", CLIENT, 0.1, {})
                with tracer.start_as_current_span("f") as last:
                    pass
    assert len(kept.spans) == SPANS_LIMIT
    assert request.recording is not None
    assert request.recording.spans > SPANS_LIMIT
    assert not last.is_recording()
    assert last.get_span_context().trace_id == int(request.trace_id, 16)


def test_a_span_that_is_never_ended_is_never_sent_and_holds_nothing(
    begin: Begin, tracer: MainstayTracer, kept: Kept
) -> None:
    begin()
    gone = weakref.ref(tracer.start_span("forgotten", attributes={"a": 1}))
    gc.collect()
    assert gone() is None
    assert not kept.spans


def test_a_span_ends_once(begin: Begin, tracer: MainstayTracer, kept: Kept) -> None:
    begin()
    span = tracer.start_span("one")
    threads = [threading.Thread(target=span.end) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept.spans) == 1


@pytest.mark.parametrize("time", [-1, 1 << 70, 1.5, "soon", True, None])
def test_a_time_that_is_none_is_now(begin: Begin, tracer: MainstayTracer, kept: Kept, time: Any) -> None:
    begin()
    tracer.start_span("one", start_time=time).end(time)
    (sent,) = kept.spans
    assert 1.7e18 < sent.start <= sent.end


def test_a_span_does_not_end_before_it_began(begin: Begin, tracer: MainstayTracer, kept: Kept) -> None:
    begin()
    tracer.start_span("one", start_time=7).end(5)
    assert kept.spans[0].end == 7


def test_ok_is_the_last_word_on_a_request(begin: Begin, tracing: Tracing, kept: Kept) -> None:
    request = begin()
    trace.get_current_span().set_status(StatusCode.OK)
    tracing.request(request, "GET", "x/", 503, 0.1, {})
    assert (kept.spans[0].status, kept.spans[0].error) == (OK, "")


def test_without_a_collector_nothing_is_recorded(tracer: MainstayTracer, tracing: Tracing) -> None:
    tracing.exporter = None
    with tracer.start_as_current_span("one") as span:
        assert not span.is_recording()
    assert MainstayTracerProvider(tracing).force_flush()
