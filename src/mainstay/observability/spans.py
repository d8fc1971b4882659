"""
Finished spans, and how OTLP writes them in JSON: ids in hexadecimal, 64-bit numbers as text.

A receiver refuses a whole request because of one value that it cannot read, so what the protocol has no
place for is written as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mainstay

INTERNAL, SERVER, CLIENT = 1, 2, 3
"""Span kinds of the protocol."""

UNSET, OK, ERROR = 0, 1, 2
"""Status codes of the protocol."""

_LEAST, _BEYOND = -(1 << 63), 1 << 63


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose spans they are: a library and its version."""

    name: str
    version: str = ""
    schema: str = ""


OURS = Scope("mainstay", mainstay.__version__)


@dataclass(slots=True)
class Event:
    """Something that happened at one moment of a span. The time is nanoseconds since 1970."""

    name: str
    time: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dropped: int = 0

    def as_json(self) -> dict[str, Any]:
        event = {"timeUnixNano": str(self.time), "name": self.name, "attributes": pairs(self.attributes)}
        return {**event, "droppedAttributesCount": self.dropped} if self.dropped else event


@dataclass(slots=True)
class Link:
    """Another span that this one has to do with, such as that which sent a message."""

    trace_id: str
    span_id: str
    state: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dropped: int = 0

    def as_json(self) -> dict[str, Any]:
        link: dict[str, Any] = {"traceId": self.trace_id, "spanId": self.span_id}
        if self.state:
            link["traceState"] = self.state
        link["attributes"] = pairs(self.attributes)
        return {**link, "droppedAttributesCount": self.dropped} if self.dropped else link


@dataclass(slots=True)
class Span:
    """
    One finished piece of work. Times are nanoseconds since 1970.

    ``error`` says why it failed; without a ``status`` of its own it makes one. What was left out of
    attributes, events and links is counted, for the reader to know.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start: int
    end: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    state: str = ""
    status: int = UNSET
    events: Sequence[Event] = ()
    links: Sequence[Link] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    scope: Scope = OURS

    def as_json(self) -> dict[str, Any]:
        """In the protocol's JSON form."""
        span: dict[str, Any] = {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "name": self.name,
            "kind": self.kind,
            "startTimeUnixNano": str(self.start),
            "endTimeUnixNano": str(self.end),
            "attributes": pairs(self.attributes),
        }
        if self.parent_id:
            span["parentSpanId"] = self.parent_id
        if self.state:
            span["traceState"] = self.state
        if self.error:
            span["status"] = {"code": self.status or ERROR, "message": self.error}
        elif self.status:
            span["status"] = {"code": self.status}
        if self.events:
            span["events"] = [event.as_json() for event in self.events]
        if self.links:
            span["links"] = [link.as_json() for link in self.links]
        span.update((f"dropped{what}Count", count) for what, count in self.dropped.items() if count)
        return span


def by_scope(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """The spans as the protocol groups them."""
    groups: dict[Scope, list[Span]] = {}
    for span in spans:
        groups.setdefault(span.scope, []).append(span)
    return [_group(scope, members) for scope, members in groups.items()]


def pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as the protocol's list of keys and typed values; None is left out."""
    return [{"key": name, "value": _typed(value)} for name, value in attributes.items() if value is not None]


def _group(scope: Scope, spans: list[Span]) -> dict[str, Any]:
    told = {"name": scope.name, "version": scope.version}
    group: dict[str, Any] = {"scope": told, "spans": [span.as_json() for span in spans]}
    return {**group, "schemaUrl": scope.schema} if scope.schema else group


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int() if _LEAST <= value < _BEYOND:
            return {"intValue": str(value)}
        case float() if math.isfinite(value):
            return {"doubleValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_typed(each) for each in value]}}
        case dict():
            return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": str(value)}
