"""How a twin differs from the file: by what `twin.json` says, and by what keeps the two apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise.environment import Surroundings
from mainstay.ops.supervise.twin import Twin, apply, read
from mainstay.ops.topology import load
from mainstay.ops.topology.values import Topology
from tests.unit.ops.supervise.conftest import TEXT

MORE = """
port = 6001
[engine.valkey]
port = 6002
[engine.prometheus]
port = 6003
[engine.alertmanager]
"""


@pytest.fixture
def topology(topology: Topology) -> Topology:
    """As of the other tests, with fixed ports and monitoring."""
    text = TEXT.replace(
        "[edge]", '[edge]\nhost = "0.0.0.0"\nport = 8000\nengine = "haproxy"\nprogram = "hap"'
    )
    topology.file.write_text(text + MORE)
    return load(topology.file)


def twin(topology: Topology, **content: Any) -> Topology:
    return apply(topology, read(content))


def problems(topology: Topology, **content: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        twin(topology, **content)
    return [f"{problem.id} {problem.path}" for problem in refused.value.problems]


def test_it_runs_beside_the_system_on_loopback_without_monitoring(topology: Topology) -> None:
    made = twin(topology)
    assert (made.name, made.file) == (topology.name, topology.file)
    assert (made.edge.host, made.edge.port) == ("127.0.0.1", 0)
    assert made.edge.hosts == ("shop.example", "127.0.0.1", "localhost")
    assert made.edge.connections_per_source == made.edge.max_connections
    engines = made.engines
    assert engines.postgres is not None
    assert engines.valkey is not None
    assert (engines.postgres.port, engines.valkey.port) == (0, 0)
    assert (engines.prometheus, engines.alertmanager) == (None, None)


def test_nothing_stands_in_front_of_it(topology: Topology) -> None:
    """It is loaded over http at its own address: with https cookies no journey could log in."""
    front = '[edge]\npublic_url = "https://shop.example"\ntrusted_proxies = ["127.0.0.1"]'
    topology.file.write_text(topology.file.read_text().replace("[edge]", front))
    declared = load(topology.file)
    assert declared.edge.public_url
    made = twin(declared)
    assert (made.edge.public_url, made.edge.trusted_proxies) == ("", ())
    around = Surroundings(made, secrets={}, edge=Address("127.0.0.1", 8123))
    assert around.public_url == "http://127.0.0.1:8123"


def test_nothing_else_differs_until_it_is_told_to(topology: Topology) -> None:
    made = twin(topology)
    assert made.services == topology.services
    assert made.timeouts == topology.timeouts
    assert (made.edge.engine, made.edge.program) == ("haproxy", topology.edge.program)


def test_another_edge_is_looked_for_anew(topology: Topology) -> None:
    edge = twin(topology, edge="nginx").edge
    assert (edge.engine, edge.program) == ("nginx", "")


def test_a_service_takes_what_differs_and_keeps_the_rest(topology: Topology) -> None:
    changes = {"application": "bad.release:app", "env": {"BAD": "1"}, "replicas": 3}
    made = twin(topology, services={"catalog": changes})
    before, after = topology.service("catalog"), made.service("catalog")
    assert (after.application, after.kind("web").replicas) == ("bad.release:app", 3)
    assert after.env == {**before.env, "BAD": "1"}
    assert after.settings == before.settings
    assert made.service("orders") == topology.service("orders")


def test_other_processes_are_changed_by_their_kind(topology: Topology) -> None:
    processes = {"worker": {"command": "python other.py", "replicas": 2}}
    kind = twin(topology, services={"orders": {"processes": processes}}).service("orders").kind("worker")
    assert (kind.replicas, kind.command) == (2, ("python", "other.py"))
    assert (
        twin(topology, services={"orders": {"processes": {"worker": 0}}}).service("orders").kinds[1].replicas
        == 0
    )


def test_engines_and_timeouts_take_the_words_of_the_file(topology: Topology) -> None:
    made = twin(
        topology,
        engines={"postgres": {"synchronous": False, "durability": "strict"}},
        timeouts={"statement": "30s"},
        without=["alertmanager"],
    )
    postgres = made.engines.postgres
    assert postgres is not None
    assert (postgres.synchronous, postgres.durability) == (False, "strict")
    assert postgres.max_connections == topology.engines.postgres.max_connections  # type: ignore[union-attr]
    assert made.timeouts.statement == 30.0
    assert made.timeouts.lock == topology.timeouts.lock
    assert made.engines.prometheus is not None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"lynx": True}, ["twin.unknown-key lynx"]),
        ({"links": "yes"}, ["twin.wrong-type links"]),
        ({"edge": "apache"}, ["twin.bad-value edge"]),
        ({"services": {"catalog": {"port": 1}}}, ["twin.unknown-key services.catalog.port"]),
        ({"services": {"catalog": {"replicas": -1}}}, ["twin.out-of-range services.catalog.replicas"]),
        ({"services": {"katalog": {}}}, ["twin.unknown-name services.katalog"]),
        (
            {"services": {"catalog": {"processes": {"beat": 1}}}},
            ["twin.unknown-name services.catalog.processes.beat"],
        ),
        ({"engines": {"postgres": {"port": 1}}}, ["twin.unknown-key engines.postgres.port"]),
        ({"engines": {"nats": {"max_memory": "1 GiB"}}}, ["twin.unknown-name engines.nats"]),
        ({"without": ["valkey"]}, ["twin.needed without", "twin.needed without"]),
        ({"timeouts": {"nap": 3}}, ["twin.unknown-key timeouts.nap"]),
    ],
)
def test_nonsense_is_refused_with_its_place(
    topology: Topology, content: dict[str, Any], expected: list[str]
) -> None:
    assert problems(topology, **content) == expected


def test_what_was_written_is_read_and_nonsense_is_never_written(topology: Topology, tmp_path: Path) -> None:
    made = Twin(tmp_path / "twin")
    assert made.content().links, "without a file there are links"
    made.write({"links": False, "services": {"catalog": {"env": {"A": "1"}}}})
    assert not made.content().links
    assert made.topology(topology).service("catalog").env["A"] == "1"
    with pytest.raises(InvalidInput):
        made.write({"links": 3})
    assert json.loads(made.file.read_text())["links"] is False


def test_a_torn_file_is_said_so(tmp_path: Path) -> None:
    made = Twin(tmp_path)
    made.file.write_text("{")
    with pytest.raises(InvalidInput, match=r"twin\.unreadable"):
        made.content()
    assert not made.kept


def test_only_what_belongs_to_it_is_removed(tmp_path: Path) -> None:
    made = Twin(tmp_path / "twin")
    made.write({})
    (made.state("shop").path / "logs").mkdir(parents=True)
    (made.folder / "somebody's").write_text("own")
    made.remove("shop")
    assert [path.name for path in made.folder.iterdir()] == ["somebody's"]
    (made.folder / "somebody's").unlink()
    made.remove("shop")
    assert not made.folder.exists()
