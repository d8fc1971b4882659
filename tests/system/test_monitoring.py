"""A system that names Prometheus, Alertmanager and Memcached runs them, and they see all of it."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.engines.grafana.boards import BOARDS, Panel
from tests.system.running import Running, plain_project

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

ENGINES = """
[engine.prometheus]
scrape_interval = 1
[engine.alertmanager]
"""


PAGE = """
from django.db import connection
from django.http import HttpResponse
from django.urls import path
from mainstay.observability import watch_queue

watch_queue("letters", oldest=lambda: None, length=lambda: 0)

def page(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("well")

urlpatterns = [path("", page)]
"""


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, require_program: Callable[[str], Path]
) -> Iterator[Running]:
    for program in ("prometheus", "alertmanager", "memcached"):
        require_program(program)
    service = """needs = ["postgres", "valkey", "memcached", "nats"]
processes.clock = { command = "sleep 100000" }
"""
    running = plain_project(tmp_path_factory.mktemp("watched") / "watched", service=service + ENGINES)
    settings = running.folder / "shop" / "settings.py"
    more = (
        "CACHES = mainstay.caches()\nINSTALLED_APPS = [*mainstay.installed_apps(), *INSTALLED_APPS]\n"
        "MIDDLEWARE = [*mainstay.MIDDLEWARE, *MIDDLEWARE]\n"
    )
    settings.write_text(settings.read_text() + more)
    (running.folder / "shop" / "urls.py").write_text(PAGE)
    try:
        running.up()
        yield running
    finally:
        running.end()


def ask(running: Running, path: str, **parameters: str) -> Any:
    address = running.process("prometheus.1")["address"]
    url = f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def until(running: Running, query: str, true: Callable[[list[Any]], bool], limit: float = 40.0) -> list[Any]:
    """Ask until the result is as wanted; a fresh Prometheus waits some seconds before it scrapes."""
    deadline = time.monotonic() + limit
    while True:
        result: list[Any] = ask(running, "query", query=query)["result"]
        if true(result):
            return result
        assert time.monotonic() < deadline, f"{query}: {result}"
        time.sleep(0.5)


def test_every_replica_and_the_supervisor_are_scraped(watched: Running) -> None:
    result = until(
        watched, "up", lambda found: len(found) >= 4 and all(each["value"][1] == "1" for each in found)
    )

    scraped = {(each["metric"]["job"], each["metric"].get("process", "")) for each in result}
    assert {("replica", "web.web.1"), ("replica", "web.web.2")} <= scraped
    assert {"supervisor", "edge"} <= {job for job, _ in scraped}


def test_requests_and_processes_are_counted(watched: Running) -> None:
    for _ in range(20):
        urllib.request.urlopen(watched.url + "/", timeout=10).close()
    counted = "sum(django_http_responses_total_by_status_view_method_total)"
    until(watched, counted, lambda found: bool(found) and float(found[0]["value"][1]) >= 20)
    result = until(watched, "mainstay_process_up == 1", lambda found: len(found) >= 8)
    names = {each["metric"]["process"] for each in result}
    assert {"postgres.1", "postgres.2", "valkey.1", "memcached.1", "nats.1", "edge.1"} <= names


HTTPS_ONLY = "mainstay_certificate_"
"""Told of a public address with https only, which this system has not; a look at one is in tests/integration."""


def shown() -> list[Any]:
    """Every panel of every dashboard, but for what a system without https does not have."""
    panels = [
        (board, row, panel)
        for board in BOARDS
        for row in board.rows
        for panel in row.panels
        if not all(HTTPS_ONLY in query.expression for query in panel.queries)
    ]
    return [
        pytest.param(panel, id=f"{board.uid}: {row.title}: {panel.title}") for board, row, panel in panels
    ]


@pytest.mark.parametrize("panel", shown())
def test_every_panel_shows_something_of_a_loaded_system(watched: Running, panel: Panel) -> None:
    """The edge is HAProxy, so of a panel with a line for each edge one is enough."""
    deadline = time.monotonic() + 60
    queries = [query.expression.replace("WINDOW", "60s").replace("$service", ".*") for query in panel.queries]
    while not any(ask(watched, "query", query=query)["result"] for query in queries):
        assert time.monotonic() < deadline, queries
        urllib.request.urlopen(watched.url + "/", timeout=10).close()
        time.sleep(0.5)


def test_what_every_rule_looks_at_is_there(watched: Running) -> None:
    """An alert on a name that nobody exports never fires, and looks well."""
    for _ in range(5):
        urllib.request.urlopen(watched.url + "/", timeout=10).close()
    rules = [rule for group in ask(watched, "rules")["groups"] for rule in group["rules"]]
    names = {
        name
        for rule in rules
        for name in re.findall(r"\b(?:mainstay|django|service)[_:][\w:]+", rule["query"])
        if not name.startswith(HTTPS_ONLY)
    }
    assert len(names) > 10
    for name in names:
        deadline = time.monotonic() + 60
        # Requests between two scrapes, as a counter that was complete at the first one has no rate.
        while not ask(watched, "query", query=name)["result"]:
            assert time.monotonic() < deadline, name
            urllib.request.urlopen(watched.url + "/", timeout=10).close()
            time.sleep(0.5)


def test_what_is_scraped_follows_scale(watched: Running) -> None:
    watched.mainstay("scale", "web=3")
    new = 'up{process="web.web.3"} == 1'
    try:
        until(watched, new, lambda found: len(found) == 1)
    finally:
        watched.mainstay("scale", "web=2")
    until(watched, new, lambda found: found == [])


def test_the_rules_are_loaded_and_reach_alertmanager(watched: Running) -> None:
    rules = [rule["name"] for group in ask(watched, "rules")["groups"] for rule in group["rules"]]
    assert len(rules) >= 3
    deadline = time.monotonic() + 30
    while not ask(watched, "alertmanagers")["activeAlertmanagers"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_both_caches_work_through_djangos_own_interface(watched: Running) -> None:
    code = (
        "from django.core.cache import caches\n"
        "for name in ('default', 'memcached'):\n"
        "    caches[name].set('seat', 'B7', 30); print(name, caches[name].get('seat'))"
    )
    done = watched.mainstay("manage", "web", "shell", "--verbosity", "0", "--command", code)
    assert done.stdout.split() == ["default", "B7", "memcached", "B7"]
