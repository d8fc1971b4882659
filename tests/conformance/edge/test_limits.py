"""Too much, too slow or malformed: refused early, with a clean answer, before a replica sees it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.edge import talk
from tests.conformance.edge.stage import LIMITS, TIMEOUTS, Stage
from tests.stopwatch import Stopwatch

HEAD = b"POST /?limit=%s HTTP/1.1\r\nHost: localhost\r\n"


def unseen(stage: Stage, mark: str) -> bool:
    return not stage.seen(f'limit={mark}"')


# --- size -----------------------------------------------------------------------------------


def test_a_body_at_the_limit_is_passed_on(calm: Stage) -> None:
    answer = talk.request(calm.address, method="POST", body=b"x" * LIMITS.max_body)
    assert answer.status == 200
    assert answer.json()["length"] == LIMITS.max_body


def test_a_body_over_the_limit_is_413(calm: Stage) -> None:
    answer = talk.request(calm.address, "/?limit=over", method="POST", body=b"x" * (LIMITS.max_body + 1))
    assert answer.is_problem(413)
    assert unseen(calm, "over")


def test_an_announced_body_over_the_limit_is_413_before_it_is_sent(calm: Stage) -> None:
    head = HEAD % b"expect" + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
    watch = Stopwatch()
    assert talk.raw(calm.address, head).is_problem(413)
    assert watch.elapsed() < 0.5
    assert unseen(calm, "expect")


def test_an_announced_body_within_the_limit_is_asked_for(calm: Stage) -> None:
    with talk.connect(calm.address) as connection:
        connection.sendall(HEAD % b"continue" + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert b" 100 " in connection.recv(64)
        connection.sendall(b"buy")
        assert talk.receive(connection).json()["length"] == 3


def chunks(total: int, size: int = 8000) -> bytes:
    whole, rest = divmod(total, size)
    pieces = [b"%x\r\n%s\r\n" % (length, b"x" * length) for length in [size] * whole + [rest] * bool(rest)]
    return b"".join(pieces) + b"0\r\n\r\n"


def test_a_chunked_body_is_passed_on(calm: Stage) -> None:
    answer = talk.raw(
        calm.address, HEAD % b"chunked" + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(30_000)
    )
    assert answer.status == 200
    assert answer.json()["length"] == 30_000


def test_a_chunked_body_over_the_limit_is_413(calm: Stage) -> None:
    sent = HEAD % b"over-chunked" + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(LIMITS.max_body + 1)
    assert talk.raw(calm.address, sent).is_problem(413)
    assert unseen(calm, "over-chunked")


def test_headers_near_the_limit_are_passed_on(calm: Stage) -> None:
    lines = [f"X-Filler-{number}: {'x' * 1000}" for number in range(12)]
    assert talk.request(calm.address, "/", *lines).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        tuple(f"X-Filler-{number}: {'x' * 1000}" for number in range(20)),
        tuple(f"X-Filler-{number}: {'x' * 1000}" for number in range(200)),
        ("Cookie: " + "x" * 20_000,),
    ],
)
def test_headers_over_the_limit_are_refused(calm: Stage, lines: tuple[str, ...]) -> None:
    assert talk.request(calm.address, "/?limit=headers", *lines).refuses(431, 400)
    assert unseen(calm, "headers")


def test_a_request_line_over_the_limit_is_refused(calm: Stage) -> None:
    assert talk.request(calm.address, "/?limit=line&" + "x" * 20_000).refuses(431, 400)
    assert unseen(calm, "line")


# --- form -----------------------------------------------------------------------------------

POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
MALFORMED = {
    "nothing like HTTP": b"HELLO\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length with a sign": POST + b"Content-Length: +3\r\n\r\nabc",
    "length in letters": POST + b"Content-Length: ab\r\n\r\nabc",
    "length without end": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "chunk of a bad size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "space before the colon": GET + b"X-A : b\r\n\r\n",
    "two hosts": GET + b"Host: example.com\r\n\r\n",
    "a NUL in a header": GET + b"X-A: a\x00b\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_400_and_the_connection_is_closed(calm: Stage, name: str) -> None:
    before = len(calm.seen())
    with talk.connect(calm.address) as connection:
        connection.sendall(MALFORMED[name])
        assert talk.receive(connection).refuses(400), name
        assert talk.closes(connection)
    assert len(calm.seen()) == before


def test_a_nul_in_the_path_is_400(calm: Stage) -> None:
    """Programs in C would read the path only up to there."""
    assert talk.request(calm.address, "/?limit=nul").status == 200
    assert talk.request(calm.address, "/a%00b?limit=nul-inside").is_problem(400)
    assert unseen(calm, "nul-inside")


@pytest.mark.parametrize(
    "encoding", [b"chunked", b"Chunked", b"xchunked", b"chunked, identity", b"identity, chunked"]
)
def test_a_body_with_two_ends_is_never_two_requests(calm: Stage, encoding: bytes) -> None:
    """
    The edge and the replica must agree where this request ends.

    Length and encoding name two ends. Refusing is best; an edge that passes it on must
    have settled the question, so that the replica sees one request and its whole body.
    """
    mark = b"two-ends-" + encoding.replace(b", ", b"-")
    sent = HEAD % mark + b"Content-Length: 6\r\nTransfer-Encoding: " + encoding + b"\r\n\r\n0\r\n\r\nX"
    with talk.connect(calm.address, timeout=3) as connection:
        connection.sendall(sent + b"ET /?limit=smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = talk.receive(connection)
        talk.closes(connection)
    assert first.status == 200 or first.refuses(400, 422, 501)
    assert len(calm.seen("limit=" + mark.decode() + '"')) == (first.status == 200)
    assert unseen(calm, "smuggled")


# --- time -----------------------------------------------------------------------------------


def test_a_head_that_does_not_come_is_408(calm: Stage) -> None:
    with talk.connect(calm.address, timeout=TIMEOUTS.request + 2) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        answer = talk.receive(connection)
        assert answer.status == 0 or answer.refuses(408)
        assert talk.closes(connection)


def test_a_head_that_drips_is_cut_as_a_whole(calm: Stage) -> None:
    began, watch = time.monotonic(), Stopwatch()
    with talk.connect(calm.address, timeout=0.3) as connection, pytest.raises(OSError):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        while time.monotonic() - began < 8:
            connection.sendall(b"x")
            hung_up(connection)
    assert watch.elapsed() < TIMEOUTS.request + 1.5


def hung_up(connection: socket.socket) -> None:
    try:
        if connection.recv(2000) == b"":
            raise ConnectionAbortedError
    except TimeoutError:
        return


def test_a_body_that_does_not_come_is_408(calm: Stage) -> None:
    with talk.connect(calm.address, timeout=TIMEOUTS.request + 2) as connection:
        connection.sendall(HEAD % b"half" + b"Content-Length: 100\r\n\r\nhalf of it")
        answer = talk.receive(connection)
        assert answer.status == 0 or answer.refuses(408)
        assert talk.closes(connection)
    assert unseen(calm, "half")


def test_an_answer_that_does_not_come_is_504(calm: Stage) -> None:
    watch = Stopwatch()
    answer = talk.request(
        calm.address, "/?do=slow&seconds=20&limit=late", method="POST", body=b"x", timeout=12
    )
    assert answer.is_problem(504)
    assert watch.elapsed() < TIMEOUTS.edge + 1
    assert len(calm.seen('limit=late"')) == 1


# --- how many ---------------------------------------------------------------------------------


def test_one_slow_source_leaves_room_for_others(stage: Stage) -> None:
    """
    Many half-sent requests from one address, which no limit on requests would count.

    HAProxy refuses the connections; nginx has room for many more than one source can
    hold before their time is over. Another loopback address stands for everyone else.
    """
    with contextlib.ExitStack() as slow, ThreadPoolExecutor(8) as others:
        for _ in range(600):
            half_open(stage, slow)
        statuses = list(others.map(lambda _: from_elsewhere(stage), range(60)))
    assert statuses == [200] * 60


def half_open(stage: Stage, slow: contextlib.ExitStack) -> None:
    """Being refused is what is hoped for, at whichever step."""
    with contextlib.suppress(ConnectionError):
        connection = slow.enter_context(talk.connect(stage.address))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")


def from_elsewhere(stage: Stage) -> int:
    address = (stage.address.host, stage.address.port)
    with socket.create_connection(address, 3, source_address=("127.0.0.2", 0)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return talk.receive(connection).status


def test_one_source_has_at_most_its_share_of_requests_at_once(stage: Stage) -> None:
    share = LIMITS.connections_per_source
    with ThreadPoolExecutor(share + 8) as clients:
        statuses = [clients.submit(slowly, stage) for _ in range(share + 8)]
        time.sleep(0.7)
        assert from_elsewhere(stage) == 200
    counted = Counter(status.result() for status in statuses)
    assert counted[200] == share, counted
    assert counted[429] + counted[0] == 8, counted


def slowly(stage: Stage) -> int:
    try:
        return talk.request(stage.address, "/?do=slow&seconds=1.5").status
    except ConnectionError:
        return 0
