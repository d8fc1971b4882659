"""Which requests are sampled, what an unsampled one costs in calls, and what reaches a receiver over HTTP."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg.sql import SQL

from mainstay.base.context import REQUEST
from mainstay.base.errors import InvalidInput
from mainstay.base.tracecontext import TRACE, TraceContext, parse
from mainstay.observability import otlp, traces
from mainstay.observability.otlp import Collector, Exporter
from mainstay.observability.spans import CLIENT, SERVER, Span
from mainstay.observability.traces import SPANS_LIMIT, Sampler, Tracing, sampling_ratio
from tests.unit.conftest import NoRoom
from tests.unit.observability.collector import BlackHole, CollectorServer, attributes

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CALLER[:-2] + "00"


class Kept:
    """An exporter that keeps."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def put(self, span: Span) -> None:
        self.spans.append(span)


class Untouchable:
    def put(self, span: Span) -> None:
        raise AssertionError("an unsampled request reached the exporter")


def tracing(ratio: float = 1.0, limit: int = 1000, exporter: Any = None) -> Tracing:
    return Tracing(Sampler(ratio, limit), exporter if exporter is not None else Kept())


@pytest.fixture
def current() -> Iterator[Callable[[TraceContext], TraceContext]]:
    token = TRACE.set(None)

    def enter(trace: TraceContext) -> TraceContext:
        TRACE.set(trace)
        return trace

    yield enter
    TRACE.reset(token)


@pytest.fixture
def collector() -> Iterator[CollectorServer]:
    server = CollectorServer()
    yield server
    server.end()


def exporter_to(monkeypatch: pytest.MonkeyPatch, endpoint: str, **options: Any) -> Exporter:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    found = Collector.from_environment()
    assert found is not None
    return Exporter(found, **{"pause": 0.01, "backoff": 0.01, **options})


def span(number: int = 0) -> Span:
    return Span("0a" * 16, f"{number + 1:016x}", "", "GET x/", SERVER, 10**18, 10**18 + 5)


def test_the_callers_decision_is_kept() -> None:
    made = tracing(ratio=0.0)
    sampled, unsampled = made.begin(CALLER, "a=1"), made.begin(UNSAMPLED)
    assert (sampled.sampled, unsampled.sampled) == (True, False)
    assert (sampled.trace_id, sampled.caller_id, sampled.state) == (CALLER[3:35], CALLER[36:52], "a=1")
    assert sampled.span_id != sampled.caller_id


def test_the_share_of_ids_is_the_one_that_opentelemetry_takes() -> None:
    """``TraceIdRatioBased``: the last 64 bits of the id, below ratio times 2⁶⁴."""
    quarter = Sampler(0.25, 1000)
    assert quarter.samples("f" * 16 + "3fffffffffffffff")
    assert not quarter.samples("0" * 16 + "4000000000000000")
    assert Sampler(1.0).samples("f" * 32)
    assert not Sampler(0.0).samples("0" * 31 + "1")
    taken = sum(tracing(0.25, 10_000).begin("").sampled for _ in range(4000))
    assert 850 < taken < 1150


def test_a_caller_cannot_have_more_sampled_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces.time, "monotonic", lambda: 5.0)
    made = tracing(limit=10)
    assert sum(made.begin(CALLER).sampled for _ in range(100)) == 10
    assert made.sampler.refused.value == 90
    monkeypatch.setattr(traces.time, "monotonic", lambda: 6.0)
    assert made.begin(CALLER).sampled


def test_without_a_collector_ids_are_made_and_nothing_is_sampled() -> None:
    made = Tracing(Sampler(1.0))
    trace = made.begin(CALLER)
    assert not trace.sampled
    assert parse(trace.header()) is not None
    made.request(trace, "GET", "x/", 200, 0.1, {})


def test_an_unsampled_request_reaches_neither_spans_nor_exporter(
    current: Callable[[TraceContext], TraceContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tracing(exporter=Untouchable())
    trace = current(made.begin(UNSAMPLED))
    monkeypatch.setattr(traces, "Span", None)
    monkeypatch.setattr(traces, "scrubbing", None)
    made.statement("SELECT 1", "default", "postgresql", 0.1)
    made.child("call", CLIENT, 0.1, {})
    with made.span("work") as told:
        assert told is None
        assert TRACE.get() is trace
    made.request(trace, "GET", "x/", 200, 0.1, {})


def test_spans_lie_below_the_request_and_calls_below_the_span(
    current: Callable[[TraceContext], TraceContext],
) -> None:
    kept = Kept()
    made = tracing(exporter=kept)
    trace = current(made.begin(CALLER))
    with made.span("work", seat="A1", password="c4nary") as told:
        inner = TRACE.get()
        assert inner is not None
        assert told is not None
        told["rows"] = 3
        made.statement("SELECT 'c4nary' FROM t WHERE a = %s", "default", "postgresql", 0.25)
    assert TRACE.get() is trace
    made.request(trace, "GET", "x/", 503, 0.5, {"url.path": "/x/"})
    statement, work, request = kept.spans
    assert (request.parent_id, request.span_id, request.kind) == (CALLER[36:52], trace.span_id, SERVER)
    assert (work.parent_id, work.span_id) == (trace.span_id, inner.span_id)
    assert (statement.parent_id, statement.kind) == (work.span_id, CLIENT)
    assert {each.trace_id for each in kept.spans} == {trace.trace_id}
    assert (request.name, request.error) == ("GET x/", "503")
    assert request.end - request.start == 500_000_000
    assert statement.name == "SELECT default"
    assert statement.attributes["db.query.text"] == "SELECT ? FROM t WHERE a = %s"
    assert work.attributes == {"seat": "A1", "password": "(masked)", "rows": 3}


def test_a_statement_that_is_no_text_is_named_by_its_class(
    current: Callable[[TraceContext], TraceContext],
) -> None:
    kept = Kept()
    made = tracing(exporter=kept)
    current(made.begin(CALLER))
    made.statement(SQL("SELECT 'c4nary'"), "default", "postgresql", 0.1)
    assert kept.spans[0].attributes["db.query.text"] == "(SQL)"


def test_an_error_is_named_by_its_class_only(current: Callable[[TraceContext], TraceContext]) -> None:
    kept = Kept()
    made = tracing(exporter=kept)
    current(made.begin(CALLER))
    with pytest.raises(ValueError, match="c4nary"), made.span("work"):
        raise ValueError("c4nary")
    assert kept.spans[0].error == "ValueError"
    assert "c4nary" not in str(kept.spans)


def test_what_came_with_the_request_is_masked_in_a_span(
    current: Callable[[TraceContext], TraceContext],
) -> None:
    kept = Kept()
    made = tracing(exporter=kept)
    current(made.begin(CALLER))
    token = REQUEST.set(
        SimpleNamespace(META={"HTTP_COOKIE": "session=c4naryc4nary", "REQUEST_METHOD": "GET"})
    )
    with made.span("work", note="it was c4naryc4nary"):
        pass
    REQUEST.reset(token)
    assert kept.spans[0].attributes == {"note": "it was (masked)"}


def test_one_request_cannot_fill_the_queue(current: Callable[[TraceContext], TraceContext]) -> None:
    kept = Kept()
    made = tracing(exporter=kept)
    trace = current(made.begin(CALLER))
    for _ in range(10_000):
        made.statement("SELECT 1", "default", "postgresql", 0.0)
        with made.span("work"):
            pass
    assert len(kept.spans) == SPANS_LIMIT
    assert trace.recording is not None
    assert trace.recording.spans == 20_000


def test_a_receiver_understands_what_is_sent(
    collector: CollectorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "MAINSTAY_SERVICE": "shop",
        "MAINSTAY_REPLICA": "shop.web.1",
        "MAINSTAY_RELEASE": "r7",
        "MAINSTAY_SYSTEM": "boxoffice",
        "OTEL_RESOURCE_ATTRIBUTES": "region=eu%20north,bad,cell=7",
        "OTEL_EXPORTER_OTLP_HEADERS": "X-Tenant=a%20b, x-two=2",
    }.items():
        monkeypatch.setenv(name, value)
    exporter = exporter_to(monkeypatch, collector.endpoint + "/")
    made = tracing(exporter=exporter)
    trace = made.begin(CALLER, "a=1")
    told = {"n": 5, "f": 0.5, "yes": True, "tags": ["a", 1], "none": None}
    made.request(trace, "GET", "x/", 500, 0.5, told)
    (sent,) = collector.wait(1)
    assert exporter.flush()
    assert (sent["traceId"], sent["spanId"], sent["parentSpanId"]) == (
        trace.trace_id,
        trace.span_id,
        trace.caller_id,
    )
    assert (sent["name"], sent["kind"], sent["traceState"]) == ("GET x/", 2, "a=1")
    assert sent["status"] == {"code": 2, "message": "500"}
    assert int(sent["endTimeUnixNano"]) - int(sent["startTimeUnixNano"]) == 500_000_000
    assert attributes(sent) == {
        "http.request.method": "GET",
        "http.route": "x/",
        "http.response.status_code": 500,
        "n": 5,
        "f": 0.5,
        "yes": True,
        "tags": ["a", 1],
    }
    resource = collector.resources[0]
    assert resource["service.name"] == "shop"
    assert resource["service.instance.id"] == "shop.web.1"
    assert (resource["service.version"], resource["service.namespace"]) == ("r7", "boxoffice")
    assert (resource["region"], resource["cell"]) == ("eu north", "7")
    assert (collector.headers[0]["x-tenant"], collector.headers[0]["x-two"]) == ("a b", "2")
    assert exporter.sent.value == 1


@pytest.mark.parametrize(
    ("answers", "requests", "sent"), [((503, 429), 3, 1), ((500,), 1, 0), ((400,), 1, 0)]
)
def test_what_may_be_repeated_is_repeated(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[int, ...], requests: int, sent: int
) -> None:
    server = CollectorServer(*answers)
    try:
        exporter = exporter_to(monkeypatch, server.endpoint)
        exporter.put(span())
        assert exporter._idle.wait(10)
    finally:
        server.end()
    assert (server.requests, exporter.sent.value, exporter.dropped.value) == (requests, sent, 1 - sent)


def test_a_receiver_that_never_answers_costs_spans_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hole = BlackHole()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    exporter = exporter_to(monkeypatch, hole.endpoint, queue_limit=100)
    try:
        for number in range(5000):
            exporter.put(span(number))
            assert exporter.waiting <= 100
        assert exporter.dropped.value >= 4000
        assert exporter._idle.wait(20)
        assert exporter.dropped.value == 5000
        assert not exporter.sent.value
    finally:
        hole.end()


def test_a_closed_port_and_nonsense_behind_a_port_are_survived(
    monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    exporter = exporter_to(monkeypatch, f"http://127.0.0.1:{free_port()}")
    exporter.put(span())
    assert exporter._idle.wait(10)
    assert exporter.dropped.value == 1
    broken = span()
    broken.name = object()  # type: ignore[assignment]
    exporter.put(broken)
    assert exporter._idle.wait(10)
    assert exporter.dropped.value == 2
    assert exporter._thread is not None
    assert exporter._thread.is_alive()


def test_nothing_waits_for_the_thread(monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]) -> None:
    exporter = exporter_to(monkeypatch, f"http://127.0.0.1:{free_port()}")
    held = threading.Event()
    monkeypatch.setattr(exporter, "_send", lambda batch: held.wait(30))
    for number in range(otlp.QUEUE_LIMIT + otlp.BATCH_LIMIT + 100):
        exporter.put(span(number))
    assert exporter.waiting <= otlp.QUEUE_LIMIT
    assert exporter.dropped.value >= 100
    held.set()


def test_a_thread_that_cannot_start_is_tried_again_with_the_next_span(
    monkeypatch: pytest.MonkeyPatch, collector: CollectorServer, no_room: NoRoom
) -> None:
    """And the request whose span it is does not notice."""
    no_room(2)
    exporter = exporter_to(monkeypatch, collector.endpoint)
    for number in range(3):
        exporter.put(span(number))
    assert len(collector.wait(3)) == 3


class Refusing:
    """A collector that is there and takes nothing, and wants to be left alone for a day."""

    def __init__(self) -> None:
        self.asked = 0

    def post(self, body: bytes) -> tuple[int, float]:
        self.asked += 1
        return 503, 86400.0


class Waits(threading.Event):
    """Notes how long somebody would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return self.is_set()


def test_a_collector_that_wants_to_be_left_alone_for_a_day_is_asked_again_sooner() -> None:
    """Spans of a day would not fit into the queue, and the thread would be of no use to others."""
    collector = Refusing()
    exporter = Exporter(collector, {})  # type: ignore[arg-type]
    exporter._ending = waits = Waits()
    assert not exporter._deliver(b"{}")
    assert collector.asked == otlp.TRIES
    assert waits.seconds == [otlp.RETRY_AFTER_LIMIT] * (otlp.TRIES - 1)


def test_a_process_that_ends_does_not_try_again() -> None:
    collector = Refusing()
    exporter = Exporter(collector, {})  # type: ignore[arg-type]
    exporter._ending.set()
    assert not exporter._deliver(b"{}")
    assert collector.asked == 1


def test_a_forked_process_sends_its_own_spans_and_not_its_parents() -> None:
    code = """
import os, sys
from mainstay.observability.otlp import Exporter
from mainstay.observability.spans import Span
class Collector:
    bodies = []
    def post(self, body): self.bodies.append(body); return 200, 0.0
exporter = Exporter(Collector(), {}, pause=0.0)
def send(trace_id):
    exporter.put(Span(trace_id, "1", "", "work", 1, 0, 1))
    return exporter.flush(20.0)
assert send("parent")
exporter.put(Span("waiting", "1", "", "work", 1, 0, 1))
child = os.fork()
if not child:
    Collector.bodies = []
    sound = send("child") and b"child" in b"".join(Collector.bodies) and b"waiting" not in b"".join(Collector.bodies)
    os._exit(0 if sound else 7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://h:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:99999"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "x"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_TRACES_SAMPLER_ARG", "-1"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "half"),
    ],
)
def test_a_variable_that_means_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as caught:
        Collector.from_environment()
        sampling_ratio()
    assert caught.value.problems[0].id == "settings.bad-variable"


def test_opentelemetrys_variables_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert Collector.from_environment() is None
    assert traces.setup() is False
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318/base/")
    assert Collector.from_environment().url.path == "/base/v1/traces"  # type: ignore[union-attr]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://h/own")
    assert Collector.from_environment().url.geturl() == "https://h/own"  # type: ignore[union-attr]
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert Collector.from_environment() is None
    assert sampling_ratio() == traces.RATIO
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    assert sampling_ratio() == 1.0
    assert sampling_ratio(0.5) == 0.5
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert sampling_ratio() == 0.0


def test_a_child_of_a_fork_starts_with_an_empty_queue(
    collector: CollectorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = exporter_to(monkeypatch, collector.endpoint)
    exporter.put(span(1))
    collector.wait(1)
    exporter._begin()  # what `os.register_at_fork` calls in the child, where the thread is not
    exporter.put(span(2))
    assert [each["spanId"] for each in collector.wait(2)] == [f"{2:016x}", f"{3:016x}"]
