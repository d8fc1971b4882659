"""The first file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mainstay.ops.topology import Topology, understand
from mainstay.ops.topology.draft import draft, service_names
from mainstay.ops.topology.load import Source
from mainstay.ops.topology.project import find_projects
from tests.unit.ops.topology.projects import write_project


def drafted(folder: Path) -> str:
    return draft(find_projects(folder), folder)


def understood(folder: Path, text: str) -> Topology:
    return understand(Source(folder / "mainstay.toml", "", text, tomllib.loads(text)))


@pytest.mark.parametrize("asgi", [True, False])
def test_a_draft_means_the_project_that_was_found(tmp_path: Path, asgi: bool) -> None:
    folder = write_project(tmp_path / "My Shop", asgi=asgi)
    topology = understood(folder, drafted(folder))
    service = topology.service("web")

    assert topology.name == "my-shop"
    assert (service.root, service.settings) == (folder, "shop.settings")
    assert service.interface == ("asgi" if asgi else "wsgi")


def test_several_projects_are_several_services(tmp_path: Path) -> None:
    for name in ("shop", "billing"):
        write_project(tmp_path / name, name)
    topology = understood(tmp_path, drafted(tmp_path))

    assert [(service.name, service.routes) for service in topology.services] == [
        ("billing", ("/",)),
        ("shop", ()),
    ]


def test_every_line_that_is_commented_out_can_be_commented_in(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "shop")
    lines = drafted(folder).splitlines()
    offers = [number for number, line in enumerate(lines) if re.match(r"# ([a-z.]+ = |\[)", line)]
    for number in offers:
        lines[number] = lines[number].removeprefix("# ")
    topology = understood(folder, "\n".join(lines))

    assert len(offers) == 9
    assert topology.engines.prometheus
    assert [kind.name for kind in topology.service("web").kinds] == ["web", "worker", "beat"]


def test_folders_may_have_any_name(tmp_path: Path) -> None:
    names = ["redis", "A b", "a_b", "a-b", "2 quotes\"'", "postgres"]
    for name in names:
        write_project(tmp_path / name)
    topology = understood(tmp_path, drafted(tmp_path))

    assert {service.root.name for service in topology.services} == set(names)
    assert "redis-service" in service_names(find_projects(tmp_path), tmp_path)
