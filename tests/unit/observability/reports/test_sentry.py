"""What reaches the error tracker, seen through sentry-sdk's own transport."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import sentry_sdk
from django.core.exceptions import DisallowedHost
from django.core.signals import got_request_exception
from django.db.utils import OperationalError
from django.test import RequestFactory
from django.urls import ResolverMatch
from sentry_sdk.transport import Transport

from mainstay.base.context import REQUEST, REQUEST_ID
from mainstay.base.errors import InvalidInput
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.observability import output
from mainstay.observability.reports import begin_request, sentry, setup
from mainstay.observability.reports.filtering import OUTAGES_PER_MINUTE, PER_MINUTE
from tests.unit.http.calling import call_wsgi
from tests.unit.observability.reports.flood import REFUSED, Clock, capped, django_error


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
    sentry_sdk.get_global_scope().set_client(None)


def _report(error: Exception) -> None:
    try:
        raise error
    except type(error) as caught:
        sentry_sdk.capture_exception(caught)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ("r7", "1.4.2", "r7"),
        ("unknown", "1.4.2", "1.4.2"),  # the supervisor runs outside of git
        ("unknown", "", "unknown"),
        ("", "1.4.2", "1.4.2"),
        ("", "", None),
    ],
)
def test_a_release_that_is_not_known_is_no_better_than_one_that_is_said(
    monkeypatch: pytest.MonkeyPatch, ours: str, theirs: str, said: str | None
) -> None:
    monkeypatch.setenv("MAINSTAY_RELEASE", ours)
    monkeypatch.setenv("SENTRY_RELEASE", theirs)
    assert sentry.defaults("http://key@127.0.0.1:9/1")["release"] == said


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


def test_reports_that_do_not_arrive_are_counted_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monkeypatch.setenv("SENTRY_DSN", f"http://key@127.0.0.1:{port}/1")
    assert setup(default_integrations=False)
    try:
        for _ in range(2):
            _report(ValueError("broken"))
        sentry_sdk.flush()
    finally:
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)
    assert sentry.REPORTS.dropped["undelivered"].value == 2
    said = [record.getMessage() for record in caplog.records if record.threadName == sentry.SENDER]
    assert said == ["error reports do not arrive: network_error"]


def test_without_an_address_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENTRY_DSN", raising=False)
    assert setup() is False


@pytest.mark.parametrize("dsn", ["nonsense", "http://127.0.0.1:9/1", "ftp://k3y@h/1", "https://k3y@h/"])
def test_an_address_that_is_none_is_one_clear_error_without_its_key(
    monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.setenv("SENTRY_DSN", dsn)
    with pytest.raises(InvalidInput) as caught:
        setup()
    (problem,) = caught.value.problems
    assert (problem.path, problem.id) == ("SENTRY_DSN", "settings.bad-variable")
    assert "k3y" not in str(caught.value)


def test_what_one_request_told_sentry_is_not_on_the_reports_of_the_next(sent: list[dict[str, Any]]) -> None:
    begin_request()
    sentry_sdk.set_tag("cart", "7")
    sentry_sdk.add_breadcrumb(message="opened the cart")
    _report(ValueError("first"))
    begin_request()
    _report(ValueError("second"))
    first, second = sent
    assert first["tags"]["cart"] == "7"
    assert "cart" not in second["tags"]
    assert not second.get("breadcrumbs", {}).get("values")


def test_each_request_of_a_thread_begins_anew(sent: list[dict[str, Any]]) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/first/":
            sentry_sdk.set_tag("cart", "7")
        sentry_sdk.capture_message("told")
        start_response("200 OK", [])
        return [b"ok"]

    entrance = WsgiEntrance(application, process=Lifecycle())
    call_wsgi(entrance, "/first/")
    call_wsgi(entrance, "/second/")
    assert ["cart" in event["tags"] for event in sent] == [True, False]


def test_an_error_that_django_gave_up_on_is_reported_with_its_request(sent: list[dict[str, Any]]) -> None:
    value = "c4" + "nary"  # in two parts: a report shows lines of source code, too
    headers = {"X-Note": "hello", "Cookie": f"a={value}-2"}
    request = RequestFactory().post(f"/pay/?token={value}&page=2", {"card": value}, headers=headers)
    token = REQUEST.set(request)
    try:
        raise ValueError("broken")
    except ValueError:
        got_request_exception.send(sender=object, request=request)
    REQUEST.reset(token)
    (event,) = sent
    assert event["request"] == {
        "method": "POST",
        "url": "http://testserver/pay/",
        "query_string": "token=(masked)&page=2",
        "headers": {"X-Note": "hello"},
    }
    assert value not in str(event)


def test_a_request_that_cannot_be_described_does_not_become_the_clients_problem(
    sent: list[dict[str, Any]],
) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        got_request_exception.send(sender=object, request=object())
    assert sent == []


@pytest.mark.parametrize(("options", "unwatched"), [({}, True), ({"enable_logs": True}, False)])
def test_the_access_line_knows_whether_sentry_looks_at_it(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], unwatched: bool
) -> None:
    """It passes by the access logger, unless it was told to send log lines."""
    monkeypatch.setenv("SENTRY_DSN", "http://key@127.0.0.1:9/1")
    monkeypatch.setattr(output, "UNWATCHED", list(output.UNWATCHED))
    monkeypatch.setattr(sentry, "UNWATCHED", output.UNWATCHED)
    before = logging.Logger.callHandlers

    def wrap(**given: Any) -> None:  # as its integration for logging does
        monkeypatch.setattr(logging.Logger, "callHandlers", lambda *args: before(*args))
        init(**given)

    init = sentry_sdk.init
    monkeypatch.setattr(sentry_sdk, "init", wrap)
    assert setup(transport=Kept(), default_integrations=False, auto_enabling_integrations=False, **options)
    assert (logging.Logger.callHandlers in output.UNWATCHED) is unwatched
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def test_an_outage_s_reports_are_not_even_built_beyond_the_cap(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To build one reads source lines of every frame: 20 ms that a thousand requests of an outage would all spend."""
    reports = capped(clock)
    built: list[object] = []

    def build(exc_info: Any, request: Any, *, handled: bool) -> None:
        built.append(reports.before_send({}, {"exc_info": exc_info}))

    monkeypatch.setattr(sentry, "REPORTS", reports)
    monkeypatch.setattr(sentry, "is_active", lambda: True)
    monkeypatch.setattr(sentry, "_capture", build)
    for _ in range(1000):
        sentry.report_failure(django_error(REFUSED))
    assert len(built) == OUTAGES_PER_MINUTE
    assert None not in built
    assert reports.dropped["outage"].value == 1000 - OUTAGES_PER_MINUTE
    clock.now = 60.0
    sentry.report_failure(django_error(REFUSED))
    assert len(built) == OUTAGES_PER_MINUTE + 1


def test_a_deadlock_is_reported_with_its_stack_under_its_route(sent: list[dict[str, Any]]) -> None:
    """It was answered 503, and is still a defect of the code of that route."""
    request = RequestFactory().post("/orders/7/hold/")
    request.resolver_match = ResolverMatch(lambda: None, (), {}, route="orders/<int:pk>/hold/")
    token = REQUEST.set(request)

    def hold_seats() -> None:
        raise django_error(psycopg.errors.DeadlockDetected("deadlock detected"))

    try:
        hold_seats()
    except OperationalError as error:
        sentry.report_failure(error)
    REQUEST.reset(token)
    sentry.report_failure(django_error(psycopg.errors.LockNotAvailable("no lock")))
    (event,) = sent
    assert event["fingerprint"] == ["database-deadlock", "orders/<int:pk>/hold/"]
    assert event["request"]["method"] == "POST"
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "hold_seats"


def test_what_was_dropped_is_told_as_a_report_of_its_own(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Callable[[], None]] = []

    class Later:
        def __init__(self, seconds: float, tell: Callable[[], None]) -> None:
            self._tell = tell

        def start(self) -> None:
            waiting.append(self._tell)

    monkeypatch.setattr(threading, "Timer", Later)
    for number in range(PER_MINUTE + 3):
        _report(ValueError(str(number)))
    (tell,) = waiting
    tell()
    summary = sent[-1]
    assert len(sent) == PER_MINUTE + 1
    assert summary["message"] == "3 error reports of this process were dropped within a minute"
    assert summary["level"] == "warning"
