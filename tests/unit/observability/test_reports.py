"""What reaches the error tracker, seen through sentry-sdk's own transport."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.core.exceptions import DisallowedHost
from sentry_sdk.transport import Transport

from mainstay.base.context import REQUEST_ID
from mainstay.observability import setup
from mainstay.observability.reports import attach_request, logrocket_session

SESSION = "https://app.logrocket.com/acme/shop/s/5-abc/0"


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.events += [event for event in [envelope.get_event()] if event]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    monkeypatch.setenv("SENTRY_DSN", "http://key@127.0.0.1:9/1")
    monkeypatch.setenv("MAINSTAY_RELEASE", "r7")
    monkeypatch.setenv("MAINSTAY_SYSTEM", "boxoffice")
    monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
    transport = Kept()
    assert setup(transport=transport, default_integrations=False, auto_enabling_integrations=False)
    yield transport.events
    sentry_sdk.get_client().close()
    sentry_sdk.init()


def _report(error: Exception) -> None:
    try:
        raise error
    except type(error) as caught:
        sentry_sdk.capture_exception(caught)


def test_report_carries_release_environment_and_request(sent: list[dict[str, Any]]) -> None:
    token = REQUEST_ID.set("abcd-1234")
    try:
        _report(ValueError("broken"))
    finally:
        REQUEST_ID.reset(token)
    (event,) = sent
    assert (event["release"], event["environment"]) == ("r7", "boxoffice")
    assert event["tags"] == {"request_id": "abcd-1234", "service": "shop"}


def test_what_a_client_caused_is_not_reported(sent: list[dict[str, Any]]) -> None:
    _report(DisallowedHost("evil.example"))
    assert sent == []


def test_browser_session_is_attached() -> None:
    event = attach_request({"request": {"headers": {"X-Logrocket-Url": SESSION}}}, {})
    assert event is not None
    assert event["contexts"]["logrocket"] == {"session_url": SESSION}
    assert event["tags"]["logrocket"] == SESSION


@pytest.mark.parametrize(
    "value",
    [
        "http://app.logrocket.com/s",
        "javascript:alert(1)",
        "https://",
        "https://x.example/" + "a" * 500,
        "https://x.example/a b",
        "https://x.example/\n",
        "https://[",
        "",
    ],
)
def test_anything_but_a_session_address_is_dropped(value: str) -> None:
    assert logrocket_session({"X-LogRocket-URL": value}) is None


def test_without_an_address_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENTRY_DSN", raising=False)
    assert setup() is False
