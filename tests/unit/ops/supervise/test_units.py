"""How each kind of process is started, and what its answer means; values only."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.engines.engine import Address, Launch, Node, Probe
from mainstay.ops.supervise import preparation, units
from mainstay.ops.supervise.environment import Surroundings
from mainstay.ops.supervise.units import BackgroundProcess, EngineUnit, WebReplica, built_in_command
from mainstay.ops.topology.values import Kind, Service, Topology


@pytest.fixture
def around(topology: Topology) -> Surroundings:
    names = [service.name for service in topology.services]
    secrets = {
        "internal": "x",
        **{f"{kind}.{name}": "x" for kind in ("django", "postgres") for name in names},
    }
    static = {name: Path("/srv/static") / name for name in names}
    urls = {"valkey": "redis://:x@127.0.0.1:6000/0"}
    inside = {name: Address("127.0.0.1", 7000) for name in names}
    return Surroundings(topology, secrets, urls=urls, static=static, inside=inside)


@pytest.fixture
def web(catalog: Service, around: Surroundings) -> WebReplica:
    return WebReplica("catalog.web.1", catalog, lambda: around, lambda: Address("127.0.0.1", 21000), 7)


async def test_a_web_replica_serves_on_the_port_it_took(web: WebReplica, catalog: Service) -> None:
    await web.prepare()
    launch = web.launch()
    assert launch.argv == (sys.executable, "-m", "mainstay.http.serve")
    assert launch.cwd == catalog.root
    assert launch.env["MAINSTAY_BIND"] == "127.0.0.1:21000"
    assert launch.env["PATH"].startswith(str(Path(sys.executable).parent) + ":")
    assert web.backend == "catalog.web.1.g7"


async def test_it_has_longer_to_stop_than_it_takes_to_drain(web: WebReplica, topology: Topology) -> None:
    await web.prepare()
    assert web.launch().stop_timeout == topology.timeouts.stop > topology.timeouts.drain


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (200, Probe(True, "/readyz answered 200")),
        (503, Probe(False, "/readyz answered 503")),
        (TimeoutError(), Probe(False, "no answer on 127.0.0.1:21000: TimeoutError", answered=False)),
        (ConnectionRefusedError(), Probe(False, "not listening yet", answered=False)),
        (ValueError("no HTTP"), Probe(False, "…ValueError", answered=False)),
    ],
)
async def test_not_ready_is_a_sign_of_life_and_silence_is_not(
    web: WebReplica, monkeypatch: pytest.MonkeyPatch, answer: Any, expected: Probe
) -> None:
    await web.prepare()

    async def status(address: Address, path: str) -> int:
        assert (address.port, path) == (21000, "/readyz")
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    monkeypatch.setattr(units, "http_status", status)
    probe = await web.probe()
    assert (probe.ready, probe.answered) == (expected.ready, expected.answered)
    assert probe.detail.endswith(expected.detail.removeprefix("…"))


async def test_a_background_process_is_ready_once_it_has_run_for_a_second(
    catalog: Service, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(units.time, "monotonic", lambda: clock[0])
    worker = BackgroundProcess("catalog.worker.1", catalog, Kind("worker", 1), lambda: around)
    await worker.prepare()
    assert not (await worker.probe()).ready
    clock[0] += 1.01
    assert (await worker.probe()).ready


def test_a_process_of_the_projects_own_runs_its_command(catalog: Service, around: Surroundings) -> None:
    command = ("celery", "-A", "catalog", "beat")
    beat = BackgroundProcess("catalog.beat.1", catalog, Kind("beat", 1, command), lambda: around)
    assert beat.launch().argv == command
    assert beat.launch().env["MAINSTAY_KIND"] == "beat"


def test_a_service_may_bring_its_own_interpreter(catalog: Service) -> None:
    own = replace(catalog, python="/srv/venv/bin/python")
    argv = built_in_command(own, "worker")
    assert argv[:3] == ("/srv/venv/bin/python", str(catalog.manage), "db_worker")


async def test_an_engines_own_answer_is_passed_on() -> None:
    class Engine:
        node = Node("valkey.1", Path("/srv"), Address("127.0.0.1", 6000))
        program = None

        def files(self) -> tuple[()]:
            return ()

        async def prepare(self) -> None: ...

        def launch(self) -> Launch:
            return Launch(("valkey-server",), Path("/srv"))

        async def probe(self) -> Probe:
            return Probe(False, "LOADING")

    unit = EngineUnit(Engine(), "valkey")  # type: ignore[arg-type]
    assert unit.name == "valkey.1"
    assert await unit.probe() == Probe(False, "LOADING", answered=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ("--wait", "60")),
        ({"needs": ()}, ()),
        ({"migrate": False}, ("--wait", "60", "--no-migrate")),
        ({"prepare": ("seed", "check")}, ("--wait", "60", "--then", "seed", "--then", "check")),
    ],
)
def test_preparing_does_what_the_file_says(
    catalog: Service, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    assert preparation.arguments(replace(catalog, **change)) == words


async def test_with_a_link_the_edge_is_told_the_link_and_the_replica_its_own_port(
    catalog: Service, around: Surroundings
) -> None:
    link, opened = Address("127.0.0.1", 30000), []

    async def open_link(replica: WebReplica) -> Address:
        opened.append(replica.address)
        return link

    own = Address("127.0.0.1", 21000)
    web = WebReplica("catalog.web.1", catalog, lambda: around, lambda: own, open_link=open_link)
    await web.prepare()
    assert (web.address, web.edge_address, opened) == (own, link, [own])
    assert web.launch().env["MAINSTAY_BIND"] == str(own)
