"""Traces of a real replica at a receiver, and back-ends that are down, silent or full."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.integration.inside.replica import Replica
from tests.unit.observability.collector import BlackHole, CollectorServer, attributes

pytestmark = pytest.mark.timeout(120)

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{CALLER}-01"


@pytest.fixture
def hole() -> Iterator[BlackHole]:
    made = BlackHole()
    yield made
    made.end()


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_sampled_request_is_one_trace_from_its_caller_to_its_statements(
    start: Callable[..., Replica], collector: CollectorServer, interface: str
) -> None:
    replica = start(interface, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_TRACES_SAMPLER_ARG="0")
    replica.get("/statement/", {"traceparent": SAMPLED, "tracestate": "a=1"})
    replica.get("/statement/", {"traceparent": SAMPLED[:-1] + "0"})
    replica.get("/statement/", {"traceparent": "00-nonsense-01"})
    spans = {span["name"]: span for span in collector.wait(2)}
    lines = replica.wait_for_lines(3)

    request, statement = spans["GET statement/"], spans["SELECT default"]
    assert {span["traceId"] for span in spans.values()} == {TRACE}
    assert (request["parentSpanId"], statement["parentSpanId"]) == (CALLER, request["spanId"])
    assert (request["kind"], statement["kind"], request["traceState"]) == (2, 3, "a=1")
    told = attributes(request)
    assert (told["http.route"], told["http.response.status_code"]) == ("statement/", 200)
    assert told["mainstay.request_id"] == lines[0]["request_id"]
    assert attributes(statement)["db.query.text"] == "SELECT %s"
    assert collector.resources[0]["service.instance.id"] == "shop.web.1"

    assert (lines[0]["trace_id"], lines[0]["span_id"]) == (TRACE, request["spanId"])
    assert lines[0]["db_count"] == 1
    assert lines[0]["db_ms"] >= 0
    assert lines[1]["trace_id"] == TRACE
    assert lines[2]["trace_id"] not in (TRACE, "")
    assert len(collector.spans) == 2


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_receivers_that_never_answer_delay_no_request(
    start: Callable[..., Replica], hole: BlackHole, interface: str
) -> None:
    sentry = hole.endpoint.replace("http://", "http://cafe@") + "/1"
    replica = start(interface, SENTRY_DSN=sentry, OTEL_EXPORTER_OTLP_ENDPOINT=hole.endpoint)
    headers = {"traceparent": SAMPLED}
    with ThreadPoolExecutor(4) as threads:
        failed = list(threads.map(lambda _: replica.get("/boom/", headers, timeout=5).status, range(200)))
    assert failed == [500] * 200
    assert replica.get("/", headers, timeout=5).status == 200
    figures = replica.get("/metrics").body.decode()
    dropped = next(
        line
        for line in figures.splitlines()
        if line.startswith('mainstay_reports_dropped_total{reason="cap"')
    )
    assert float(dropped.split()[1]) >= 140
    assert "mainstay_trace_spans_waiting" in figures


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_log_that_nobody_reads_stops_no_request(
    project: Path, tmp_path: Path, free_port: Callable[[], int], interface: str
) -> None:
    """Standard output is a pipe that fills up; with a write in the request itself, the first thousand would hang."""
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    replica = Replica(project, interface, free_port(), fifo, {})
    try:
        replica.wait_until_ready()
        statuses = {replica.get("/", {"User-Agent": "x" * 190}, timeout=5).status for _ in range(600)}
        assert statuses == {200}
        os.set_blocking(reader, True)
        got = bytearray()

        def read() -> None:
            while got.count(b'"logger":"mainstay.access"') < 600 and (chunk := os.read(reader, 65536)):
                got.extend(chunk)

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(20)
        assert got.count(b'"logger":"mainstay.access"') >= 600
        assert all(json.loads(line) for line in got.splitlines() if line.endswith(b"}"))
    finally:
        replica.kill()
        os.close(reader)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_life_of_an_event_stream_is_not_latency(start: Callable[..., Replica], interface: str) -> None:
    """Or a page that stays open would look like a slow service, to the objectives as well."""
    replica = start(interface)
    for _ in range(2):
        with _events(replica) as answer:
            for _ in range(40):  # two seconds
                assert answer.readline() + answer.readline() == b"data: tick\n\n"
    lines = replica.wait_for_lines(2)
    assert [line["duration_ms"] > 1900 for line in lines] == [True, True]
    (latency,) = re.findall(
        r'latency_seconds_by_view_method_sum\{method="GET",view="events"\} (\S+)',
        replica.get("/metrics").body.decode(),
    )
    assert float(latency) < sum(line["duration_ms"] for line in lines) / 1000 - 3.6


@contextmanager
def _events(replica: Replica) -> Iterator[HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", replica.port, timeout=10)
    connection.request("GET", "/events/")
    try:
        yield connection.getresponse()
    finally:
        connection.close()
