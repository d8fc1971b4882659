"""Error reports of a real replica, as they arrive at a receiver over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.inside.receiver import Receiver
from tests.integration.inside.replica import Replica

SESSION = "https://app.logrocket.com/acme/shop/s/5-abc/0"


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_broken_view_is_reported_with_its_request_and_browser_session(
    start: Callable[..., Replica], receiver: Receiver, interface: str
) -> None:
    replica = start(interface, SENTRY_DSN=receiver.dsn, MAINSTAY_SYSTEM="boxoffice")
    replica.get(
        "/boom/", {"X-Request-ID": "abcd-1234", "X-LogRocket-URL": SESSION, "Authorization": "Bearer s3cret"}
    )
    event = receiver.wait_for_event()
    assert event["exception"]["values"][-1]["value"] == "boom"
    assert (event["release"], event["environment"]) == ("r1", "boxoffice")
    assert event["tags"]["request_id"] == "abcd-1234"
    assert event["contexts"]["logrocket"] == {"session_url": SESSION}
    assert "s3cret" not in json.dumps(event)


OWN = """
from sentry_sdk.integrations.django import DjangoIntegration
TRACED = {
    "integrations": [DjangoIntegration(middleware_spans=True)],
    "traces_sample_rate": 1.0,
    "profiles_sample_rate": 1.0,
}
"""
PASSED = "LOGGING = mainstay.observability(sentry=TRACED)\n"
BESIDE = "import sentry_sdk\nsentry_sdk.init(os.environ['OWN_DSN'], **TRACED)\n"
ASKED = {
    "/": 200,
    "/async-slow/1/": 200,
    "/statement/": 200,
    "/stream/": 200,
    "/boom/": 500,
    "/missing/": 404,
}


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize(
    ("lines", "own", "ours"),
    [(PASSED, False, True), (BESIDE, True, False), (BESIDE, True, True)],
    ids=["passed on", "alone", "both"],
)
def test_sentrys_own_tracing_beside_our_handler_neither_breaks_nor_doubles_anything(
    start: Callable[..., Replica],
    project: Path,
    receiver: Receiver,
    interface: str,
    lines: str,
    own: bool,
    ours: bool,
) -> None:
    """Its Django integration wraps the classes of Django's handlers, which ours stand for."""
    with (project / "site1/settings.py").open("a") as settings:
        settings.write(OWN + lines)
    replica = start(interface, OWN_DSN=receiver.dsn if own else "", SENTRY_DSN=receiver.dsn if ours else "")
    assert {path: replica.get(path).status for path in ASKED} == ASKED
    assert sorted(line["path"] for line in replica.wait_for_lines(len(ASKED))) == sorted(ASKED)
    replica.terminate()
    assert replica.wait() == 0

    assert [event["exception"]["values"][-1]["value"] for event in receiver.events] == ["boom"]
    assert len(receiver.transactions) == len(ASKED)
    views = [
        span["description"]
        for transaction in receiver.transactions
        for span in transaction["spans"]
        if span["op"] == "view.render"
    ]
    assert sorted(views) == ["async-slow", "boom", "hello", "statement", "stream"]
