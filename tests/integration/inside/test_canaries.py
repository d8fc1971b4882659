"""Secrets planted everywhere in a real replica, and looked for in every byte that leaves it."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.inside.replica import Replica
from tests.unit.observability.collector import CollectorServer

pytestmark = pytest.mark.timeout(120)

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

PLANTED = [
    "message", "url", "header_in_message", "dict_in_message", "bad_arguments", "cycle", "extra_name",
    "extra_deep", "extra_pair", "extra_bytes", "extra_under", "extra_object", "extra_url", "caught",
    "sql_parameter", "sql_literal", "sql_many", "span_name", "span_text", "variable", "variable_in_dict",
    "variable_url", "cause", "error_text", "pem",
]  # fmt: skip
"""Planted by the view itself, from a variable whose name says nothing."""

HEADERS = ["X-Api-Key", "X-Auth-Token", "X-CSRFToken", "X-Access-Token", "X-Amz-Security-Token"]
COOKIES = ["sessionid", "csrftoken", "plain"]
QUERY = ["password", "token", "access_token", "client_secret"]
FORM = ["password", "new_password1", "card_number", "cvv", "otp", "api_key"]
JSON_BODY = ["password", "passphrase", "private_key", "refresh_token"]
ENVIRONMENT = {
    "SECRET_KEY": "{}-made-long-enough-for-django-to-be-content-with-it",
    "MAINSTAY_INTERNAL_TOKEN": "{}",
    "PAYMENT_API_KEY": "{}",
    "LEDGER": "https://ledger:{}@ledger.example/",
    "AWS_SECRET_ACCESS_KEY": "{}",
    "SMTP_PASSWORD": "{}",
}
CARD = "4111 1111 1111 1111"


class Canaries:
    """Values that are found nowhere by chance, by the place they were put in."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        return self.planted.setdefault(place, f"cnry{len(self.planted):02d}Qx7")

    def found_in(self, leaving: bytes) -> list[str]:
        forms = {
            place: (value, base64.b64encode(value.encode()).decode()) for place, value in self.planted.items()
        }
        return [
            place for place, values in forms.items() if any(value.encode() in leaving for value in values)
        ]


class SentryReceiver(ThreadingHTTPServer):
    """Keeps every byte of every envelope, unpacked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.raw = b""
        self.events: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def dsn(self) -> str:
        return f"http://cafe@127.0.0.1:{self.server_address[1]}/1"

    def wait(self, count: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.events) < count:
            assert time.monotonic() < deadline, f"{len(self.events)} of {count} reports arrived"
            time.sleep(0.02)

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: SentryReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.raw += body
        lines = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
        self.server.events += [line for line in lines if "exception" in line]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def sentry() -> Iterator[SentryReceiver]:
    server = SentryReceiver()
    yield server
    server.end()


@pytest.fixture
def collector() -> Iterator[CollectorServer]:
    server = CollectorServer()
    yield server
    server.end()


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_of_sixty_secrets_none_leaves_the_process(
    start: Callable[..., Replica], sentry: SentryReceiver, collector: CollectorServer, interface: str
) -> None:
    canary = Canaries()
    planted = {name: canary(f"planted {name}") for name in PLANTED}
    environment = {name: form.format(canary(f"environment {name}")) for name, form in ENVIRONMENT.items()}
    replica = start(
        interface,
        SENTRY_DSN=sentry.dsn,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        LEAK=json.dumps({**planted, "card": CARD}),
        SHOP_LOGS_SQL="1",
        **environment,
    )
    headers = {
        "traceparent": SAMPLED,
        "Authorization": f"Bearer {canary('authorization')}",
        "Proxy-Authorization": f"Basic {canary('proxy authorization')}",
        "Cookie": "; ".join(f"{name}={canary('cookie ' + name)}" for name in COOKIES),
        "User-Agent": f"curl password={canary('user agent')}",
        "Referer": f"https://shop.example/?token={canary('referer')}",
        "X-Note": f"https://user:{canary('note')}@shop.example/",
        **{name: canary(f"header {name}") for name in HEADERS},
    }
    query = urlencode({name: canary(f"query {name}") for name in QUERY})
    path = f"/leak/{canary('path')}/?{query}"
    form = urlencode({name: canary(f"form {name}") for name in FORM})
    sent = json.dumps(
        {"user": {name: canary(f"json {name}") for name in JSON_BODY}, JSON_BODY[0]: canary("json top")}
    )

    answers = [
        replica.request(
            "POST", path, form.encode(), {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        ),
        replica.request("POST", path, sent.encode(), {**headers, "Content-Type": "application/json"}),
        replica.request("GET", f"{path}&quiet=1", headers=headers),
        replica.request("GET", f"/absent/?{query}", headers=headers),
    ]
    assert [answer.status for answer in answers] == [500, 500, 200, 404]
    assert len(canary.planted) >= 60
    sentry.wait(4)  # two that Django gave up on, two that were logged
    collector.wait(10)
    lines = replica.wait_for_lines(4)
    metrics = replica.get("/metrics").body
    logs = replica.log.read_bytes()

    assert lines[0]["path"] == "/leak/<str:token>/"
    assert b"with extra" in logs
    assert b"SELECT ?" in logs
    assert b"(masked)" in sentry.raw
    leaving = {"logs": logs, "metrics": metrics, "traces": collector.raw, "reports": sentry.raw}
    leaving["answers"] = b"".join(answer.body + repr(answer.headers).encode() for answer in answers)
    found = {where: canary.found_in(data) for where, data in leaving.items()}
    assert not any(found.values()), found
    assert CARD.encode() not in b"".join(leaving.values())


def test_a_canary_that_leaves_is_seen() -> None:
    canary = Canaries()
    value = canary("place")
    assert canary.found_in(b"x " + value.encode()) == ["place"]
    assert canary.found_in(b"x " + base64.b64encode(value.encode())) == ["place"]
