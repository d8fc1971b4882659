"""Error reports end to end: a real replica reports to a real Sentry-compatible server, which stores them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.inside.bugsink import Bugsink
from tests.integration.inside.replica import Replica

pytestmark = pytest.mark.timeout(180)

SESSION = "https://app.logrocket.com/acme/shop/s/5-abc/0"


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_an_error_is_stored_with_what_connects_it_to_everything_else(
    bugsink: Bugsink, start: Callable[..., Replica], interface: str
) -> None:
    before = len(bugsink.events())
    replica = start(interface, SENTRY_DSN=bugsink.dsn, MAINSTAY_SYSTEM="boxoffice")
    answer = replica.get("/boom/", headers={"X-LogRocket-URL": SESSION})

    assert answer.status == 500
    event = bugsink.wait_for_events(before + 1)[-1]
    assert event["release"] == "r1"
    assert event["environment"] == "boxoffice"
    assert event["server_name"] == "shop.web.1"
    assert event["tags"]["service"] == "shop"
    assert event["tags"]["request_id"] == answer.headers["x-request-id"]
    assert event["contexts"]["logrocket"] == {"session_url": SESSION}
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "boom"


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_requests_without_a_database_are_one_issue_and_a_few_events(
    bugsink: Bugsink, start: Callable[..., Replica], free_port: Callable[[], int], interface: str
) -> None:
    events, issues = len(bugsink.events()), bugsink.issues()
    gone = f"postgres://app:hunter2secret@127.0.0.1:{free_port()}/app"
    replica = start(interface, SENTRY_DSN=bugsink.dsn, DATABASE_URL=gone, MAINSTAY_SYSTEM=interface)
    with ThreadPoolExecutor(12) as threads:
        statuses = set(threads.map(lambda _: replica.get("/database/1/", timeout=60).status, range(24)))
    replica.get("/boom/")

    assert statuses == {503}
    stored = bugsink.wait_for_events(events + 2)
    while stored[-1]["exception"]["values"][-1]["value"] != "boom":  # sent last, so it is stored last
        stored = bugsink.wait_for_events(len(stored) + 1)
    told = [event for event in stored[events:] if event.get("fingerprint") == ["database-unavailable"]]
    assert 1 <= len(told) <= 6
    assert bugsink.issues() - issues <= 2
    assert "hunter2secret" not in json.dumps(stored)
    assert told[0]["tags"]["trace_id"] == told[0]["contexts"]["trace"]["trace_id"]


def test_a_receiver_that_is_gone_costs_no_answer(
    start: Callable[..., Replica], free_port: Callable[[], int]
) -> None:
    replica = start("asgi", SENTRY_DSN=f"http://key@127.0.0.1:{free_port()}/1")

    assert [replica.get("/boom/", timeout=5).status for _ in range(5)] == [500] * 5
    assert replica.get("/").status == 200
