"""Requests that wait for a place when the process is told to leave, or when it is too busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.inside.replica import Replica
from tests.stopwatch import Stopwatch

Start = Callable[..., Replica]

both = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


@both
def test_who_waits_when_the_process_leaves_is_answered(start: Start, interface: str) -> None:
    """wsgi: one works and five wait; asgi: twenty work and four wait."""
    replica = start(interface, MAINSTAY_THREADS="1")
    count = 6 if interface == "wsgi" else 24
    with ThreadPoolExecutor(count) as pool:
        taken = [pool.submit(replica.get, "/slow/400/") for _ in range(count)]
        _wait_for(replica, f"mainstay_http_requests_in_flight {count}.0")
        assert "mainstay_admission_waiting 0.0" not in replica.get("/metrics").body.decode()
        replica.terminate()
        answers = [each.result() for each in taken]
    assert [answer.status for answer in answers] == [200] * count
    assert replica.wait(10) == 0


@both
def test_the_figures_of_admission_can_be_scraped(start: Start, interface: str) -> None:
    replica = start(interface, MAINSTAY_THREADS="1", MAINSTAY_REQUESTS_MAX="1")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(replica.get, "/slow/3000/")
        _wait_for(replica, "mainstay_http_requests_in_flight 1.0")
        answers = [replica.get("/slow/1/"), replica.get("/slow/1/"), first.result()]
    assert sorted(answer.status for answer in answers) == [200, 503, 503]
    late = replica.get("/async-slow/2000/", {"Mainstay-Deadline": "50"}) if interface == "asgi" else None
    text = replica.get("/metrics").body.decode()

    assert 'mainstay_admission_refused_total{criticality="critical"} 2.0' in text
    assert 'mainstay_admission_admitted_total{criticality="critical"}' in text
    assert "mainstay_admission_limit 1.0" in text
    if late is not None:
        assert late.status == 504
        assert "mainstay_deadlines_exceeded_total 1.0" in text


def test_a_deadline_of_the_service_ends_an_async_view(start: Start) -> None:
    replica = start("asgi", SHOP_DEADLINE="0.2")
    watch = Stopwatch()
    answer = replica.get("/async-slow/9000/")

    assert answer.status == 504
    assert watch.elapsed() < 5
    assert replica.wait_for_lines(1)[-1]["status"] == 504
    assert replica.get("/").status == 200


def test_a_wrong_option_is_told_at_the_start(start: Start) -> None:
    replica = start("asgi", ready=False, SHOP_DEADLINE="-1")

    assert replica.wait(30) == 3, "another start would fail the same way"
    assert "http.bad-option" in replica.output()
    assert "Traceback" not in replica.output()


def _wait_for(replica: Replica, text: str) -> None:
    until = time.monotonic() + 10
    while text not in replica.get("/metrics").body.decode():
        assert time.monotonic() < until
        time.sleep(0.01)
