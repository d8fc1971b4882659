"""SIGTERM: nothing that was taken is lost, and the process ends by itself with 0."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.inside.replica import Replica
from tests.stopwatch import Stopwatch

Start = Callable[..., Replica]

both = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


@both
def test_requests_in_flight_are_finished(start: Start, interface: str) -> None:
    replica = start(interface)
    with ThreadPoolExecutor(4) as pool:
        taken = [pool.submit(replica.get, "/slow/1500/") for _ in range(4)]
        _wait_for_in_flight(replica, 4)
        replica.terminate()
        answers = [each.result() for each in taken]
    assert [answer.status for answer in answers] == [200] * 4
    assert {answer.headers.get("connection") for answer in answers} == {"close"}
    assert replica.wait(5) == 0


@both
def test_readiness_ends_at_once_but_liveness_stays(start: Start, interface: str) -> None:
    replica = start(interface)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(replica.get, "/slow/800/")
        _wait_for_in_flight(replica, 1)
        replica.terminate()
        _wait_for_drain(replica)
        ready = replica.get("/readyz", timeout=1)
        assert (ready.status, ready.json()["status"]) == (503, "draining")
        assert replica.get("/livez", timeout=1).status == 200
        assert taken.result().status == 200
    assert replica.wait(5) == 0


@pytest.mark.parametrize(("interface", "kind", "code"), [("asgi", "async-", 1), ("wsgi", "", 0)])
def test_without_room_for_a_thread_requests_in_flight_are_finished_too(
    start: Start, interface: str, kind: str, code: int
) -> None:
    """What a signal sets off runs in threads. To close a loop when all is done, asyncio wants one of its own."""
    replica = start(interface)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(replica.get, f"/{kind}slow/1500/")
        _wait_for_in_flight(replica, 1)
        assert replica.get(f"/{kind}no-room/").body == b"no room"
        replica.terminate()
        assert taken.result().status == 200
    assert replica.wait(5) == code


WORK = {
    "/slow/20/": b"slow",
    "/async-slow/20/": b"slow",
    "/slow-stream/5/": b"".join(b"line %d\n" % number for number in range(10)),
}
"""Sync, async, streaming: what is asked, and what the whole answer is."""


@both
def test_every_request_is_answered_or_refused_never_cut(start: Start, interface: str) -> None:
    """
    Clients go on as if nothing were: each request is answered in full, or nobody has begun to read it.

    The last connections that a server accepts may be closed with nothing read of them, which their
    client learns as a reset, or as an end where its request was still on its way.
    """
    replica = start(interface)
    outcomes: list[tuple[str, str]] = []
    answered: set[str] = set()
    unanswered: set[str] = set()
    stop = threading.Event()

    def client(path: str, whole: bytes) -> None:
        while not stop.is_set():
            name = str(uuid4())
            try:
                answer = replica.get(path, {"X-Request-ID": name})
                outcomes.append((path, str(answer.status) if answer.body == whole else "cut"))
                answered.add(name)
            except ConnectionRefusedError:
                return
            except (ConnectionResetError, RemoteDisconnected):
                unanswered.add(name)
            except (OSError, HTTPException) as error:
                outcomes.append((path, type(error).__name__))

    threads = [threading.Thread(target=client, args=each) for each in WORK.items() for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    replica.terminate()
    code = replica.wait()
    stop.set()
    for thread in threads:
        thread.join()
    assert code == 0
    assert {outcome for _, outcome in outcomes} == {"200"}
    assert len(unanswered) <= len(threads), "only the last connection of each"
    begun = {line["request_id"] for line in replica.lines()}
    assert answered <= begun
    assert not unanswered & begun, "one was begun and cut"
    for path in WORK:
        assert outcomes.count((path, "200")) > 3, f"{path} was hardly asked"


@both
def test_idle_process_leaves_quickly(start: Start, interface: str) -> None:
    replica = start(interface)
    watch = Stopwatch()
    replica.terminate()
    assert replica.wait() == 0
    assert watch.elapsed() < 5


@both
def test_drain_has_an_end_even_for_a_blocked_thread(start: Start, interface: str) -> None:
    replica = start(interface, MAINSTAY_DRAIN_TIMEOUT="1")
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(replica.get, "/slow/20000/", timeout=8)
        _wait_for_in_flight(replica, 1)
        began, watch = time.monotonic(), Stopwatch()
        replica.terminate()
        assert replica.wait(15) == 1
        assert time.monotonic() - began > 1
        assert watch.elapsed() < 6
        assert isinstance(taken.exception(), OSError | HTTPException)
    assert replica.lines("mainstay.http")[-1]["in_flight"] == 1


@both
def test_a_second_signal_cuts_at_once(start: Start, interface: str) -> None:
    replica = start(interface, MAINSTAY_DRAIN_TIMEOUT="30")
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(replica.get, "/slow/20000/", timeout=8)
        _wait_for_in_flight(replica, 1)
        replica.terminate()
        _wait_for_drain(replica)  # two signals at once are one
        time.sleep(1)  # by then nobody listens any more, and the threads are waited for
        replica.terminate()
        assert replica.wait(5) == 1
        assert isinstance(taken.exception(), OSError | HTTPException)


def test_websockets_are_told_to_come_back(start: Start) -> None:
    replica = start("asgi")
    with connect(f"ws://127.0.0.1:{replica.port}/ws/") as socket:
        socket.send("hello")
        assert socket.recv(2) == "hello"
        replica.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert replica.wait() == 0


@both
def test_event_streams_are_ended_properly(start: Start, interface: str) -> None:
    """One open seat map must not hold up a rolling update; the browser reconnects elsewhere."""
    replica = start(interface)
    connection = HTTPConnection("127.0.0.1", replica.port, timeout=10)
    connection.request("GET", "/events/")
    answer = connection.getresponse()
    assert (answer.status, answer.readline()) == (200, b"data: tick\n")
    watch = Stopwatch()
    replica.terminate()
    assert (b"data: tick\n" + answer.read()).endswith(b"data: tick\n\n")
    connection.close()
    assert replica.wait() == 0
    assert watch.elapsed() < 8
    assert [line["event"] for line in replica.lines("shop.views")] == ["stream closed"]


def test_a_silent_event_stream_on_wsgi_lasts_until_the_drain_is_cut(start: Start) -> None:
    """The limit of the above, as documented: no other thread can end what blocks in the application."""
    replica = start("wsgi", MAINSTAY_DRAIN_TIMEOUT="1")
    connection = HTTPConnection("127.0.0.1", replica.port, timeout=8)
    connection.request("GET", "/silent-events/")
    answer = connection.getresponse()
    assert answer.readline() == b"data: tick\n"  # before that it would be ended at its first piece
    replica.terminate()
    assert replica.wait(6) == 1
    with pytest.raises((OSError, HTTPException)):
        answer.read()
    connection.close()


def test_websocket_has_an_access_line(start: Start) -> None:
    replica = start("asgi")
    with connect(
        f"ws://127.0.0.1:{replica.port}/ws/", additional_headers={"X-Request-ID": "socket-0001"}
    ) as socket:
        socket.send("hello")
        socket.recv(2)
    (line,) = replica.wait_for_lines(1)
    assert (line["method"], line["status"], line["request_id"]) == ("WEBSOCKET", 101, "socket-0001")


def test_new_websocket_is_refused_while_draining(start: Start) -> None:
    replica = start("asgi")
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(replica.get, "/slow/600/")
        _wait_for_in_flight(replica, 1)
        replica.terminate()
        _wait_for_drain(replica)
        with pytest.raises(Exception, match="HTTP 503"), connect(f"ws://127.0.0.1:{replica.port}/ws/"):
            pass
        taken.result()


@both
def test_a_replica_is_one_process(start: Start, interface: str) -> None:
    """So kill -9 leaves nobody behind that goes on serving the port."""
    replica = start(interface)
    replica.get("/")
    assert _processes_of_session(replica.process.pid) == [replica.process.pid]
    os.kill(replica.process.pid, signal.SIGKILL)
    replica.process.wait(5)
    with pytest.raises(ConnectionRefusedError):
        replica.get("/livez")


def _wait_for_in_flight(replica: Replica, count: int) -> None:
    deadline = time.monotonic() + 5
    wanted = f"mainstay_http_requests_in_flight {count}.0"
    while wanted not in replica.get("/metrics").body.decode():
        assert time.monotonic() < deadline, "the requests never arrived"
        time.sleep(0.02)


def _wait_for_drain(replica: Replica) -> None:
    deadline = time.monotonic() + 5
    while "draining" not in [line["event"] for line in replica.lines("mainstay.http")]:
        assert time.monotonic() < deadline, "the signal was never heard"
        time.sleep(0.005)


def _processes_of_session(leader: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - /proc is no folder of ours
        with suppress(ValueError, ProcessLookupError):
            if os.getsid(int(name)) == leader:
                found.append(int(name))
    return found
