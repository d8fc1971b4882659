"""How each kind of process is started, and what its answer means; values only."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from mainstay.ops.engines.engine import Address, Launch, Node, Probe
from mainstay.ops.supervise import preparation, units
from mainstay.ops.supervise.environment import Surroundings
from mainstay.ops.supervise.units import (
    BackgroundProcess,
    EngineUnit,
    WebReplica,
    ask_ready,
    built_in_command,
)
from mainstay.ops.topology.values import Kind, Service, Topology

PORT = Address("127.0.0.1", 21001)


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
    assert launch.env["MAINSTAY_GENERATION"] == "7"


async def test_it_has_longer_to_stop_than_it_takes_to_drain(web: WebReplica, topology: Topology) -> None:
    await web.prepare()
    assert web.launch().stop_timeout == topology.timeouts.stop > topology.timeouts.drain


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Probe(True), Probe(True)),
        (Probe(False, "draining"), Probe(False, "draining")),
        (TimeoutError(), Probe(False, "no answer on 127.0.0.1:21000: TimeoutError", answered=False)),
        (ConnectionRefusedError(), Probe(False, "not listening yet", answered=False)),
        (ValueError("no HTTP"), Probe(False, "…ValueError", answered=False)),
    ],
)
async def test_not_ready_is_a_sign_of_life_and_silence_is_not(
    web: WebReplica, monkeypatch: pytest.MonkeyPatch, answer: Any, expected: Probe
) -> None:
    await web.prepare()

    async def asked(address: Address) -> Probe:
        assert address.port == 21000
        if isinstance(answer, Exception):
            raise answer
        return cast("Probe", answer)

    monkeypatch.setattr(units, "ask_ready", asked)
    probe = await web.probe()
    assert (probe.ready, probe.answered) == (expected.ready, expected.answered)
    assert probe.detail.endswith(expected.detail.removeprefix("…"))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the next probes find; the last one again and again."""
    found: list[Any] = [ConnectionRefusedError()]

    async def asked(address: Address) -> Probe:
        answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, Exception):
            raise answer
        return cast("Probe", answer)

    monkeypatch.setattr(units, "ask_ready", asked)
    return found


@pytest.fixture
def worker(catalog: Service, around: Surroundings) -> BackgroundProcess:
    return BackgroundProcess("catalog.worker.1", catalog, Kind("worker", 1), lambda: around, lambda: PORT)


async def test_one_that_answers_no_probes_is_ready_once_it_has_run_for_a_second(
    worker: BackgroundProcess, answers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(units.time, "monotonic", lambda: clock[0])
    await worker.prepare()
    assert not (await worker.probe()).ready
    clock[0] += 1.01
    assert (await worker.probe()).ready


async def test_one_that_answers_is_what_it_says_and_its_silence_counts(
    worker: BackgroundProcess, answers: list[Any]
) -> None:
    answers[:] = [Probe(True), Probe(False, "no progress for 75 s"), TimeoutError()]
    await worker.prepare()
    assert worker.launch().env["MAINSTAY_HEALTH_BIND"] == str(PORT)
    assert "MAINSTAY_BIND" not in worker.launch().env
    assert (await worker.probe()).ready
    assert (await worker.probe()).detail == "no progress for 75 s"
    assert await worker.probe() == Probe(False, f"no answer on {PORT}: TimeoutError", answered=False)
    await worker.prepare()
    assert (await worker.probe()).answered, "the next process has not answered yet"


async def test_who_is_not_ready_says_why() -> None:
    body = b'{"status": "draining"}'
    heads = {b"503 Service Unavailable": body, b"503 Busy": b"<html>", b"200 OK": b"{}"}
    said = []
    for head, content in heads.items():

        async def answer(
            reader: asyncio.StreamReader,
            writer: asyncio.StreamWriter,
            head: bytes = head,
            content: bytes = content,
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 " + head + b"\r\nServer: x\r\n\r\n" + content)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            said.append(await ask_ready(Address("127.0.0.1", server.sockets[0].getsockname()[1])))
    assert said == [Probe(False, "draining"), Probe(False, "/readyz answered 503"), Probe(True)]


def test_a_process_of_the_projects_own_runs_its_command(catalog: Service, around: Surroundings) -> None:
    command = ("celery", "-A", "catalog", "beat")
    beat = BackgroundProcess(
        "catalog.beat.1", catalog, Kind("beat", 1, command), lambda: around, lambda: PORT
    )
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
