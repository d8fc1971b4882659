from __future__ import annotations

import re

import promql_parser
import pytest

from mainstay.http import metrics as replica
from mainstay.ops.engines import figures, grafana
from mainstay.ops.engines.grafana import Panel

PANELS = [panel for row in grafana.ROWS for panel in row.panels]
QUERIES = [query.expression.replace("WINDOW", "1m") for panel in PANELS for query in panel.queries]
BY_SUPERVISOR = {
    "mainstay_process_up",
    "mainstay_process_restarts_total",
    "mainstay_process_memory_bytes",
    "mainstay_durability_degraded",
}
BY_EDGE = {
    "haproxy_frontend_http_responses_total",
    "haproxy_frontend_current_sessions",
    "haproxy_backend_retry_warnings_total",
    "haproxy_backend_redispatch_warnings_total",
    "mainstay_edge_connections",
}


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_is_promql(query: str) -> None:
    promql_parser.parse(query)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_asks_for_something_that_is_exported(query: str) -> None:
    assert replica.METRICS is not None
    served = {sample.name for family in replica.METRICS.registry.collect() for sample in family.samples}
    named = {
        family.name
        + ("_total" if family.type == "counter" else "_bucket" if family.type == "histogram" else "")
        for family in replica.METRICS.registry.collect()
    }
    known = served | named | BY_SUPERVISOR | BY_EDGE | set(figures.HELP)
    asked = set(re.findall(r"\b(?:django|mainstay|haproxy)_\w+", query))
    assert asked
    assert asked <= known


def test_panels_fill_their_rows_without_overlapping() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in grafana.dashboard("1m")["panels"]:
        box = panel["gridPos"]
        cells = {(box["x"] + x, box["y"] + y) for x in range(box["w"]) for y in range(box["h"])}
        assert not cells & taken
        assert box["x"] + box["w"] <= grafana.WIDTH
        taken |= cells


def test_numbers_are_given_once() -> None:
    numbers = [panel["id"] for panel in grafana.dashboard("1m")["panels"]]
    assert len(numbers) == len(set(numbers)) == len(PANELS) + len(grafana.ROWS)


def test_no_window_is_left_open() -> None:
    assert "WINDOW" not in grafana.files("http://127.0.0.1:9090", "1m")[0].text


def test_latency_is_shown_at_its_median_and_its_tail() -> None:
    (latency,) = [panel for panel in PANELS if panel.title == "Latency"]
    assert isinstance(latency, Panel)
    assert [query.legend for query in latency.queries] == ["{{service}} p50", "{{service}} p99"]
