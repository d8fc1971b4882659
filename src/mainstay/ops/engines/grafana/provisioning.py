"""
The dashboards as Grafana reads them, and the files by which it finds them and their data; pure.

Grafana is not run by Mainstay: its own copy of these files lies beside Prometheus'
configuration, ready to be imported or mounted.
"""

from __future__ import annotations

import json
from typing import Any

from mainstay.ops.engines.engine import File
from mainstay.ops.engines.grafana.boards import BOARDS, Board, Panel

UID = "mainstay"
FOLDER = "grafana"
WIDTH = 24
"""Columns of Grafana's grid."""
HEIGHT = 8


def files(prometheus: str, window: str) -> tuple[File, ...]:
    """
    The dashboards, and what Grafana reads at its start to find them and their data.

    ``prometheus`` is the URL of the data source, ``window`` a duration as Prometheus
    writes it.
    """
    return (
        *(File(f"{FOLDER}/dashboards/{board.uid}.json", _json(dashboard(board, window))) for board in BOARDS),
        File(f"{FOLDER}/provisioning/datasources/mainstay.yml", _json(datasources(prometheus))),
        File(f"{FOLDER}/provisioning/dashboards/mainstay.yml", _json(providers())),
    )


def dashboard(board: Board, window: str) -> dict[str, Any]:
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.says,
        "tags": ["mainstay"],
        "links": [_others()],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source_variable(), _service_variable()]},
        "panels": _panels(board, window),
    }


def _others() -> dict[str, Any]:
    """The way from one of the dashboards to the others, with the same time and service."""
    return {
        "type": "dashboards",
        "tags": ["mainstay"],
        "title": "Mainstay",
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
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


def _panels(board: Board, window: str) -> list[dict[str, Any]]:
    """Rows of panels from the top down, each row as wide as the grid."""
    placed: list[dict[str, Any]] = []
    top = 0
    for row in board.rows:
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
