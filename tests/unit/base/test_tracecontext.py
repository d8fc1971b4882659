"""Hostile trace headers: everything that is not exactly as the W3C text says is as if it were absent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base import tracecontext
from mainstay.base.tracecontext import TraceContext, new_trace, parse, parse_state

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"

REFUSED = [
    "",
    " ",
    "-",
    "00",
    "00-",
    "00-00-00-00",
    "garbage",
    "null",
    GOOD[:-1],
    GOOD + "0",
    GOOD + "-",
    GOOD + "-00",
    GOOD + ",",
    f"{GOOD},{GOOD}",
    f"{GOOD}, {GOOD}",
    f"{GOOD} {GOOD}",
    f"{GOOD}\n",
    f"\n{GOOD}",
    f"{GOOD}\r\nX-Evil: 1",
    f"{GOOD}\x00",
    f"\x00{GOOD}",
    f"\x0b{GOOD}",
    f"\u00a0{GOOD}",
    GOOD.upper(),
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{TRACE}-{SPAN.upper()}-01",
    f"00-{TRACE}-{SPAN}-0A",
    f"0X-{TRACE}-{SPAN}-01",
    f"ff-{TRACE}-{SPAN}-01",
    f"FF-{TRACE}-{SPAN}-01",
    f"ff-{TRACE}-{SPAN}-01-more",
    f"0-{TRACE}-{SPAN}-01",
    f"000-{TRACE}-{SPAN}-01",
    f"-1-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{'0' * 32}-{'0' * 16}-00",
    f"cc-{'0' * 32}-{SPAN}-01",
    f"cc-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE[:-1]}-{SPAN}-01",
    f"00-{TRACE}0-{SPAN}-01",
    f"00-{TRACE}-{SPAN[:-1]}-01",
    f"00-{TRACE}-{SPAN}0-01",
    f"00-{TRACE}-{SPAN}-1",
    f"00-{TRACE}-{SPAN}-001",
    f"00-{TRACE}-{SPAN}-",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE}",
    f"00{TRACE}{SPAN}01",
    f"00_{TRACE}_{SPAN}_01",
    f"00:{TRACE}:{SPAN}:01",
    f"00-{TRACE}--{SPAN}-01",
    f"00--{TRACE}-{SPAN}-01",
    f"00-g{TRACE[1:]}-{SPAN}-01",
    f"00-{TRACE}-g{SPAN[1:]}-01",
    f"00-{TRACE}-{SPAN}-0g",
    f"00-0x{TRACE[2:]}-{SPAN}-01",
    f"00-+{TRACE[1:]}-{SPAN}-01",
    f"00- {TRACE[1:]}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-.1",
    f"00-{TRACE}-{SPAN}-٠١",
    f"00-{'٣' * 32}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-01é",
    f"cc-{TRACE}-{SPAN}-01.what",
    f"cc-{TRACE}-{SPAN}-01what",
    f"cc-{TRACE}-{SPAN}-01,{GOOD}",
    f"cc-{TRACE}-{SPAN}-01-" + "x" * 300,
    f'"{GOOD}"',
    f"<{GOOD}>",
    "0" * 55,
    "-" * 55,
    "a" * 100_000,
    f"b3: {TRACE}-{SPAN}-1",
    f"{TRACE}-{SPAN}-1",
    f"1-5759e988-{TRACE[:24]}",
]

TAKEN = [
    (GOOD, 1),
    (f"00-{TRACE}-{SPAN}-00", 0),
    (f"00-{TRACE}-{SPAN}-03", 3),
    (f"00-{TRACE}-{SPAN}-ff", 3),
    (f"00-{TRACE}-{SPAN}-fe", 2),
    (f"00-{TRACE}-{SPAN}-08", 0),
    (f" {GOOD}", 1),
    (f"{GOOD}\t ", 1),
    (f"01-{TRACE}-{SPAN}-01", 1),
    (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
    (f"cc-{TRACE}-{SPAN}-01-", 1),
    (f"fe-{TRACE}-{SPAN}-00", 0),
]

STATES_REFUSED = [
    "novalue",
    "key=",
    "=value",
    "=",
    "key =v",
    "key= ",
    "Key=v",
    "k\u00e9y=v",
    "key=v\u00e9",
    "key=v=w",
    "key=v;w=\x00",
    "key=\t",
    "a@=v",
    "@vendor=v",
    "a@b@c=v",
    "a@1b=v",
    "key=" + "v" * 257,
    "k" * 257 + "=v",
    "t" * 242 + "@v=1",
    "t@" + "v" * 15 + "=1",
    "good=1,bad",
    ",".join(f"k{number}=v" for number in range(33)),
    "k=" + "v" * 10_000,
    "k=v\r\nX-Evil: 1",
]

STATES_TAKEN = [
    ("", ""),
    (",", ""),
    ("a=1", "a=1"),
    ("a=1,b=2", "a=1,b=2"),
    (" a=1 ,\t b=2\t", "a=1,b=2"),
    ("a=1,,b=2", "a=1,b=2"),
    ("a=1,a=2", "a=1"),
    ("1a@vendor=x", "1a@vendor=x"),
    ("a-_*/9=!~", "a-_*/9=!~"),
    ("a= 1", "a= 1"),
    (",".join(f"k{number}=v" for number in range(32)), ",".join(f"k{number}=v" for number in range(32))),
]


def test_the_tables_are_as_long_as_promised() -> None:
    assert len(set(REFUSED)) + len(set(STATES_REFUSED)) >= 90
    assert len(set(REFUSED)) >= 60


@pytest.mark.parametrize("header", REFUSED)
def test_a_wrong_traceparent_is_as_if_absent(header: str) -> None:
    assert parse(header, "a=1") is None


@pytest.mark.parametrize(("header", "flags"), TAKEN)
def test_a_right_one_is_taken_and_written_again_in_the_version_known_here(header: str, flags: int) -> None:
    context = parse(header)
    assert context is not None
    assert (context.trace_id, context.parent_id, context.flags) == (TRACE, SPAN, flags)
    assert context.header() == f"00-{TRACE}-{SPAN}-{flags:02x}"
    assert context.sampled is bool(flags & 1)


@pytest.mark.parametrize("state", STATES_REFUSED)
def test_a_wrong_tracestate_is_dropped_and_the_trace_goes_on(state: str) -> None:
    context = parse(GOOD, state)
    assert context is not None
    assert context.state == ""
    assert context.headers() == {"traceparent": GOOD}


@pytest.mark.parametrize(("given_", "kept"), STATES_TAKEN)
def test_a_right_tracestate_is_passed_on(given_: str, kept: str) -> None:
    assert parse_state(given_) == kept


def test_what_is_too_long_loses_its_large_members_first_and_then_its_oldest() -> None:
    small = [f"s{number}={'v' * 50}" for number in range(8)]
    large = "big=" + "v" * 200
    assert parse_state(",".join([large, *small])) == ",".join(small)
    many = [f"s{number:02}={'v' * 50}" for number in range(20)]
    kept = parse_state(",".join(many))
    assert len(kept) <= 512
    assert kept == ",".join(many[: kept.count("=")])


def test_a_child_keeps_the_trace_and_names_its_caller() -> None:
    parent = TraceContext(TRACE, SPAN, 1, "a=1")
    child = parent.child()
    assert (child.trace_id, child.flags, child.state, child.caller_id) == (TRACE, 1, "a=1", SPAN)
    assert child.span_id != SPAN
    assert child.headers() == {"traceparent": f"00-{TRACE}-{child.span_id}-01", "tracestate": "a=1"}


def test_a_new_trace_is_valid_and_unlike_every_other() -> None:
    made = [new_trace(sampled=bool(number % 2)) for number in range(1000)]
    assert len({each.trace_id for each in made}) == len({each.span_id for each in made}) == 1000
    assert all(parse(each.header()) is not None for each in made)
    assert [each.sampled for each in made[:2]] == [False, True]
    assert made[0].caller_id == ""


def test_outside_of_a_request_there_is_none() -> None:
    assert tracecontext.current_trace() is None
    assert tracecontext.trace_headers() == {}


def test_the_headers_for_whatever_is_called_are_those_of_the_request() -> None:
    trace = new_trace()
    token = tracecontext.TRACE.set(trace)
    try:
        assert tracecontext.trace_headers() == {"traceparent": trace.header()}
    finally:
        tracecontext.TRACE.reset(token)


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_raises_and_what_is_taken_can_be_taken_again(parent: str, state: str) -> None:
    for header in (parent, GOOD[: len(parent)] + parent):
        context = parse(header, state)
        if context is not None:
            again = parse(context.header(), context.state)
            assert again is not None
            assert (again.header(), again.state) == (context.header(), context.state)


@given(st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
def test_every_header_of_the_right_shape_keeps_its_ids(header: str) -> None:
    context = parse(header)
    version, trace_id, parent_id, _ = header.split("-")
    if version == "ff" or not trace_id.strip("0") or not parent_id.strip("0"):
        assert context is None
    else:
        assert context is not None
        assert (context.trace_id, context.parent_id) == (trace_id, parent_id)
