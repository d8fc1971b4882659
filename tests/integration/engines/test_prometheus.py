from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import alertmanager, prometheus
from mainstay.ops.engines.ask import http_get
from mainstay.ops.engines.prometheus import Target
from mainstay.ops.topology.values import Alertmanager as DeclaredAlertmanager
from mainstay.ops.topology.values import Prometheus as Declared

from .cluster import until
from .running import Runner, new_node

DECLARED = Declared(program="", port=0, retention=3600.0, scrape_interval=0.2)


class Exposition(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"mainstay_durability_degraded 1\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[Target]:
    with HTTPServer(("127.0.0.1", 0), Exposition) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Target("supervisor", f"127.0.0.1:{server.server_port}", {"service": "catalog"})
        server.shutdown()
        thread.join()


@pytest.fixture
def engine(tmp_path: Path) -> prometheus.Prometheus:
    return prometheus.Prometheus(new_node(tmp_path, "prometheus.1"), prometheus.find(DECLARED), DECLARED)


async def query(engine: prometheus.Prometheus, path: str) -> Any:
    _, body = await http_get(engine.node.address, f"/api/v1/{path}")
    return json.loads(body)["data"]


async def test_scrapes_a_target_that_came_after_its_start(
    runner: Runner, engine: prometheus.Prometheus, target: Target
) -> None:
    await engine.prepare()
    await runner.start(engine)
    engine.write_targets([target])

    async def seen() -> bool:
        found = await query(engine, "query?query=mainstay_durability_degraded")
        return [(each["metric"]["job"], each["metric"]["service"]) for each in found["result"]] == [
            ("supervisor", "catalog")
        ]

    await until(seen, "the target is scraped", within=30)
    engine.write_targets([])

    async def forgotten() -> bool:
        return [each["labels"]["job"] for each in (await query(engine, "targets"))["activeTargets"]] == [
            "prometheus"
        ]

    await until(forgotten, "the target is forgotten", within=30)


async def test_loads_its_rules(runner: Runner, engine: prometheus.Prometheus) -> None:
    await engine.prepare()
    await runner.start(engine)
    groups = (await query(engine, "rules"))["groups"]
    loaded = [rule for group in groups for rule in group["rules"]]
    written = prometheus.rules(5.0) + prometheus.alerts(5.0)
    assert sorted(rule["name"] for rule in loaded) == sorted(re.findall(r"(?:alert|record): (\S+)", written))
    assert {rule["health"] for rule in loaded} <= {"ok", "unknown"}


async def test_cannot_be_stopped_over_http(runner: Runner, engine: prometheus.Prometheus) -> None:
    await engine.prepare()
    await runner.start(engine)
    reader, writer = await asyncio.open_connection(engine.node.address.host, engine.node.address.port)
    writer.write(b"POST /-/quit HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
    assert b" 403 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_targets_survive_a_restart(engine: prometheus.Prometheus, target: Target) -> None:
    engine.write_targets([target])
    await engine.prepare()
    assert target.address in (engine.node.config / prometheus.TARGETS).read_text()


async def test_a_text_it_does_not_accept_fails_in_its_own_words(engine: prometheus.Prometheus) -> None:
    engine.write_targets([Target("supervisor", "127.0.0.1:1", {"not a label": "x"})])
    with pytest.raises(OperationFailed, match="not a label") as failed:
        await engine.prepare()
    assert failed.value.id == "engine.promtool-refused"


async def test_an_alert_reaches_alertmanager(
    runner: Runner, engine: prometheus.Prometheus, tmp_path: Path
) -> None:
    declared = DeclaredAlertmanager(program="", port=0, webhook="http://127.0.0.1:9/hook")
    manager = alertmanager.Alertmanager(
        new_node(tmp_path, "alertmanager.1"), alertmanager.find(declared), declared
    )
    await manager.prepare()
    await runner.start(manager)
    engine.alertmanager = manager.node.address
    await engine.prepare()
    # Not before Prometheus has found Alertmanager: what it raises earlier is repeated a minute later only.
    late = 'time() - process_start_time_seconds{job="prometheus"} > 8'
    rules = engine.node.config / "alerts.yml"
    text = (
        rules.read_text()
        .replace("max(mainstay_durability_degraded) == 1", late)
        .replace("for: 1m", "for: 0s")
    )
    rules.write_text(text)
    await runner.start(engine)

    async def arrived() -> bool:
        _, body = await http_get(manager.node.address, "/api/v2/alerts")
        return "DurabilityDegraded" in [alert["labels"]["alertname"] for alert in json.loads(body)]

    await until(arrived, "the alert arrives", within=30)
