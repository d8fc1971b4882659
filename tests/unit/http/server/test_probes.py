"""A process that is no web server answers probes on an address of its own."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest

from mainstay.health import progress
from mainstay.health.lifecycle import PROCESS
from mainstay.http.server import probes
from mainstay.observability.figures import FIGURES, Figure


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(probes, "_started", threading.Lock())
    monkeypatch.setenv("MAINSTAY_HEALTH_BIND", "127.0.0.1:0")
    monkeypatch.setattr(PROCESS, "started_at", None)
    monkeypatch.setattr(progress.PROGRESS, "latest", progress.time.monotonic())
    server = probes.start_if_asked()
    assert server is not None
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_answers_every_probe_and_nothing_else(port: int) -> None:
    assert [ask(port, path)[0] for path in ("/livez", "/startupz", "/readyz", "/metrics")] == [200] * 4
    assert ask(port, "/admin/")[0] == 404


def test_until_every_app_is_ready_nothing_asks_a_database(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a process begins its log with Django's warning, if the supervisor's first probe is quick."""
    monkeypatch.setattr(probes.apps, "ready", False)
    monkeypatch.setattr(probes.readiness, "work", lambda: pytest.fail("a dependency was asked"))
    status, body = ask(port, "/readyz")
    assert (status, json.loads(body)["status"]) == (503, "starting")
    assert ask(port, "/metrics")[0] == 503
    assert ask(port, "/livez")[0] == 200


def test_a_stalled_worker_says_why(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.PROGRESS, "latest", progress.time.monotonic() - 75.0)
    status, body = ask(port, "/readyz")
    assert (status, json.loads(body)["status"]) == (503, "no progress for 75 s")
    assert ask(port, "/livez")[0] == 200


def test_what_a_scrape_asks_the_database_is_no_progress_of_the_worker(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def waiting() -> Iterator[Figure]:
        asked.append(str(progress._count(lambda *_: "answered", "SELECT 1", (), False, {})))
        return iter(())

    monkeypatch.setattr(FIGURES, "sources", {"tasks": waiting})
    monkeypatch.setattr(progress.PROGRESS, "latest", 0.0)
    assert ask(port, "/metrics")[0] == 200
    assert asked == ["answered"]
    assert progress.PROGRESS.latest == 0.0


@pytest.mark.parametrize("bind", ["", "nonsense", "127.0.0.1:99999999"])
def test_without_a_good_address_a_worker_goes_on(bind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_started", threading.Lock())
    monkeypatch.setenv("MAINSTAY_HEALTH_BIND", bind)
    assert probes.start_if_asked() is None


def test_it_is_started_once(port: int) -> None:
    assert probes.start_if_asked() is None
