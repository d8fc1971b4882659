from __future__ import annotations

import re

import promql_parser
import pytest

from mainstay.http import metrics as replica
from mainstay.http import unavailable
from mainstay.observability import queues
from mainstay.ops.engines import figures
from mainstay.ops.engines.grafana import provisioning as grafana
from mainstay.ops.engines.grafana.boards import BOARDS, Board
from mainstay.ops.engines.prometheus import rules

QUERIES = list(
    dict.fromkeys(
        query.expression.replace("WINDOW", "1m")
        for board in BOARDS
        for row in board.rows
        for panel in row.panels
        for query in panel.queries
    )
)
RECORDED = set(re.findall(r"record: (\S+)", rules(5.0)))
BY_SUPERVISOR = {
    "mainstay_process_up",
    "mainstay_process_restarts_total",
    "mainstay_process_memory_bytes",
    "mainstay_durability_degraded",
    "mainstay_disk_free_bytes",
    "mainstay_disk_size_bytes",
    "mainstay_certificate_expiry_timestamp_seconds",
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
    families = [*replica.METRICS.registry.collect(), *replica.METRICS.compatible.collect()]
    served = {sample.name for family in families for sample in family.samples}
    named = {
        family.name
        + ("_total" if family.type == "counter" else "_bucket" if family.type == "histogram" else "")
        for family in families
    }
    failures = {figure.name for figure in unavailable.figures()}
    known = served | named | failures | BY_SUPERVISOR | BY_EDGE | set(figures.HELP) | set(queues.HELP)
    asked = set(re.findall(r"\b(?:django|mainstay|haproxy)_\w+|\bservice:[\w:]+", query))
    assert asked
    assert asked <= known | RECORDED


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_panels_fill_their_rows_without_overlapping(board: Board) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in grafana.dashboard(board, "1m")["panels"]:
        box = panel["gridPos"]
        cells = {(box["x"] + x, box["y"] + y) for x in range(box["w"]) for y in range(box["h"])}
        assert not cells & taken
        assert box["x"] + box["w"] <= grafana.WIDTH
        taken |= cells


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_numbers_are_given_once(board: Board) -> None:
    numbers = [panel["id"] for panel in grafana.dashboard(board, "1m")["panels"]]
    assert len(numbers) == len(set(numbers)) == len(board.rows) + sum(len(row.panels) for row in board.rows)


def test_each_dashboard_is_a_file_of_its_own_and_no_window_is_left_open() -> None:
    written = grafana.files("http://127.0.0.1:9090", "1m")
    names = {
        file.name
        for file in written
        if "/dashboards/mainstay" in file.name and "provisioning" not in file.name
    }
    assert names == {f"grafana/dashboards/{board.uid}.json" for board in BOARDS}
    assert not any("WINDOW" in file.text for file in written)
