from __future__ import annotations

from io import BytesIO

import pytest

from mainstay.http.entrance.bodies import Truncated, WholeBody, settle


@pytest.mark.parametrize("size", [-1, 3, 100])
def test_whole_body_is_passed_on(size: int) -> None:
    body = WholeBody(BytesIO(b"0123456789"), 10)
    read = b""
    while piece := body.read(size):
        read += piece
    assert read == b"0123456789"


def test_lines_are_passed_on() -> None:
    assert list(WholeBody(BytesIO(b"a\nb\nc"), 5)) == [b"a\n", b"b\n", b"c"]
    assert WholeBody(BytesIO(b"a\nb"), 3).readlines() == [b"a\n", b"b"]


def test_early_end_is_an_error() -> None:
    with pytest.raises(Truncated):
        WholeBody(BytesIO(b""), 10).read()
    with pytest.raises(Truncated):
        WholeBody(BytesIO(b"01234"), 10).read(10)
    with pytest.raises(Truncated):
        list(WholeBody(BytesIO(b"a\nb"), 10))


def test_chunked_body_gets_a_length() -> None:
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"hello")}
    assert settle(environ)
    assert environ["CONTENT_LENGTH"] == "5"


def test_empty_chunked_body_is_refused() -> None:
    assert not settle({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"")})


def test_request_without_a_body_is_left_alone() -> None:
    stream = BytesIO()
    environ = {"CONTENT_LENGTH": "", "wsgi.input": stream}
    assert settle(environ)
    assert environ["wsgi.input"] is stream


@pytest.mark.parametrize("length", ["", "0", "-5", "1_0", " 4", "4 ", "²", "٣", "four", "4.0", "0x4"])
def test_what_is_no_length_is_left_to_django(length: str) -> None:
    """Which takes it for none; ``²`` is a digit to `str.isdigit` and to nobody else."""
    stream = BytesIO(b"body")
    environ = {"CONTENT_LENGTH": length, "wsgi.input": stream}
    assert settle(environ)
    assert environ == {"CONTENT_LENGTH": length, "wsgi.input": stream}
