"""A topology spelled out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mainstay.ops.topology import Plan, Topology, plan

TEXT = """
[service.catalog]
root = "catalog"
routes = ["/", "/api/events/"]
needs = ["postgres", "valkey"]
processes.worker = 1
processes.beat = { command = "celery -A catalog beat" }
[service.payments]
root = "payments"
needs = []
[engine.postgres]
port = 6000
standbys = 2
[engine.prometheus]
"""


@pytest.fixture
def planned(declare: Callable[[str], Topology]) -> Plan:
    return plan(declare(TEXT))


def test_every_process_is_named_with_its_address_and_pool(planned: Plan) -> None:
    assert [(each.name, each.role, each.address, each.pool) for each in planned.processes] == [
        ("postgres.1", "primary", "127.0.0.1:6000", 0),
        ("postgres.2", "standby", "127.0.0.1:auto", 0),
        ("postgres.3", "standby", "127.0.0.1:auto", 0),
        ("valkey.1", "", "127.0.0.1:auto", 0),
        ("prometheus.1", "", "127.0.0.1:auto", 0),
        ("catalog.web.1", "", "127.0.0.1:auto", 4),
        ("catalog.web.2", "", "127.0.0.1:auto", 4),
        ("catalog.worker.1", "", "", 4),
        ("catalog.beat.1", "", "", 4),
        ("payments.web.1", "", "127.0.0.1:auto", 0),
        ("payments.web.2", "", "127.0.0.1:auto", 0),
        ("edge.1", "", "127.0.0.1:8000", 0),
    ]
    assert [each.name for each in planned.processes if each.public] == ["edge.1"]
    assert planned.processes[8].runs == "celery -A catalog beat"


def test_the_longest_route_comes_first(planned: Plan) -> None:
    assert [(route.prefix, route.service) for route in planned.routes] == [
        ("/api/events/", "catalog"),
        ("/", "catalog"),
    ]
    assert planned.inside_only == ("payments",)


def test_the_start_is_in_steps_and_the_edge_opens_last(planned: Plan) -> None:
    assert [step.names for step in planned.steps] == [
        ("postgres.1", "valkey.1"),
        ("catalog", "payments"),
        (
            "catalog.web.1",
            "catalog.web.2",
            "catalog.worker.1",
            "catalog.beat.1",
            "payments.web.1",
            "payments.web.2",
        ),
        ("edge.1",),
        ("postgres.2", "postgres.3", "prometheus.1"),
    ]
    assert [step.waits for step in planned.steps] == [True, True, True, True, False]


def test_chains_of_limits_are_one_line_each(planned: Plan) -> None:
    assert planned.chains == (
        "edge 15 s > request 10 s > statement 5 s > lock 2 s",
        "stop 15 s > drain 12 s > request 10 s",
    )


def test_the_plan_as_json(planned: Plan) -> None:
    told = json.loads(json.dumps(planned.as_json()))

    assert told["processes"][0]["address"] == "127.0.0.1:6000"
    assert told["budget"]["used"] == 20
    assert told["budget"]["shares"][0]["connections"] == 12
    assert told["timeouts"]["chains"][0].startswith("edge 15 s")
    assert {"path", "value", "because", "text"} == set(told["defaults"][0])


@pytest.mark.parametrize(
    ("edge", "url"),
    [
        ("", "http://127.0.0.1:8000"),
        ('host = "0.0.0.0"\nport = 80', "http://127.0.0.1:80"),
        ('host = "::1"', "http://[::1]:8000"),
        ("port = 0", "http://127.0.0.1"),
    ],
)
def test_the_address_to_open(declare: Callable[[str], Topology], edge: str, url: str) -> None:
    assert plan(declare(f'[service.web]\nroot = "catalog"\n[edge]\n{edge}\n')).url == url


def test_what_stands_in_front_is_told_beside_it(declare: Callable[[str], Topology]) -> None:
    text = '[service.web]\nroot = "catalog"\n[edge]\npublic_url = "https://shop.example"\ntrusted_proxies = ["::1"]\n'
    planned = plan(declare(text))
    assert (planned.url, planned.public_url) == ("http://127.0.0.1:8000", "https://shop.example")


def test_engines_alone_are_no_step_when_there_are_none(declare: Callable[[str], Topology]) -> None:
    planned = plan(declare('[service.web]\nroot = "catalog"\nneeds = []\n'))

    assert [step.names for step in planned.steps] == [("web",), ("web.web.1", "web.web.2"), ("edge.1",)]
    assert planned.budget is None
