"""
What code says of one span through OpenTelemetry's API: bounded while it runs, cleaned when it ends.

Cleaned as everything else that leaves: secrets by name, by shape, of the environment and of the request.
As in Mainstay's own spans there are no literals and parameters of SQL, and no text of an error: its class
and where it was raised are told, which is code and no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from traceback import walk_tb
from typing import Any

from mainstay.observability import scrubbing
from mainstay.observability.spans import Event, Link, Span

ATTRIBUTES_LIMIT = 128
"""Of a span, and of each event and link. This and the next two are OpenTelemetry's defaults."""

EVENTS_LIMIT = 128
LINKS_LIMIT = 128

CHARACTERS_LIMIT = 65_536
"""Of all that one span is told, as it is sent: 2,048 spans wait at most, so they hold 128 Mi characters at most."""

NAME_LIMIT = 256
"""Characters of a name."""

FRAMES_LIMIT = 50
"""Innermost frames of an error that are told."""

STATEMENTS = frozenset({"db.statement", "db.query.text"})
PARAMETERS = ("db.query.parameter.", "db.statement.parameters", "db.operation.parameter.")
ERROR_TEXTS = frozenset({"exception.message", "exception.stacktrace", "error.message"})
"""Left out: an error's text may hold anything, and so may the end of its traceback."""

_PLAIN = frozenset({str, int, float, bool})


class Told:
    """The attributes, events and links of one span. Nothing here raises because of what it is given."""

    __slots__ = ("attributes", "dropped", "events", "links")

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}
        self.events: list[Event] = []
        self.links: list[Link] = []
        self.dropped = {"Attributes": 0, "Events": 0, "Links": 0}

    def set(self, name: object, value: object) -> None:
        """One attribute. Of one name the last value counts; a new name beyond the limit is dropped."""
        self.dropped["Attributes"] += _take_one(name, value, self.attributes)

    def add(self, attributes: object) -> None:
        """The same for many."""
        self.dropped["Attributes"] += _take(attributes, self.attributes)

    def add_event(self, name: object, time: int, attributes: object, error: Any = None) -> None:
        """One more event; with an error, that it was raised, and where."""
        if len(self.events) >= EVENTS_LIMIT:
            self.dropped["Events"] += 1
            return
        event = Event(text(name), time, said := _of_error(error))
        event.dropped = _take(attributes, said)
        self.events.append(event)

    def add_link(self, link: Link, attributes: object) -> None:
        """One more link."""
        if len(self.links) >= LINKS_LIMIT:
            self.dropped["Links"] += 1
            return
        link.attributes = said = dict[str, Any]()
        link.dropped = _take(attributes, said)
        self.links.append(link)

    def complete(self, span: Span) -> None:
        """Put it all, without secrets, into the finished span."""
        room = _Room(scrubbing.current_secrets())
        kept, dropped = room.clean(self.attributes)
        span.attributes = {**span.attributes, **kept}
        # Copies: a thread that is late adds to what is not sent.
        span.events, span.links = [*self.events], [*self.links]
        noted: list[Event | Link] = [*span.events, *span.links]
        for each in noted:
            each.attributes, more = room.clean(each.attributes)
            each.dropped += more
        span.dropped = {**self.dropped, "Attributes": self.dropped["Attributes"] + dropped}


class _Room:
    """How many characters of one span are left."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self.left = CHARACTERS_LIMIT
        self._secrets = secrets

    def clean(self, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """What may be sent of these, and how many were too much."""
        kept: dict[str, Any] = {}
        dropped = 0
        for name, value in list(attributes.items()):
            shown = self._shown(name, value)
            size = len(name) + _size(shown)
            if size > self.left:
                dropped += 1
            else:
                self.left -= size
                kept[scrubbing.scrub_text(name)] = shown
        return kept, dropped

    def _shown(self, name: str, value: Any) -> Any:
        if name.startswith(PARAMETERS):
            return scrubbing.MASK
        if name in STATEMENTS and type(value) is str:
            value = scrubbing.scrub_sql(value)
        return scrubbing.scrub_named(name, value, self._secrets)


def text(value: object, limit: int = NAME_LIMIT) -> str:
    """Anything as a text that may be shown."""
    return scrubbing.scrub_text(str(scrubbing.scrub(value)), limit, scrubbing.current_secrets())


def _take(attributes: object, into: dict[str, Any]) -> int:
    """Take these attributes, as they are now; how many could not be taken."""
    if not attributes:
        return 0
    dropped = 0
    try:
        for name, value in attributes.items():  # type: ignore[attr-defined]
            dropped += _take_one(name, value, into)
    except Exception:  # no mapping, or one whose own methods fail
        dropped += 1
    return dropped


def _take_one(name: object, value: object, into: dict[str, Any]) -> int:
    """The same for one: 0 or 1."""
    if not isinstance(name, str) or not name or len(name) > NAME_LIMIT:
        return 1
    if value is None or name in ERROR_TEXTS:
        return 0
    if name not in into and len(into) >= ATTRIBUTES_LIMIT:
        return 1
    into[name] = value if type(value) in _PLAIN else scrubbing.scrub(value)
    return 0


def _of_error(error: Any) -> dict[str, Any]:
    if error is None:
        return {}
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {"exception.type": name, "exception.stacktrace": _places(error)}


def _places(error: Any) -> str:
    """Where it was raised, innermost last, as Python writes it, without what stands in the lines."""
    frames = [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in islice(walk_tb(getattr(error, "__traceback__", None)), 10_000)
    ]
    return "\n".join(f'File "{file}", line {line}, in {name}' for file, line, name in frames[-FRAMES_LIMIT:])


def _size(value: Any) -> int:
    """Characters, about."""
    match value:
        case str():
            return len(value)
        case dict():
            return sum(len(name) + _size(each) for name, each in value.items())
        case list():
            return sum(map(_size, value))
    return 8
