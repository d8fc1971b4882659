"""
One Grafana dashboard, and the files by which a Grafana finds it and its data; pure.

Grafana is not run by Mainstay: its own copy of these files lies beside Prometheus'
configuration, ready to be imported or mounted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mainstay.ops.engines.engine import File

UID = "mainstay"
FOLDER = "grafana"
WIDTH = 24
"""Columns of Grafana's grid."""
HEIGHT = 8


@dataclass(frozen=True, slots=True)
class Query:
    expression: str
    """PromQL; ``WINDOW`` stands for the time over which rates are taken."""
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str
    """As Grafana names units: ``reqps``, ``percentunit``, ``s``, ``bytes``, ``short``."""
    queries: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


_RESPONSES = 'django_http_responses_total_by_status_view_method_total{service=~"$service"}[WINDOW]'
_ERRORS = (
    'django_http_responses_total_by_status_view_method_total{service=~"$service", status=~"5.."}[WINDOW]'
)
_LATENCY = 'django_http_requests_latency_seconds_by_view_method_bucket{service=~"$service"}[WINDOW]'


def _quantile(share: str) -> Query:
    expression = f"histogram_quantile({share}, sum by (service, le) (rate({_LATENCY})))"
    return Query(expression, f"{{{{service}}}} p{share[2:].ljust(2, '0')}")


ROWS = (
    Row(
        "Services",
        (
            Panel(
                "Requests",
                "reqps",
                (Query(f"sum by (service) (rate({_RESPONSES}))", "{{service}}"),),
            ),
            Panel(
                "Server errors, share",
                "percentunit",
                (
                    Query(
                        f"sum by (service) (rate({_ERRORS})) / sum by (service) (rate({_RESPONSES}))",
                        "{{service}}",
                    ),
                ),
            ),
            Panel("Latency", "s", (_quantile("0.5"), _quantile("0.99"))),
            Panel(
                "In flight",
                "short",
                (
                    Query(
                        'sum by (service) (mainstay_http_requests_in_flight{service=~"$service"})',
                        "{{service}}",
                    ),
                ),
            ),
        ),
    ),
    Row(
        "Edge",
        (
            Panel(
                "Answers by class (HAProxy)",
                "reqps",
                (
                    Query(
                        "sum by (code) (rate(haproxy_frontend_http_responses_total[WINDOW]))",
                        "{{code}}",
                    ),
                ),
            ),
            Panel(
                "Connections",
                "short",
                (
                    Query("sum(haproxy_frontend_current_sessions)", "HAProxy"),
                    Query('sum(mainstay_edge_connections{state="active"})', "nginx"),
                ),
            ),
            Panel(
                "Retried and redispatched (HAProxy)",
                "reqps",
                (
                    Query("sum(rate(haproxy_backend_retry_warnings_total[WINDOW]))", "retried"),
                    Query("sum(rate(haproxy_backend_redispatch_warnings_total[WINDOW]))", "redispatched"),
                ),
            ),
        ),
    ),
    Row(
        "Database",
        (
            Panel(
                "Durability: 1 is degraded",
                "short",
                (Query("max(mainstay_durability_degraded)", "degraded"),),
            ),
            Panel(
                "Replication: log not yet on the standby",
                "bytes",
                (Query("mainstay_postgres_flush_lag_bytes", "{{standby}}"),),
            ),
            Panel(
                "Connections",
                "short",
                (
                    Query("sum by (node, state) (mainstay_postgres_connections)", "{{node}} {{state}}"),
                    Query("mainstay_postgres_max_connections", "{{node}} most"),
                ),
            ),
            Panel(
                "Transactions",
                "ops",
                (
                    Query(
                        "sum by (database, outcome) (rate(mainstay_postgres_transactions_total[WINDOW]))",
                        "{{database}} {{outcome}}",
                    ),
                ),
            ),
        ),
    ),
    Row(
        "Cache and broker",
        (
            Panel(
                "Cache: share of reads that hit",
                "percentunit",
                (
                    Query(
                        "sum by (node) (rate(mainstay_cache_hits_total[WINDOW]))"
                        " / (sum by (node) (rate(mainstay_cache_hits_total[WINDOW]))"
                        " + sum by (node) (rate(mainstay_cache_misses_total[WINDOW])))",
                        "{{node}}",
                    ),
                ),
            ),
            Panel(
                "Cache: memory",
                "bytes",
                (
                    Query("mainstay_cache_memory_bytes", "{{node}}"),
                    Query("mainstay_cache_memory_limit_bytes", "{{node}} limit"),
                ),
            ),
            Panel(
                "Cache: evictions",
                "ops",
                (Query("sum by (node) (rate(mainstay_cache_evictions_total[WINDOW]))", "{{node}}"),),
            ),
            Panel(
                "Broker: messages received and kept",
                "short",
                (
                    Query("sum(rate(mainstay_broker_received_total[WINDOW]))", "received per second"),
                    Query("sum(mainstay_broker_messages)", "kept"),
                ),
            ),
        ),
    ),
    Row(
        "Processes",
        (
            Panel("Ready", "short", (Query("mainstay_process_up", "{{process}}"),)),
            Panel(
                "Restarts in 10 minutes",
                "short",
                (Query("increase(mainstay_process_restarts_total[10m])", "{{process}}"),),
            ),
            Panel("Memory", "bytes", (Query("mainstay_process_memory_bytes", "{{process}}"),)),
        ),
    ),
)


def files(prometheus: str, window: str) -> tuple[File, ...]:
    """
    The dashboard, and what Grafana reads at its start to find it and its data.

    ``prometheus`` is the URL of the data source, ``window`` a duration as Prometheus
    writes it.
    """
    return (
        File(f"{FOLDER}/dashboards/mainstay.json", _json(dashboard(window))),
        File(f"{FOLDER}/provisioning/datasources/mainstay.yml", _json(datasources(prometheus))),
        File(f"{FOLDER}/provisioning/dashboards/mainstay.yml", _json(providers())),
    )


def dashboard(window: str) -> dict[str, Any]:
    return {
        "uid": UID,
        "title": "Mainstay",
        "tags": ["mainstay"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source_variable(), _service_variable()]},
        "panels": _panels(window),
    }


def _source_variable() -> dict[str, Any]:
    return {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _service_variable() -> dict[str, Any]:
    query = "label_values(mainstay_process_up, service)"
    return {
        "name": "service",
        "label": "Service",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "services"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


_SOURCE = {"type": "prometheus", "uid": "${source}"}


def _panels(window: str) -> list[dict[str, Any]]:
    """Rows of panels from the top down, each row as wide as the grid."""
    placed: list[dict[str, Any]] = []
    top = 0
    for row in ROWS:
        placed.append(_placed(len(placed), 0, top, WIDTH, 1) | {"type": "row", "title": row.title})
        width = WIDTH // len(row.panels)
        for column, panel in enumerate(row.panels):
            box = _placed(len(placed), column * width, top + 1, width, HEIGHT)
            placed.append(box | _graph(panel, window))
        top += 1 + HEIGHT
    return placed


def _placed(number: int, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"id": number + 1, "gridPos": {"x": x, "y": y, "w": width, "h": height}}


def _graph(panel: Panel, window: str) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "expr": query.expression.replace("WINDOW", window),
                "legendFormat": query.legend,
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def datasources(prometheus: str) -> dict[str, Any]:
    """https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources"""
    source = {
        "name": "Mainstay",
        "uid": UID,
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus,
        "isDefault": True,
    }
    return {"apiVersion": 1, "datasources": [source]}


def providers() -> dict[str, Any]:
    """
    Where Grafana looks for the dashboard; the variable is its own, set to the folder of these files.

    https://grafana.com/docs/grafana/latest/administration/provisioning/#dashboards
    """
    folder = {"path": "$MAINSTAY_GRAFANA/dashboards"}
    return {"apiVersion": 1, "providers": [{"name": "mainstay", "type": "file", "options": folder}]}


def _json(content: dict[str, Any]) -> str:
    """JSON, which is YAML too."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
