"""Starting, stopping, restarting, refusing: the edge as a process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Program
from tests.conformance.edge import talk
from tests.conformance.edge.load import GET, load
from tests.conformance.edge.stage import Mutation, Stage, build, open_stage, topology, within
from tests.stopwatch import Stopwatch


def test_its_own_program_accepts_the_configuration(program: Program, tmp_path: Path) -> None:
    asyncio.run(build(program, topology(), tmp_path / "edge", None).prepare())


def test_a_refused_configuration_is_told_in_the_programs_words(program: Program, tmp_path: Path) -> None:
    broken = Mutation("X-Forwarded-Proto http", "X-Forwarded-Proto")
    with pytest.raises(OperationFailed) as refusal:
        asyncio.run(build(program, topology(), tmp_path / "edge", broken).prepare())
    assert refusal.value.id == "edge.bad-configuration"
    assert program.engine in str(refusal.value)
    assert refusal.value.details


def test_probe_says_no_before_the_start_and_after_the_end(program: Program) -> None:
    with open_stage(program, replicas=()) as stage:
        assert asyncio.run(stage.edge.probe()).ready
        assert stage.stop_edge() == 0
        probe = asyncio.run(stage.edge.probe())
        assert not probe.ready
        assert not probe.answered
        assert probe.detail


def test_changes_before_the_start_are_served_from_the_start(program: Program) -> None:
    with open_stage(program, replicas=()) as stage:
        stage.stop_edge()
        replica = stage.add_replica("catalog.web.1.g1")
        stage.wait_for_replicas()
        asyncio.run(stage.rotate(replica))
        stage.start_edge()
        assert talk.request(stage.address).json()["replica"] == replica.backend.name


def test_a_killed_edge_starts_again_with_the_same_replicas(stage: Stage) -> None:
    """Including what was set down: the supervisor says each thing once."""
    out, well = (replica.backend.name for replica in stage.replicas)
    asyncio.run(stage.edge.set_down(out, down=True))
    assert stage.process
    os.killpg(stage.process.pid, signal.SIGKILL)
    stage.process.wait(5)
    stage.start_edge()
    assert {talk.request(stage.address).json()["replica"] for _ in range(6)} == {well}
    asyncio.run(stage.edge.set_down(out, down=False))
    assert within(2, lambda: talk.request(stage.address).json()["replica"] == out)


def test_a_stop_lets_a_request_under_way_finish(stage: Stage) -> None:
    with talk.connect(stage.address) as connection:
        connection.sendall(b"GET /?do=slow&seconds=0.8 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert within(2, lambda: stage.seen("seconds=0.8"))
        assert stage.process
        stage.process.send_signal(stage.edge.launch().stop_signal)
        assert talk.receive(connection).status == 200
    assert stage.process.wait(5) == 0


def test_a_stop_does_not_wait_for_idle_clients(stage: Stage) -> None:
    with talk.connect(stage.address) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert talk.receive(idle).status == 200
        watch = Stopwatch()
        assert stage.stop_edge() == 0
        assert watch.elapsed() < 2


def test_all_replicas_down_is_refused_at_once(stage: Stage) -> None:
    """Waiting for a frozen fleet would fill every client's connection."""
    for replica in stage.replicas:
        asyncio.run(stage.edge.set_down(replica.backend.name, down=True))
    watch = Stopwatch()
    assert talk.request(stage.address).is_problem(503)
    assert watch.elapsed() < 0.5


@pytest.mark.parametrize("name", ["with a space", 'quote\'d "twice"', "dollar$name#x", "long" + "x" * 120])
def test_the_folder_may_have_any_name(program: Program, tmp_path: Path, name: str) -> None:
    """A socket's address holds about a hundred bytes, a folder's name any character."""
    (tmp_path / name).mkdir()
    with open_stage(program, parent=tmp_path / name) as stage:
        assert talk.request(stage.address).status == 200
        asyncio.run(stage.rotate(stage.replicas[1]))
        assert talk.request(stage.address).json()["replica"] == stage.replicas[1].backend.name


def test_an_ordinary_user_can_run_it(program: Program) -> None:
    """Everything it writes lies in its own folder, and it asks for nothing that only root has."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("the other tests run as an ordinary user already")
    with tempfile.TemporaryDirectory(prefix="mainstay-edge-") as name:
        Path(name).chmod(0o755)
        own = Program(program.engine, copied(program, Path(name)), *list_rest(program))
        stage = Stage(Path(name), build(own, topology(), Path(name) / "edge", None))
        try:
            give_away(Path(name) / "edge", stage)
            ids = ("--reuid=65534", "--regid=65534", "--clear-groups")
            stage.launch((setpriv, *ids, *stage.edge.launch().argv))
            assert talk.request(stage.address).is_problem(503)
            assert stage.stop_edge() == 0
        finally:
            stage.clear()


def copied(program: Program, folder: Path) -> Path:
    """The program where anyone may run it; the wheel's lies wherever the environment does."""
    if program.path.is_relative_to("/usr"):
        return program.path
    shutil.copytree(program.path.parent, folder / "bin")
    return folder / "bin" / program.path.name


def list_rest(program: Program) -> tuple[str, str, str, frozenset[str]]:
    return program.version, program.source, program.reason, program.features


def give_away(folder: Path, stage: Stage) -> None:
    asyncio.run(stage.edge.prepare())
    (stage.folder / "edge.log").touch()
    for path in (stage.folder / "edge.log", folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)


def test_a_failed_request_is_logged_as_json_without_its_query(stage: Stage) -> None:
    talk.request(
        stage.address, "/lost?do=break&token=secret", "X-Request-ID: to-be-found-1", method="POST", body=b"x"
    )
    assert within(2, lambda: "to-be-found-1" in stage.log)
    line = next(line for line in stage.log.splitlines() if "to-be-found-1" in line)
    logged = json.loads(line)
    assert (logged["method"], logged["path"], logged["status"]) == ("POST", "/lost", 502)
    assert "secret" not in line


async def test_what_goes_well_is_not_logged(stage: Stage) -> None:
    async with load(stage.address, GET, clients=2) as report:
        await asyncio.sleep(0.3)
    assert report.failed.total() == 0
    assert talk.request(stage.address, "/metrics").status == 404
    assert '"method"' not in stage.log


def test_its_files_are_nobody_elses_business(calm: Stage) -> None:
    for path in (calm.folder / "edge").rglob("*"):
        if not path.is_dir():
            assert path.stat().st_mode & 0o077 == 0 or path.suffix == ".pid", path
