"""
W3C Trace Context: which trace a piece of work belongs to, and what is told to those it calls.

Follows https://www.w3.org/TR/trace-context-2/ (``traceparent`` version 00, ``tracestate``). Headers
come from strangers, so everything that is not exactly as the text says is as if it were absent: a
wrong ``traceparent`` begins a new trace, a wrong ``tracestate`` is dropped and the trace goes on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

TRACEPARENT_LIMIT = 256
"""Characters of a ``traceparent`` that are looked at; version 00 has 55, later ones may have more."""

STATE_LIMIT = 512
"""Characters of ``tracestate`` that are passed on: the least that the W3C text asks everybody for."""

STATE_RECEIVED = 8192
"""Longest ``tracestate`` that is read at all."""

MEMBERS_LIMIT = 32
LARGE_MEMBER = 128
"""Members above this many characters are the first to go when the whole is too long."""

SAMPLED = 0x01
RANDOM = 0x02
"""The trace id was made at random, so any of its bits may be used for sampling (level 2 of the text)."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_KEY = r"[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rf"({_KEY})=({_VALUE})", re.ASCII)
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_BLANKS = " \t"
_bits = random.getrandbits


class Recording:
    """
    What all spans of one sampled request share.

    ``spans`` counts them, however they are nested, so that one request cannot fill the queue. ``own``
    is the request's own span while others may add to it, or None.
    """

    __slots__ = ("own", "spans")

    def __init__(self) -> None:
        self.spans = 0
        self.own: Any = None


class TraceContext:
    """
    One piece of work in a trace. Its ids are lower-case hexadecimal text, as on the wire.

    ``parent_id`` is this work's own span: what it calls sees it as the parent. ``caller_id``
    is the span that asked for this work, empty at the start of a trace. ``recording`` is there
    once spans are recorded.
    """

    __slots__ = ("caller_id", "flags", "parent_id", "recording", "state", "trace_id")

    def __init__(self, trace_id: str, parent_id: str, flags: int = 0, state: str = "", caller_id: str = ""):
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.flags = flags
        self.state = state
        self.caller_id = caller_id
        self.recording: Recording | None = None

    def __repr__(self) -> str:
        return f"TraceContext({self.header()})"

    @property
    def span_id(self) -> str:
        """This work's own span, as logs and exporters call it."""
        return self.parent_id

    @property
    def sampled(self) -> bool:
        """Whether the spans of this trace are recorded."""
        return self.flags & SAMPLED == SAMPLED

    def header(self) -> str:
        """The ``traceparent`` for whatever is called from here."""
        return f"00-{self.trace_id}-{self.parent_id}-{self.flags:02x}"

    def headers(self) -> dict[str, str]:
        """Both headers for whatever is called from here; ``tracestate`` only when there is one."""
        if self.state:
            return {"traceparent": self.header(), "tracestate": self.state}
        return {"traceparent": self.header()}

    def child(self) -> TraceContext:
        """The context of a piece of work that was asked for from here."""
        return TraceContext(self.trace_id, new_span_id(), self.flags, self.state, self.parent_id)

    def counted(self) -> int:
        """How many spans are below this request, with the one that is about to be."""
        if self.recording is None:
            self.recording = Recording()
        self.recording.spans += 1
        return self.recording.spans

    def recorded_child(self) -> TraceContext:
        """The context of a piece of work that leaves a span of its own."""
        inner = self.child()
        inner.recording = self.recording
        return inner


TRACE: ContextVar[TraceContext | None] = ContextVar("mainstay_trace", default=None)
"""The trace of the request being worked on."""


Finder = Callable[[TraceContext | None], TraceContext | None]

_find: Finder | None = None


def current_trace() -> TraceContext | None:
    """The trace of the work being done, with the innermost span that is recorded, or None outside of any."""
    trace = TRACE.get()
    return trace if trace is not None and not trace.flags & SAMPLED else innermost(trace)


def innermost(trace: TraceContext | None) -> TraceContext | None:
    """What lies inside of this one by the word of others who keep track, or else this one."""
    return trace if _find is None else _find(trace)


def follow(find: Finder | None) -> None:
    """Let this function say what lies inside of a sampled trace, or where there is none at all."""
    global _find
    _find = find


def trace_headers() -> dict[str, str]:
    """
    The headers that carry the trace to whatever is called from here; empty outside of a request.

    Outside is where no request came through Mainstay: in ``manage.py runserver`` and Django's test client, in a
    script, a shell, a worker between its tasks.

    Example:
        >>> Request("http://127.0.0.1:9000/", headers=trace_headers())
    """
    trace = TRACE.get()
    return trace.headers() if trace is not None else {}


def parse(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """
    What the caller said, or None if it said nothing that the W3C text allows.

    Never raises. A header that came twice must be given joined by a comma, which makes a
    ``traceparent`` invalid, as the text demands, and is how ``tracestate`` may be split.
    """
    if not traceparent or len(traceparent) > TRACEPARENT_LIMIT:
        return None
    match = _PARENT.fullmatch(traceparent.strip(_BLANKS))
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    if trace_id == _NO_TRACE or parent_id == _NO_SPAN:
        return None
    known = int(flags, 16) & (SAMPLED | RANDOM)
    return TraceContext(trace_id, parent_id, known, parse_state(tracestate) if tracestate else "")


def parse_state(text: str) -> str:
    """A ``tracestate`` that may be passed on, at most `STATE_LIMIT` characters; empty if it is not valid."""
    if len(text) > STATE_RECEIVED:
        return ""
    members: dict[str, str] = {}
    for part in text.split(","):
        member = part.strip(_BLANKS)
        if not member:
            continue
        match = _MEMBER.fullmatch(member)
        if match is None:
            return ""
        members.setdefault(match[1], member)
    return _shortened(list(members.values())) if len(members) <= MEMBERS_LIMIT else ""


def new_trace(*, sampled: bool = False) -> TraceContext:
    """
    The start of a trace.

    Ids need to be unlike each other, not unguessable, so they come from the interpreter's own
    generator (seeded by the operating system, and again in each fork): a call of the system
    for each request would cost more than everything else here.
    """
    ids = f"{_bits(192):048x}"
    return TraceContext(ids[:32], ids[32:], RANDOM | SAMPLED if sampled else RANDOM)


def new_span_id() -> str:
    """Sixteen random hexadecimal digits; all zeros, which would be invalid, has a chance of 2⁻⁶⁴."""
    return f"{_bits(64):016x}"


def _shortened(members: list[str]) -> str:
    """Large members go first, then those at the end, which are the oldest (section 3.3.1.5 of the text)."""
    if len(whole := ",".join(members)) <= STATE_LIMIT:
        return whole
    large = [member for member in reversed(members) if len(member) > LARGE_MEMBER]
    while members and len(",".join(members)) > STATE_LIMIT:
        members.remove(large.pop(0) if large else members[-1])
    return ",".join(members)
