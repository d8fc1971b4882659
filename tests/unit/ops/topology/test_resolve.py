"""Defaults: what they are, and that each is told with its reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.ops.topology import load
from mainstay.ops.topology.resolve import slug
from mainstay.ops.topology.values import AUTOMATIC, Kind, Topology
from tests.unit.ops.topology.projects import write_project

Declare = Callable[[str], Topology]


def test_the_smallest_file_is_one_line(tmp_path: Path) -> None:
    root = write_project(tmp_path / "My Shop")
    (root / "mainstay.toml").write_text("[service.web]\n")
    topology = load(root)
    (service,) = topology.services
    postgres = topology.engines.postgres

    assert topology.name == "my-shop"
    assert (service.root, service.manage) == (root, root / "manage.py")
    assert (service.settings, service.application, service.interface) == (
        "shop.settings",
        "shop.asgi:application",
        "asgi",
    )
    assert service.kinds == (Kind("web", 2),)
    assert (service.routes, service.needs, service.static_url) == (("/",), ("postgres",), "/static/")
    assert (topology.edge.host, topology.edge.port) == ("127.0.0.1", 8000)
    assert topology.edge.hosts == ("localhost", "127.0.0.1", "[::1]")
    assert postgres
    assert (postgres.standbys, postgres.synchronous, postgres.durability, postgres.port) == (
        1,
        True,
        "available",
        AUTOMATIC,
    )
    assert [
        each
        for each in ("valkey", "memcached", "nats", "prometheus", "alertmanager")
        if getattr(topology.engines, each)
    ] == []


def test_every_default_is_told_with_its_reason(tmp_path: Path) -> None:
    root = write_project(tmp_path / "shop")
    (root / "mainstay.toml").write_text("[service.web]\n")
    topology = load(root)
    told = {default.path: default for default in topology.defaults}
    (service,) = topology.services
    names = {field.name for field in dataclasses.fields(service)} - {
        "name",
        "kinds",
        "calls",
        "consumes",
        "prepare",
        "env",
    }

    assert all(default.because and default.text for default in topology.defaults)
    assert {f"service.web.{name}" for name in (*names, "replicas")} <= set(told)
    for table, value in (
        ("edge", topology.edge),
        ("timeouts", topology.timeouts),
        ("engine.postgres", topology.engines.postgres),
    ):
        for field in dataclasses.fields(value):  # type: ignore[arg-type]
            assert told[f"{table}.{field.name}"].value == getattr(value, field.name), field.name
    assert told["engine.postgres"].because == "web needs it"
    assert told["edge.max_body"].text == "10 MiB"


def test_what_is_written_is_no_default(declare: Declare) -> None:
    topology = declare('[service.web]\nroot = "catalog"\nreplicas = 2\n[edge]\nport = 8000\n')
    told = {default.path for default in topology.defaults}

    assert "service.web.replicas" not in told
    assert "edge.port" not in told
    assert "service.web.pool" in told


def test_the_sample_of_the_design_means_what_it_says(declare: Declare, folder: Path) -> None:
    topology = declare(
        """
        [system]
        name = "boxoffice"
        [edge]
        port = 8000
        engine = "auto"
        [service.catalog]
        root = "catalog"
        settings = "catalog.settings"
        interface = "asgi"
        replicas = 2
        routes = ["/", "/api/events/", "/ws/"]
        needs = ["postgres", "valkey", "nats"]
        calls = ["orders"]
        consumes = ["orders.order_placed"]
        processes.worker = 1
        processes.beat = { command = "celery -A catalog beat", replicas = 1 }
        [service.orders]
        root = "orders"
        [engine.postgres]
        standbys = 1
        synchronous = true
        [engine.prometheus]
        """
    )
    catalog = topology.service("catalog")

    assert [service.name for service in topology.services] == ["catalog", "orders"]
    assert catalog.root == folder / "catalog"
    assert catalog.kinds == (
        Kind("web", 2),
        Kind("worker", 1),
        Kind("beat", 1, ("celery", "-A", "catalog", "beat")),
    )
    assert topology.engines.valkey
    assert topology.engines.nats
    assert topology.engines.prometheus
    assert topology.engines.memcached is None
    assert topology.service("orders").routes == ()


def test_a_project_without_asgi_is_wsgi(declare: Declare) -> None:
    service = declare('[service.web]\nroot = "payments"\n').service("web")

    assert (service.interface, service.application) == ("wsgi", "payments.wsgi:application")


def test_wsgi_can_be_asked_for_where_both_exist(declare: Declare) -> None:
    service = declare('[service.web]\nroot = "catalog"\ninterface = "wsgi"\n').service("web")

    assert service.application == "catalog.wsgi:application"


def test_a_project_of_another_shape_names_its_own(folder: Path, declare: Declare) -> None:
    (folder / "catalog" / "tool").mkdir()
    (folder / "catalog" / "manage.py").rename(folder / "catalog" / "tool" / "run.py")
    (folder / "catalog" / "catalog" / "entrance.py").write_text("from django.core.wsgi import x\nserve = x\n")
    python = folder / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    service = declare(
        '[service.web]\nroot = "catalog"\nmanage = "tool/run.py"\n'
        'application = "catalog.entrance:serve"\npython = "./python"\n'
    ).service("web")

    assert service.manage == folder / "catalog" / "tool" / "run.py"
    assert (service.application, service.interface) == ("catalog.entrance:serve", "wsgi")
    assert service.python == str(python)


def test_programs_are_seen_from_the_folder_of_the_file(declare: Declare, folder: Path) -> None:
    topology = declare(
        '[service.web]\nroot = "catalog"\n[edge]\nprogram = "bin/nginx"\n[engine.postgres]\nprogram = "postgres"\n'
    )

    assert topology.edge.program == str(folder / "bin" / "nginx")
    assert topology.engines.postgres
    assert topology.engines.postgres.program == "postgres"


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("0.0.0.0", ("localhost", "127.0.0.1", "[::1]")),
        ("::1", ("localhost", "127.0.0.1", "[::1]")),
        ("192.0.2.7", ("localhost", "127.0.0.1", "[::1]", "192.0.2.7")),
        ("2001:db8::7", ("localhost", "127.0.0.1", "[::1]", "[2001:db8::7]")),
    ],
)
def test_the_edge_answers_to_the_address_it_listens_on(
    declare: Declare, host: str, hosts: tuple[str, ...]
) -> None:
    assert declare(f'[service.web]\nroot = "catalog"\n[edge]\nhost = "{host}"\n').edge.hosts == hosts


@pytest.mark.parametrize(
    ("written", "read", "host"),
    [
        ("https://shop.example", "https://shop.example", "shop.example"),
        ("https://shop.example:443", "https://shop.example", "shop.example"),
        ("http://shop.example:80", "http://shop.example", "shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443", "shop.example"),
        ("https://[2001:db8::7]:8443", "https://[2001:db8::7]:8443", "[2001:db8::7]"),
    ],
)
def test_the_edge_answers_to_its_public_name(declare: Declare, written: str, read: str, host: str) -> None:
    """Written as browsers send it in Origin, since Django compares the two as texts."""
    edge = declare(
        f'[service.web]\nroot = "catalog"\n[edge]\npublic_url = "{written}"\ntrusted_proxies = ["127.0.0.1"]\n'
    ).edge
    assert edge.public_url == read
    assert edge.hosts == ("localhost", "127.0.0.1", "[::1]", host)


def test_nothing_is_waited_for_without_a_standby(declare: Declare) -> None:
    postgres = declare('[service.web]\nroot = "catalog"\n[engine.postgres]\nstandbys = 0\n').engines.postgres

    assert postgres
    assert not postgres.synchronous


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shop", "shop"),
        ("My Shop!", "my-shop"),
        ("2026", "system-2026"),
        ("", "system"),
        ("Ärger", "rger"),
        ("x" * 60, "x" * 40),
    ],
)
def test_names_are_made_from_folders(text: str, name: str) -> None:
    assert slug(text, "system") == name
