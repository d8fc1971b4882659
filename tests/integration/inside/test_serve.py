"""One replica under both interfaces: probes, identity, forwarding, framing."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.inside.replica import Replica

pytestmark = pytest.mark.parametrize("interface", ["asgi", "wsgi"])

Start = Callable[..., Replica]
Steady = Callable[[str], Replica]

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_probes_say_who_answers(steady: Steady, interface: str) -> None:
    replica = steady(interface)
    for path, status in (("/livez", "live"), ("/readyz", "ready"), ("/startupz", "started")):
        answer = replica.get(path)
        assert answer.status == 200
        told = answer.json()
        dependencies = told.pop("dependencies", {})
        assert told == {"status": status, "kind": "web", "release": "r1", "replica": "shop.web.1"}
        assert (dependencies != {}) is (path == "/readyz")


def test_probes_leave_no_access_line(steady: Steady, interface: str) -> None:
    replica = steady(interface)
    replica.get("/livez")
    replica.get("/")
    lines = replica.wait_for_lines(1)
    assert [line["path"] for line in lines] == ["/"]


def test_access_line_has_the_whole_schema(steady: Steady, interface: str) -> None:
    replica = steady(interface)
    replica.get("/slow/5/?token=secret", {"User-Agent": "a" * 500, "X-Request-ID": "from-the-edge-1"})
    (line,) = replica.wait_for_lines(1)
    assert line["request_id"] == "from-the-edge-1"
    assert {key: line[key] for key in ("method", "path", "route", "status", "bytes", "client")} == {
        "method": "GET",
        "path": "/slow/5/",
        "route": "slow/<int:milliseconds>/",
        "status": 200,
        "bytes": 4,
        "client": "127.0.0.1",
    }
    assert (line["service"], line["replica"], line["release"]) == ("shop", "shop.web.1", "r1")
    assert line["duration_ms"] >= 5
    assert len(line["user_agent"]) == 200
    assert "secret" not in replica.output()


def test_request_id_reaches_view_log_and_answer(steady: Steady, interface: str) -> None:
    replica = steady(interface)
    answer = replica.get("/", {"X-Request-ID": "abcd-1234"})
    assert answer.headers["x-request-id"] == "abcd-1234"
    assert replica.get("/who/", {"X-Request-ID": "abcd-1234"}).json()["request_id"] == "abcd-1234"
    assert replica.wait_for_lines(1, "shop.views")[0]["request_id"] == "abcd-1234"


@pytest.mark.parametrize("offered", ["short", "x" * 65, "evil<script>", "new line", ""])
def test_unacceptable_request_id_is_replaced(steady: Steady, interface: str, offered: str) -> None:
    answer = steady(interface).get("/", {"X-Request-ID": offered})
    assert UUID7.fullmatch(answer.headers["x-request-id"])


def test_request_id_of_a_stranger_is_replaced(start: Start, interface: str) -> None:
    answer = start(interface, MAINSTAY_TRUSTED_PROXIES="10.0.0.0/8").get("/", {"X-Request-ID": "abcd-1234"})
    assert UUID7.fullmatch(answer.headers["x-request-id"])


FORWARDED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
    "Forwarded": "for=203.0.113.9",
}


def test_forwarding_headers_of_the_edge_are_believed(steady: Steady, interface: str) -> None:
    seen = steady(interface).get("/who/", FORWARDED).json()
    assert (seen["client"], seen["scheme"], seen["host"]) == ("203.0.113.9", "https", "shop.example")


def test_a_client_cannot_put_an_address_before_its_own(steady: Steady, interface: str) -> None:
    """An appended chain is read from the right: what stands left of the first stranger is hearsay."""
    seen = steady(interface).get("/who/", {"X-Forwarded-For": "1.2.3.4, 203.0.113.9, 127.0.0.1"}).json()
    assert seen["client"] == "203.0.113.9"


@pytest.mark.parametrize("trusted", ["10.0.0.0/8", ""])
def test_forwarding_headers_of_a_stranger_are_removed(start: Start, interface: str, trusted: str) -> None:
    replica = start(interface, MAINSTAY_TRUSTED_PROXIES=trusted)
    seen = replica.get("/who/", FORWARDED).json()
    assert seen["client"] == "127.0.0.1"
    assert seen["scheme"] == "http"
    assert seen["host"] == f"127.0.0.1:{replica.port}"
    assert seen["forwarded"] == []


def test_requests_carry_nothing_of_the_process_s_environment(steady: Steady, interface: str) -> None:
    """Error pages print the request; DATABASE_URL holds a password."""
    assert steady(interface).get("/who/").json()["secrets"] == []


def test_broken_view_is_a_500_with_its_id(steady: Steady, interface: str) -> None:
    replica = steady(interface)
    answer = replica.get("/boom/", {"X-Request-ID": "abcd-1234"})
    assert answer.status == 500
    assert answer.headers["x-request-id"] == "abcd-1234"
    assert replica.wait_for_lines(1)[0]["status"] == 500


def test_a_status_that_no_answer_can_end_with_is_a_500_that_names_the_view(
    steady: Steady, interface: str
) -> None:
    """uvicorn cut the connection, granian ended its listener, and a client of a 101 took the body for frames."""
    replica = steady(interface)
    odd = (0, 99, 100, 101, 103, 199, 600, 999, 1000)
    answers = {status: replica.get(f"/status/{status}/", timeout=3) for status in odd}
    assert {status: answer.status for status, answer in answers.items()} == dict.fromkeys(odd, 500)
    assert {answer.json()["title"] for answer in answers.values()} == {"Internal Server Error"}
    lines = replica.wait_for_lines(len(odd), "mainstay.http")
    assert [line["view"] for line in lines] == ["status"] * len(odd)
    assert all(f"the status {status}," in line["event"] for status, line in zip(odd, lines, strict=True))
    assert [replica.get(f"/status/{status}/").status for status in (200, 299, 599)] == [200, 299, 599]


def test_stream_is_counted_and_closed(steady: Steady, interface: str) -> None:
    replica = steady(interface)
    assert replica.get("/stream/").body == b"onetwothree"
    assert replica.wait_for_lines(1)[0]["bytes"] == 11
    assert "mainstay_http_requests_in_flight 0.0" in replica.get("/metrics").body.decode()


def test_metrics_have_bounded_labels(start: Start, interface: str) -> None:
    replica = start(interface)
    for path in ("/slow/1/", "/slow/2/", "/nowhere/1/", "/nowhere/2/"):
        replica.get(path)
    replica.request("PROPFIND", "/")
    replica.wait_for_lines(5)
    text = replica.get("/metrics").body.decode()
    name = "django_http_responses_total_by_status_view_method_total"
    assert f'{name}{{method="GET",status="200",view="slow"}} 2.0' in text
    assert f'{name}{{method="GET",status="404",view="<unnamed view>"}} 2.0' in text
    assert 'method="<invalid method>"' in text
    assert "nowhere" not in text
    assert 'django_http_requests_latency_seconds_by_view_method_count{method="GET",view="slow"} 2.0' in text
    assert "process_resident_memory_bytes" in text


CHUNKED = b"POST /echo/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"

AMBIGUOUS = {
    "obs-fold": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": CHUNKED + b", identity\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "empty host": b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "nul": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
    "bad chunk size": CHUNKED + b"\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"\r\n\r\n5\r\nhelloXX0\r\n\r\n",
}


def test_ambiguous_framing_is_a_400_and_the_end_of_the_connection(steady: Steady, interface: str) -> None:
    replica = steady(interface)
    follow_up = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    answers = {name: replica.raw(request + follow_up) for name, request in AMBIGUOUS.items()}
    assert {name: answer[:12] for name, answer in answers.items()} == dict.fromkeys(answers, b"HTTP/1.1 400")
    assert {name: answer.count(b"HTTP/1.1") for name, answer in answers.items()} == dict.fromkeys(answers, 1)


def test_before_http_1_1_a_request_needs_no_host(steady: Steady, interface: str) -> None:
    """Django takes the server's own name, which no client can choose. RFC 9112 asks for a Host in 1.1 only."""
    replica = steady(interface)
    for host in (b"", b"Host:\r\n", b"Host: \r\n"):
        answer = replica.raw(b"GET /who/ HTTP/1.0\r\n" + host + b"\r\n")
        assert b" 200 OK" in answer.splitlines()[0]
        assert f'"host": "127.0.0.1:{replica.port}"'.encode() in answer


def test_length_beside_chunked_never_smuggles(steady: Steady, interface: str) -> None:
    """httptools refuses; granian takes the chunks, as RFC 9112 section 6.1 allows, and closes."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = steady(interface).raw(head + b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert interface == "wsgi" or answer.startswith(b"HTTP/1.1 400")


def test_probes_answer_while_every_thread_is_busy(start: Start, interface: str) -> None:
    replica = start(interface, MAINSTAY_THREADS="2")
    with ThreadPoolExecutor(8) as pool:
        busy = [pool.submit(replica.get, "/slow/800/") for _ in range(6)]
        replica.wait_for_lines(0)
        assert replica.get("/readyz", timeout=1.5).status == 200
        assert [each.result().status for each in busy] == [200] * 6


def test_more_requests_than_fit_are_refused_with_503(start: Start, interface: str) -> None:
    """asgi: one waits for its answer; wsgi: one works and eight wait."""
    replica = start(interface, MAINSTAY_THREADS="1", MAINSTAY_REQUESTS_MAX="9")
    with ThreadPoolExecutor(16) as pool:
        answers = [each.result() for each in [pool.submit(replica.get, "/slow/300/") for _ in range(14)]]
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == 5
    assert {answer.status for answer in answers} == {200, 503}
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["content-type"] == "application/problem+json"


def test_chunked_body_arrives_whole(steady: Steady, interface: str) -> None:
    answer = steady(interface).raw(
        CHUNKED + b"\r\nConnection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hello world")


def test_large_body_arrives_whole(steady: Steady, interface: str) -> None:
    body = b"0123456789" * 60_000
    assert steady(interface).request("POST", "/echo/", body).body == body


def test_cut_body_is_not_taken_for_an_empty_one(steady: Steady, interface: str) -> None:
    """A POST whose sender died half-way must have no effect."""
    replica = steady(interface)
    with socket.create_connection(("127.0.0.1", replica.port)) as connection:
        connection.sendall(b"POST /echo/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        answer = connection.recv(1000)
    assert b"200 OK" not in answer
    assert replica.wait_for_lines(1)[0]["status"] != 200


def test_a_full_collection_passes_by_what_was_loaded_for_good(
    steady: Callable[[str], Replica], interface: str
) -> None:
    """Some 70,000 objects, which would make everybody wait each time."""
    assert steady(interface).get("/interpreter/").json()["watched"] < 20_000


def test_a_computing_thread_lets_others_have_their_turn_soon(
    steady: Callable[[str], Replica], interface: str
) -> None:
    assert steady(interface).get("/interpreter/").json()["interval"] < 0.001


def test_a_connection_that_was_reset_is_forgotten(start: Start, interface: str) -> None:
    """Each holds some 13 kB; kept for as long as an idle connection is, a thousand a second would be a gigabyte."""
    replica = start(interface)
    _reset(replica, 300)
    before = replica.memory()
    _reset(replica, 2000)
    assert replica.memory() - before < 10_000_000


def _reset(replica: Replica, times: int) -> None:
    """Ask for a page, read the answer and reset the connection."""
    for _ in range(times):
        with socket.create_connection(("127.0.0.1", replica.port), timeout=3) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(65536)
