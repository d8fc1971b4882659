"""No secret, no text of an error and no excess leaves with what code says of a span, and nothing makes it raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from mainstay.base.context import REQUEST
from mainstay.base.tracecontext import TraceContext
from mainstay.observability.interop.told import ATTRIBUTES_LIMIT, CHARACTERS_LIMIT, EVENTS_LIMIT, LINKS_LIMIT
from mainstay.observability.interop.tracer import MainstayTracer
from mainstay.observability.otlp import Exporter
from mainstay.observability.spans import Span
from tests.unit.observability.interop.conftest import Kept

SECRET = "c4naryc4nary"
FAR = trace.SpanContext(0xABC, 0xDEF, is_remote=True)


@pytest.fixture
def sent(
    begin: Callable[..., TraceContext], tracer: MainstayTracer, kept: Kept
) -> Callable[[Callable[[trace.Span], object]], Span]:
    """``sent(lambda span: …)``: the span after this was done with it."""

    def run(act: Callable[[trace.Span], object]) -> Span:
        begin()
        span = tracer.start_span("work")
        act(span)
        span.end()
        return kept.spans[-1]

    return run


Sent = Callable[[Callable[[trace.Span], object]], Span]


def written(span: Span) -> dict[str, Any]:
    """As it is sent, which also shows that it can be."""
    body = Exporter(None, {}).encode([span])  # type: ignore[arg-type]
    (group,) = json.loads(body)["resourceSpans"][0]["scopeSpans"]
    return dict(group["spans"][0])


@pytest.mark.parametrize(
    "act",
    [
        lambda span: span.set_attribute("http.request.header.authorization", SECRET),
        lambda span: span.set_attribute("headers", {"Cookie": SECRET}),
        lambda span: span.set_attribute("headers", [("Authorization", SECRET)]),
        lambda span: span.set_attribute("url.full", f"https://user:{SECRET}@h/?token={SECRET}"),
        lambda span: span.set_attribute("note", f"came with {SECRET}"),
        lambda span: span.set_attribute("raw", SECRET.encode()),
        lambda span: span.add_event("sold", {"password": SECRET}),
        lambda span: span.add_event(f"sold {SECRET}"),
        lambda span: span.add_link(FAR, {"api_key": SECRET}),
        lambda span: span.update_name(f"GET /?token={SECRET}"),
        lambda span: span.set_status(Status(StatusCode.ERROR, f"password={SECRET}")),
    ],
)
def test_no_secret_leaves(sent: Sent, act: Callable[[trace.Span], object]) -> None:
    request = SimpleNamespace(META={"HTTP_AUTHORIZATION": f"Bearer {SECRET}", "REQUEST_METHOD": "GET"})
    token = REQUEST.set(request)
    try:
        assert SECRET not in str(written(sent(act)))
    finally:
        REQUEST.reset(token)


@pytest.mark.parametrize(
    "act",
    [
        lambda span: span.set_attribute("db.statement", f"SELECT * FROM t WHERE a = '{SECRET}'"),
        lambda span: span.set_attribute("db.query.text", f"SELECT * FROM t WHERE a = '{SECRET}'"),
        lambda span: span.set_attribute("db.statement.parameters", f"('{SECRET}',)"),
        lambda span: span.set_attribute("db.query.parameter.0", SECRET),
        lambda span: span.add_event("exception", {"exception.message": SECRET}),
        lambda span: span.add_event("exception", {"exception.stacktrace": SECRET}),
        lambda span: span.record_exception(ValueError(SECRET)),
        lambda span: span.record_exception(ValueError("x"), {"exception.message": SECRET}),
    ],
)
def test_values_of_sql_and_texts_of_errors_do_not_leave(
    sent: Sent, act: Callable[[trace.Span], object]
) -> None:
    """Here nobody knows the value, so only where it stands can tell."""
    assert SECRET not in str(written(sent(act)))


@pytest.mark.parametrize("way", ["block", "use_span", "caught"])
def test_an_error_is_told_by_its_class_and_place_only(
    begin: Callable[..., TraceContext], tracer: MainstayTracer, kept: Kept, way: str
) -> None:
    """Instrumentations and the API itself put the error's text into the description."""
    begin()
    with pytest.raises(ValueError, match="c4nary"):
        if way == "block":
            with tracer.start_as_current_span("work"):
                raise ValueError(SECRET)
        elif way == "use_span":
            with trace.use_span(tracer.start_span("work"), end_on_exit=True):
                raise ValueError(SECRET)
        else:
            span = tracer.start_span("work")
            try:
                raise ValueError(SECRET)
            except ValueError as error:
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, f"it failed: {error}"))
                span.end()
                raise
    (span_,) = kept.spans
    (event,) = span_.events
    assert (event.name, event.attributes["exception.type"]) == ("exception", "ValueError")
    assert f'File "{__file__}", line ' in event.attributes["exception.stacktrace"]
    assert (span_.status, span_.error) == (2, "ValueError")
    assert SECRET not in str(written(span_))


def test_what_is_too_much_is_left_out_and_counted(sent: Sent) -> None:
    def act(span: trace.Span) -> None:
        for number in range(1000):
            span.set_attribute(f"a{number}", number)
            span.add_event(
                "e", {f"a{each}": each for each in range(ATTRIBUTES_LIMIT + 5)} if number == 0 else None
            )
            span.add_link(FAR)
        span.set_attribute("a0", "the last value of a name counts")

    told = written(sent(act))
    assert (len(told["attributes"]), told["droppedAttributesCount"]) == (
        ATTRIBUTES_LIMIT,
        1000 - ATTRIBUTES_LIMIT,
    )
    assert (len(told["events"]), told["droppedEventsCount"]) == (EVENTS_LIMIT, 1000 - EVENTS_LIMIT)
    assert (len(told["links"]), told["droppedLinksCount"]) == (LINKS_LIMIT, 1000 - LINKS_LIMIT)
    assert told["events"][0]["droppedAttributesCount"] == 5
    assert told["attributes"][0]["value"] == {"stringValue": "the last value of a name counts"}


def test_huge_values_are_cut(sent: Sent) -> None:
    def act(span: trace.Span) -> None:
        for number in range(100):
            span.set_attribute(f"a{number}", "x" * 10_000_000)
            span.add_event("e" * 100_000, {"b": ["y" * 100_000] * 1000})
        span.update_name("n" * 1_000_000)
        span.set_status(Status(StatusCode.ERROR, "d" * 1_000_000))

    told = written(sent(act))
    assert len(json.dumps(told)) < 2 * CHARACTERS_LIMIT
    assert told["droppedAttributesCount"] > 80
    assert len(told["name"]) < 300


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class HostileDict(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError


def cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "value",
    [
        cycle(),
        {"a": cycle()},
        Hostile(),
        [Hostile()],
        HostileDict(a=1),
        b"\xff\xfe",
        "\ud800 lone",
        ["\udfff"],
        float("nan"),
        float("-inf"),
        1 << 63,
        -(1 << 70),
        object(),
        Path("/x"),
        {1: 2, None: "x", "\ud800": 1},
        [1, "mixed", None, {"deep": [{"er": (1,)}]}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_any_kind_can_be_sent(sent: Sent, value: Any) -> None:
    """One that could not be written would cost 511 others."""

    def act(span: trace.Span) -> None:
        span.set_attribute("value", value)
        span.add_event("event", {"value": value})
        span.add_event(value, value)
        span.add_link(FAR, {"value": value})
        span.set_attributes(value)
        span.set_attribute(value, value)
        span.update_name(value)
        span.set_status(value, value)
        span.set_status(StatusCode.ERROR, value)
        span.record_exception(value)
        span.add_link(value)

    told = written(sent(act))
    assert told["attributes"][0]["key"] == "value"
    for pair in told["attributes"]:
        number = pair["value"].get("intValue")
        assert number is None or -(1 << 63) <= int(number) < 1 << 63


def test_a_list_that_changes_later_was_told_as_it_was(sent: Sent) -> None:
    def act(span: trace.Span) -> None:
        seats = ["A1"]
        span.set_attribute("seats", seats)
        seats.append("A2")

    assert sent(act).attributes == {"seats": ["A1"]}


def test_nested_values_keep_their_shape(sent: Sent) -> None:
    told = written(sent(lambda span: span.set_attribute("cart", {"seats": ["A1", 2]})))
    values = [{"stringValue": "A1"}, {"intValue": "2"}]
    nested = {"key": "seats", "value": {"arrayValue": {"values": values}}}
    assert told["attributes"] == [{"key": "cart", "value": {"kvlistValue": {"values": [nested]}}}]


def test_a_deep_error_is_told_by_its_innermost_frames(sent: Sent) -> None:
    def sink(depth: int) -> None:
        if not depth:
            raise RecursionError("x")
        sink(depth - 1)

    def act(span: trace.Span) -> None:
        try:
            sink(300)
        except RecursionError as error:
            span.record_exception(error)

    (event,) = sent(act).events
    assert event.attributes["exception.stacktrace"].count("in sink") == 50
