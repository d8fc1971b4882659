"""The shape that programs read: names and values are a promise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise import disk
from mainstay.ops.supervise import status as module
from mainstay.ops.supervise.certificate import Sight
from mainstay.ops.supervise.metrics import text
from mainstay.ops.supervise.status import snapshot
from mainstay.ops.supervise.supervised import State


def process(name: str, state: State, **facts: Any) -> Any:
    service, kind, _ = name.split(".") if name.count(".") == 2 else ("", name.partition(".")[0], "")
    values: dict[str, Any] = {
        "unit": SimpleNamespace(name=name, service=service, kind=kind),
        "pid": 42,
        "restarts": 0,
        "since": 1_700_000_000.25,
        "detail": "",
        "last_lines": lambda: ("Traceback", "KeyError: 'SECRET'"),
    }
    return SimpleNamespace(name=name, state=state, **values | facts)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "address", lambda each: str(Address("127.0.0.1", 5000)))
    monkeypatch.setattr(module.proc, "family_memory", lambda pid: pid * 1_000_000)
    return SimpleNamespace(
        topology=SimpleNamespace(name="shop"),
        state=SimpleNamespace(path="/"),
        url="http://127.0.0.1:8000",
        phase="running",
        ready=False,
        durability="degraded",
        certificate=None,
        disk=SimpleNamespace(look=lambda: None, as_json=lambda: {"state": "ok"}),
        role=lambda name: "primary" if name == "postgres.1" else "",
        processes=[
            process("postgres.1", State.READY),
            process("catalog.web.1", State.CRASH_LOOP, pid=None, restarts=5, detail="exit code 1"),
        ],
    )


def test_the_whole_system_is_told(system: Any) -> None:
    assert snapshot(system) == {
        "system": "shop",
        "url": "http://127.0.0.1:8000",
        "phase": "running",
        "ready": False,
        "durability": "degraded",
        "disk": {"state": "ok"},
        "processes": [
            {
                "name": "postgres.1",
                "service": "",
                "kind": "postgres",
                "state": "ready",
                "role": "primary",
                "pid": 42,
                "address": "127.0.0.1:5000",
                "restarts": 0,
                "since": "2023-11-14T22:13:20.250+00:00",
                "detail": "",
            },
            {
                "name": "catalog.web.1",
                "service": "catalog",
                "kind": "web",
                "state": "crash-loop",
                "role": "",
                "pid": None,
                "address": "127.0.0.1:5000",
                "restarts": 5,
                "since": "2023-11-14T22:13:20.250+00:00",
                "detail": "exit code 1",
                "log": ["Traceback", "KeyError: 'SECRET'"],
            },
        ],
    }


def test_the_certificate_of_the_public_address_is_told_once_it_was_looked_at(system: Any) -> None:
    def told() -> dict[str, str]:
        found = (
            line.split(" ") for line in text(system).splitlines() if line.startswith("mainstay_certificate")
        )
        return {name.removeprefix("mainstay_certificate_"): value for name, value in found}

    assert told() == {}
    system.certificate = SimpleNamespace(host="shop.example", sight=None)
    assert told() == {}
    host = '{host="shop.example"}'
    system.certificate.sight = Sight(True, 1_800_000_000.0, verified=True)
    all_of_it = {f"seen{host}": "1", f"verified{host}": "1", f"expiry_timestamp_seconds{host}": "1800000000"}
    assert told() == all_of_it
    system.certificate.sight = Sight(True, 1_800_000_000.0, problem="self-signed certificate")
    assert told() == all_of_it | {f"verified{host}": "0"}
    system.certificate.sight = Sight(False, 1_800_000_000.0, problem="no answer")
    assert told() == {f"seen{host}": "0", f"expiry_timestamp_seconds{host}": "1800000000"}
    system.certificate.sight = Sight(False, problem="no answer")
    assert told() == {f"seen{host}": "0"}


def test_sizes_are_told_when_asked_for(system: Any) -> None:
    rows = snapshot(system, memory=True)["processes"]
    assert [row["memory"] for row in rows] == [42_000_000, 0]


def test_the_states_are_those_that_are_documented() -> None:
    assert {str(state) for state in State} == {
        "starting",
        "ready",
        "not-ready",
        "draining",
        "stopped",
        "crash-loop",
    }


def test_the_metrics_tell_the_same(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"/": SimpleNamespace(f_bavail=1, f_blocks=10, f_frsize=4096)}

    def statvfs(path: str) -> SimpleNamespace:
        if path not in small:
            raise FileNotFoundError(path)
        return small[path]

    monkeypatch.setattr(disk.os, "statvfs", statvfs)
    lines = [line for line in text(system).splitlines() if not line.startswith("#")]
    assert lines == [
        'mainstay_process_up{process="postgres.1",kind="postgres",service=""} 1',
        'mainstay_process_up{process="catalog.web.1",kind="web",service="catalog"} 0',
        'mainstay_process_restarts_total{process="postgres.1",kind="postgres",service=""} 0',
        'mainstay_process_restarts_total{process="catalog.web.1",kind="web",service="catalog"} 5',
        'mainstay_process_memory_bytes{process="postgres.1",kind="postgres",service=""} 42000000',
        'mainstay_process_memory_bytes{process="catalog.web.1",kind="web",service="catalog"} 0',
        "mainstay_durability_degraded 1",
        "mainstay_disk_free_bytes 4096",
        "mainstay_disk_size_bytes 40960",
    ]
    system.durability = "synchronous"
    assert "\nmainstay_durability_degraded 0\n" in text(system)
    system.state.path = "/nowhere/at/all"
    assert "mainstay_disk" not in text(system)
