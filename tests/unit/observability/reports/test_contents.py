"""What a report says of its request; nothing in it is a secret."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mainstay.base.context import REQUEST
from mainstay.base.tracecontext import TRACE, new_trace
from mainstay.observability.reports.contents import attach_request, logrocket_session, scrub_query
from tests.unit.observability.reports.flood import Clock, capped, hint

SESSION = "https://app.logrocket.com/acme/shop/s/5-abc/0"


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


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("page=2", "page=2"),
        ("password=x&page=2", "password=(masked)&page=2"),
        ("next=https%3A//u:p4ss@h/", "next=https%3A%2F%2Fu%3A(masked)%40h%2F"),
        ("&".join("a=1" for _ in range(500)), "(masked)"),
    ],
)
def test_a_query_is_shown_without_secrets(query: str, shown: str) -> None:
    assert scrub_query(query) == shown


def test_every_corner_of_an_event_is_scrubbed(clock: Clock) -> None:
    secret = "c4nAry-77"
    request = SimpleNamespace(META={"HTTP_AUTHORIZATION": f"Bearer {secret}-own"}, _body=b"")
    event = {
        "request": {
            "url": f"https://u:{secret}@h/",
            "query_string": f"token={secret}&page=2",
            "headers": {"Authorization": secret, "Cookie": secret, "X-Note": f"password={secret}"},
            "cookies": {"sessionid": secret},
            "data": {"card_number": secret, "items": [{"password": secret}]},
            "env": {"DATABASE_PASSWORD": secret},
        },
        "exception": {
            "values": [
                {
                    "value": f"login failed: password={secret} {secret}-own",
                    "stacktrace": {
                        "frames": [
                            {
                                "vars": {
                                    "password": f"'{secret}'",
                                    "data": {"token": secret},
                                    "x": f"{secret}-own",
                                },
                                "context_line": f"connect('pg://a:{secret}@h')",
                            }
                        ]
                    },
                }
            ]
        },
        "breadcrumbs": {"values": [{"message": f"api_key={secret}", "data": {"secret": secret}}]},
        "extra": {"credentials": {"a": secret}, "note": f"Bearer {secret}"},
        "logentry": {"message": "%s", "formatted": f"token={secret}"},
        "tags": {"auth": secret},
        "user": {"id": "7"},
    }
    token = REQUEST.set(request)
    try:
        sent = capped(clock).before_send(event, hint(ValueError()))
    finally:
        REQUEST.reset(token)
    assert sent is not None
    assert secret not in str(sent)
    assert sent["exception"]["values"][0]["value"] == "login failed: password=(masked) (masked)"
    assert sent["request"]["query_string"] == "token=(masked)&page=2"


def test_the_trace_and_the_user_are_attached(clock: Clock) -> None:
    trace, request = new_trace(), SimpleNamespace(_cached_user=SimpleNamespace(id=7), META={})
    tokens = TRACE.set(trace), REQUEST.set(request)
    try:
        sent = capped(clock).before_send({}, hint(ValueError()))
    finally:
        TRACE.reset(tokens[0])
        REQUEST.reset(tokens[1])
    assert sent is not None
    assert sent["tags"]["trace_id"] == trace.trace_id
    assert sent["contexts"]["trace"] == {"trace_id": trace.trace_id, "span_id": trace.span_id}
    assert sent["user"] == {"id": "7"}
