from __future__ import annotations

import json
from pathlib import Path

import promql_parser
import pytest
from yaml import safe_load

from mainstay.ops.engines.engine import Address, Node
from mainstay.ops.engines.prometheus import TARGETS, Prometheus, Target, alerts, duration, window
from mainstay.ops.topology.values import Prometheus as Declared

from .golden import NODE, assert_approved, program

DECLARED = Declared("", 0, retention=86400.0, scrape_interval=2.5)
ENGINE = Prometheus(NODE, program("prometheus"), DECLARED, Address("127.0.0.1", 4003))


def test_files() -> None:
    assert_approved("prometheus", ENGINE.files())


def test_without_alertmanager_nothing_is_sent() -> None:
    alone = Prometheus(NODE, program("prometheus"), DECLARED)
    scraping = safe_load(alone.files()[0].text)
    assert "alerting" not in scraping
    assert [job["job_name"] for job in scraping["scrape_configs"]] == ["mainstay", "prometheus"]


@pytest.mark.parametrize("interval", [0.2, 15.0, 60.0])
def test_every_alert_is_promql(interval: float) -> None:
    for rule in safe_load(alerts(interval))["groups"][0]["rules"]:
        promql_parser.parse(rule["expr"])


@pytest.mark.parametrize(
    ("seconds", "written"), [(1.0, "1s"), (0.25, "250ms"), (86400.0, "86400s"), (0.0001, "1ms")]
)
def test_durations_have_no_fractions(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_rates_are_taken_over_four_scrapes_or_a_minute() -> None:
    assert window(5.0) == "60s"
    assert window(30.0) == "120s"


def test_is_kept_to_loopback_and_cannot_be_told_to_stop() -> None:
    words = ENGINE.launch().argv
    assert "--web.listen-address=127.0.0.1:4001" in words
    assert "--storage.tsdb.retention.time=86400s" in words
    assert not [word for word in words if "lifecycle" in word or "admin" in word]


def test_targets_are_replaced_whole(tmp_path: Path) -> None:
    engine = Prometheus(Node("prometheus.1", tmp_path, NODE.address), program("prometheus"), DECLARED)
    engine.write_targets(
        [Target("replica", "127.0.0.1:1", {"service": "catalog"}), Target("edge", "127.0.0.1:2")]
    )
    engine.write_targets([Target("replica", "127.0.0.1:3", {"service": "catalog"})])
    path = engine.node.config / TARGETS
    assert json.loads(path.read_text()) == [
        {"targets": ["127.0.0.1:3"], "labels": {"job": "replica", "service": "catalog"}}
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in engine.node.config.iterdir()] == [TARGETS]
