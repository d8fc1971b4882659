"""An answer is whole or it is none, however it is cut into pieces on its way."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.prove.loading.framing import Answer, Reading

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;name=value\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"
)
INFORMED = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + PLAIN


def read(raw: bytes, cuts: list[int] | None = None) -> Answer | None:
    reading = Reading()
    edges = [0, *sorted(cuts or []), len(raw)]
    answers = [reading.feed(raw[a:b]) for a, b in itertools.pairwise(edges) if a < b]
    assert all(answer is None for answer in answers[:-1])
    return answers[-1]


@pytest.mark.parametrize("raw", [PLAIN, CHUNKED, INFORMED], ids=["plain", "chunked", "informed"])
@given(data=st.data())
def test_an_answer_in_pieces_is_the_answer(raw: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(1, len(raw) - 1)))
    answer = read(raw, cuts)
    assert answer is not None
    assert (answer.status, answer.body, answer.error) == (200, b"hello", "")


@pytest.mark.parametrize("raw", [PLAIN, CHUNKED], ids=["plain", "chunked"])
def test_an_answer_cut_short_is_none(raw: bytes) -> None:
    for end in range(1, len(raw) - 1):
        reading = Reading()
        assert reading.feed(raw[:end]) is None
        assert reading.at_the_end() is None


def test_without_a_length_the_body_is_all_until_the_end() -> None:
    reading = Reading()
    assert reading.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") is None
    assert reading.feed(b"lo") is None
    ended = reading.at_the_end()
    assert ended is not None
    assert ended.body == b"hello"
    assert not reading.keeps_alive


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    answer = read(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status)
    assert answer is not None
    assert (answer.status, answer.body) == (status, b"")


def test_a_head_request_has_no_body() -> None:
    answer = Reading(bodiless=True).feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert answer is not None
    assert answer.body == b""


def test_headers_are_found_in_lower_case_and_joined() -> None:
    answer = read(
        b"HTTP/1.1 200 OK\r\nVARY: a\r\nVary: b\r\nSet-Cookie: x=1\r\nSet-Cookie: y=2\r\nContent-Length: 0\r\n\r\n"
    )
    assert answer is not None
    assert answer.headers == {"vary": "a, b", "set-cookie": "x=1\ny=2", "content-length": "0"}


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_no_http_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Reading().feed(raw)


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore than there should be", False),
    ],
)
def test_only_a_clean_connection_is_used_again(head: bytes, keeps: bool) -> None:
    reading = Reading()
    assert reading.feed(head) is not None
    assert reading.keeps_alive is keeps
