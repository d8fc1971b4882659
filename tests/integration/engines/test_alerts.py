"""Each alert fires when it should, and only then: promtool plays the series through the real rules."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.engines.prometheus import alerts

RESPONSES = "django_http_responses_total_by_status_view_method_total"

Series = dict[str, str]


def play(folder: Path, series: Series, alert: str, at: str, firing: list[dict[str, str]]) -> None:
    """``firing`` are the labels of every instance that should be firing at that time."""
    (folder / "alerts.yml").write_text(alerts(15.0))
    firing_now = f'ALERTS{{alertname="{alert}", alertstate="firing"}}'
    case: dict[str, Any] = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"count by (service, process, severity) ({firing_now})",
                        "eval_time": at,
                        "exp_samples": [{"labels": labels_of(labels), "value": 1} for labels in firing],
                    }
                ],
            }
        ],
    }
    (folder / "case.yml").write_text(json.dumps(case))
    played = subprocess.run(
        ["promtool", "test", "rules", "case.yml"], cwd=folder, text=True, capture_output=True, check=False
    )
    assert played.returncode == 0, played.stdout + played.stderr


def labels_of(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def process(name: str, kind: str = "web") -> str:
    return f'mainstay_process_up{{process="{name}",kind="{kind}",service="catalog"}}'


def responses(status: str, replica: str = "catalog.web.1") -> str:
    return f'{RESPONSES}{{status="{status}",view="buy",method="POST",service="catalog",process="{replica}"}}'


DOWN = {"process": "catalog.web.1", "service": "catalog", "severity": "warning"}


@pytest.mark.parametrize(
    ("values", "at", "firing"),
    [
        ("1 1 0 0 0 0 0 0", "1m45s", [DOWN]),
        ("1 1 0 1 0 1 0 1", "1m30s", []),  # a restart now and then
        ("1 1 0 0 0 0 1 1", "1m45s", []),  # back again
        ("1 1 0 0 _ _ _ _", "6m30s", []),  # scaled down: gone, not down
    ],
)
def test_a_replica_that_stays_down(
    tmp_path: Path, values: str, at: str, firing: list[dict[str, str]]
) -> None:
    series = {process("catalog.web.1"): values, process("catalog.web.2"): "1x40"}
    play(tmp_path, series, "ReplicaDown", at, firing)


def test_a_worker_that_is_down_is_no_replica_of_a_service(tmp_path: Path) -> None:
    play(tmp_path, {process("catalog.worker.1", "worker"): "0x20"}, "ReplicaDown", "4m", [])


ERRORS = {"service": "catalog", "severity": "critical"}


@pytest.mark.parametrize(
    ("failed", "at", "firing"),
    [
        ("0+6x40", "5m", [ERRORS]),  # 6 of 100, over two replicas
        ("0+4x40", "5m", []),
        ("0+6x40", "1m", []),  # not for a minute yet
        ("0+50x3 150x40", "6m", []),  # over since long
    ],
)
def test_a_service_that_answers_with_errors(
    tmp_path: Path, failed: str, at: str, firing: list[dict[str, str]]
) -> None:
    fine = {"0+6x40": "0+47x40", "0+4x40": "0+48x40"}.get(failed, "0+50x40")
    series = {
        responses("200"): fine,
        responses("200", "catalog.web.2"): fine,
        responses("500"): failed,
    }
    play(tmp_path, series, "ServiceErrors", at, firing)


def test_a_service_that_nobody_calls_has_no_errors(tmp_path: Path) -> None:
    play(tmp_path, {responses("200"): "0x40", responses("500"): "0x40"}, "ServiceErrors", "5m", [])


@pytest.mark.parametrize(
    ("values", "at", "firing"),
    [
        ("0 0 1 1 1 1 1 1", "1m45s", [{"severity": "critical"}]),
        ("0 0 1 1 1 1 1 1", "1m15s", []),  # it may be back any moment
        ("0 0 1 1 1 1 1 0", "1m45s", []),  # it is back
        ("0x8", "1m45s", []),
    ],
)
def test_durability_that_stays_degraded(
    tmp_path: Path, values: str, at: str, firing: list[dict[str, str]]
) -> None:
    play(tmp_path, {"mainstay_durability_degraded": values}, "DurabilityDegraded", at, firing)
