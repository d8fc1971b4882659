"""Spans of OpenTelemetry's API, and of a library's instrumentation, from a real replica to a receiver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mainstay.observability.traces import SPANS_LIMIT
from tests.integration.inside.replica import Replica
from tests.unit.observability.collector import CollectorServer, attributes

pytestmark = pytest.mark.timeout(120)

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
SECRET = "c4naryc4nary"

SYNC = {
    "reserve": "request",
    "price": "reserve",
    "SELECT default": "price",
    "call the neighbor": "reserve",
    "GET": "call the neighbor",
    "thread": "reserve",
}
"""Which span lies in which."""

ASYNC = {
    **{name: parent for name, parent in SYNC.items() if name != "thread"},
    "left": "reserve",
    "right": "reserve",
    "left below": "left",
    "right below": "right",
}


class Neighbor(ThreadingHTTPServer):
    """A service that is called, and remembers with which headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.headers: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/seats"

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Neighbor

    def do_GET(self) -> None:
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def neighbor() -> Iterator[Neighbor]:
    server = Neighbor()
    yield server
    server.end()


@pytest.fixture
def shop(
    start: Callable[..., Replica], collector: CollectorServer, neighbor: Neighbor
) -> Callable[[str], Replica]:
    def begin(interface: str) -> Replica:
        return start(
            interface,
            SHOP_SPANS="1",
            SHOP_NEIGHBOR=neighbor.url,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_TRACES_SAMPLER_ARG="0",
        )

    return begin


@pytest.mark.parametrize(
    ("interface", "view", "tree"),
    [("wsgi", "reserve/", SYNC), ("asgi", "reserve/", SYNC), ("asgi", "async-reserve/", ASYNC)],
)
def test_all_spans_of_a_request_are_one_tree(
    shop: Callable[[str], Replica],
    collector: CollectorServer,
    neighbor: Neighbor,
    interface: str,
    view: str,
    tree: dict[str, str],
) -> None:
    replica = shop(interface)
    answer = replica.get(f"/{view}?token={SECRET}", {**SAMPLED, "tracestate": "a=1"})
    assert (answer.status, answer.body) == (200, b"200")
    collector.wait(len(tree) + 1)
    spans = {span["name"]: span for span in collector.spans}
    request = spans.pop(f"GET {view}")
    assert request["parentSpanId"] == CALLER
    names = {span["spanId"]: name for name, span in spans.items()} | {request["spanId"]: "request"}
    assert {name: names[span["parentSpanId"]] for name, span in spans.items()} == tree
    assert {(span["traceId"], span["traceState"]) for span in spans.values()} == {(TRACE, "a=1")}
    for span in spans.values():
        assert int(request["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) + 1_000_000
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])

    reserve, call = spans["reserve"], spans["GET"]
    assert attributes(reserve) == {"seats": ["A1", "A2"]}
    assert [(event["name"], attributes(event)) for event in reserve["events"]] == [("chosen", {"by": "hand"})]
    assert attributes(request)["tenant"] == "t1"
    assert (call["kind"], call["scope"]) == (3, "opentelemetry.instrumentation.urllib3")
    assert (reserve["kind"], reserve["scope"], request["scope"]) == (1, "shop.spans", "mainstay")
    assert attributes(call)["http.status_code"] == 200
    assert SECRET.encode() not in collector.raw

    (headers,) = neighbor.headers
    assert headers["traceparent"].split("-")[1:3] == [TRACE, call["spanId"]]
    assert headers["tracestate"] == "a=1"


@pytest.mark.parametrize(("interface", "view"), [("wsgi", "reserve/"), ("asgi", "async-reserve/")])
def test_a_request_that_is_not_sampled_is_passed_on_and_leaves_nothing(
    shop: Callable[[str], Replica],
    collector: CollectorServer,
    neighbor: Neighbor,
    interface: str,
    view: str,
) -> None:
    replica = shop(interface)
    assert replica.get(f"/{view}", UNSAMPLED).status == 200
    assert replica.get("/many/1/", SAMPLED).status == 200
    collector.wait(2)
    assert {span["name"] for span in collector.spans} == {"GET many/<int:count>/", "one of many"}
    (headers,) = neighbor.headers
    trace_id, span_id, flags = headers["traceparent"].split("-")[1:]
    line = replica.wait_for_lines(2)[0]
    assert (trace_id, span_id, flags) == (TRACE, line["span_id"], "00")


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_an_error_is_told_by_its_class(
    shop: Callable[[str], Replica], collector: CollectorServer, interface: str
) -> None:
    replica = shop(interface)
    assert replica.get("/fail/", {**SAMPLED, "Cookie": f"session={SECRET}"}).status == 500
    collector.wait(2)
    span = next(each for each in collector.spans if each["name"] == "fail")
    (event,) = span["events"]
    assert attributes(event)["exception.type"] == "RuntimeError"
    assert span["status"] == {"code": 2, "message": "RuntimeError"}
    assert SECRET.encode() not in collector.raw


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_ten_thousand_spans_of_one_request_are_cut(
    shop: Callable[[str], Replica], collector: CollectorServer, interface: str
) -> None:
    replica = shop(interface)
    assert replica.get("/many/10000/", SAMPLED).body == b"True"
    assert replica.get("/many/1/", SAMPLED).body == b"True"
    collector.wait(SPANS_LIMIT + 3)
    assert len(collector.spans) == SPANS_LIMIT + 3


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_receiver_that_is_down_fails_no_request(
    start: Callable[..., Replica], free_port: Callable[[], int], interface: str
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    replica = start(interface, SHOP_SPANS="1", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert {replica.get("/many/100/", SAMPLED).body for _ in range(30)} == {b"True"}
    figures = replica.get("/metrics").body.decode()
    waiting = next(line for line in figures.splitlines() if line.startswith("mainstay_trace_spans_waiting"))
    assert float(waiting.split()[1]) <= 2048
