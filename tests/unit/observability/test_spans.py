"""Finished spans in the protocol's JSON form."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.observability.spans import CLIENT, ERROR, OK, OURS, Event, Link, Scope, Span, by_scope, pairs


def span(name: str = "work", **more: Any) -> Span:
    made = Span("0a" * 16, "0b" * 8, "", name, CLIENT, 5, 7)
    for key, value in more.items():
        setattr(made, key, value)
    return made


def test_what_is_not_there_is_not_written() -> None:
    assert span().as_json() == {
        "traceId": "0a" * 16,
        "spanId": "0b" * 8,
        "name": "work",
        "kind": 3,
        "startTimeUnixNano": "5",
        "endTimeUnixNano": "7",
        "attributes": [],
    }


def test_events_and_links_and_what_was_dropped() -> None:
    events, links = [Event("seen", 6, {"n": 1}, dropped=2)], [Link("0c" * 16, "0d" * 8, "a=1", {"k": "v"}, 3)]
    told = span(events=events, links=links, dropped={"Attributes": 4, "Events": 0}).as_json()
    assert told["events"] == [
        {
            "timeUnixNano": "6",
            "name": "seen",
            "attributes": [{"key": "n", "value": {"intValue": "1"}}],
            "droppedAttributesCount": 2,
        }
    ]
    assert told["links"] == [
        {
            "traceId": "0c" * 16,
            "spanId": "0d" * 8,
            "traceState": "a=1",
            "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
            "droppedAttributesCount": 3,
        }
    ]
    assert (told["droppedAttributesCount"], "droppedEventsCount" in told) == (4, False)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"error": "500"}, {"code": 2, "message": "500"}),
        ({"status": ERROR}, {"code": 2}),
        ({"status": OK}, {"code": 1}),
        ({"status": ERROR, "error": "why"}, {"code": 2, "message": "why"}),
    ],
)
def test_the_status(said: dict[str, Any], status: dict[str, Any]) -> None:
    assert span(**said).as_json()["status"] == status


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, {"boolValue": True}),
        ((1 << 63) - 1, {"intValue": str((1 << 63) - 1)}),
        (1 << 63, {"stringValue": str(1 << 63)}),
        (0.5, {"doubleValue": 0.5}),
        (float("inf"), {"stringValue": "inf"}),
        ([None, "a"], {"arrayValue": {"values": [{}, {"stringValue": "a"}]}}),
        ({"a": 1}, {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}),
    ],
)
def test_values_that_the_protocol_has_no_place_for_are_texts(value: Any, written: dict[str, Any]) -> None:
    assert pairs({"k": value, "none": None}) == [{"key": "k", "value": written}]


def test_spans_of_one_library_stand_together() -> None:
    scope = Scope("redis", "2", "https://schema")
    groups = by_scope([span("a"), span("b", scope=scope), span("c"), span("d", scope=Scope("redis", "3"))])
    assert [(group["scope"], [each["name"] for each in group["spans"]]) for group in groups] == [
        ({"name": "mainstay", "version": OURS.version}, ["a", "c"]),
        ({"name": "redis", "version": "2"}, ["b"]),
        ({"name": "redis", "version": "3"}, ["d"]),
    ]
    assert [group.get("schemaUrl") for group in groups] == [None, "https://schema", None]
