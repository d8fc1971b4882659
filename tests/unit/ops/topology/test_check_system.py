"""What can be wrong between the parts of a system."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainstay.base.errors import Problem

Found = Callable[[str], list[tuple[str, str]]]
Problems = Callable[[str], list[Problem]]
WEB = '[service.web]\nroot = "catalog"\n'
HTTPS = WEB + '[edge]\npublic_url = "https://shop.example"\n'
TRUSTED = WEB + '[edge]\ntrusted_proxies = ["%s"]\n'
CLAIM = WEB + '[[prove.claim]]\nname = "mine"\nholds = ["errors = 0"]\n'
KILL = 'faults = [{ fault = "kill", target = "web.web" }]'
TWO = 'faults = [{ fault = "kill", target = "web.web" }, { fault = "edge.reload", target = "edge" }]'


@pytest.mark.parametrize(
    ("text", "problem", "path"),
    [
        ('[service.postgres]\nroot = "catalog"', "reserved-name", "service.postgres"),
        ('[service.edge]\nroot = "catalog"', "reserved-name", "service.edge"),
        ('[service.primary]\nroot = "catalog"', "reserved-name", "service.primary"),
        ('[service.web]\nroot = "catalog"\nroutes = []', "no-route", "service.web.routes"),
        (WEB + "[engine.postgres]\nport = 8000", "port-clash", "engine.postgres.port"),
        (WEB + "[engine.valkey]\nport = 9000\n[engine.nats]\nport = 9000", "port-clash", "engine.nats.port"),
        (WEB + "[edge]\nmax_connections = 100", "arithmetic", "edge.connections_per_source"),
        (HTTPS, "nobody-trusted", "edge.trusted_proxies"),
        (
            HTTPS + 'trusted_proxies = ["::1"]\nhosts = ["localhost"]',
            "host-missing",
            "edge.hosts",
        ),
        (
            HTTPS.replace("shop.example", "[:1]") + 'trusted_proxies = ["::1"]',
            "bad-value",
            "edge.public_url",
        ),
        (TRUSTED % "10.0.0.1/8", "bad-network", "edge.trusted_proxies[0]"),
        (TRUSTED % "10.0.0.1:80", "bad-network", "edge.trusted_proxies[0]"),
        (TRUSTED % "10.0.0.256", "bad-network", "edge.trusted_proxies[0]"),
        (TRUSTED % "10.0.0.0/33", "bad-network", "edge.trusted_proxies[0]"),
        (TRUSTED % "2001:db8::1::", "bad-network", "edge.trusted_proxies[0]"),
        (TRUSTED % "::ffff:10.0.0.1", "bad-network", "edge.trusted_proxies[0]"),
        (TRUSTED % "0.0.0.0/0", "everybody-trusted", "edge.trusted_proxies[0]"),
        (TRUSTED % "::/0", "everybody-trusted", "edge.trusted_proxies[0]"),
        (WEB + '[edge]\npublic_url = "https://shop.example/"', "bad-value", "edge.public_url"),
        (WEB + '[edge]\npublic_url = "https://u:p@shop.example"', "bad-value", "edge.public_url"),
        (
            WEB + "[engine.postgres]\nstandbys = 0\nsynchronous = true",
            "no-standby",
            "engine.postgres.synchronous",
        ),
        (
            WEB + '[engine.postgres]\nstandbys = 0\ndurability = "strict"',
            "no-standby",
            "engine.postgres.durability",
        ),
        (WEB + "[engine.alertmanager]", "prometheus-missing", "engine.alertmanager"),
        (WEB + 'timeouts.edge = "10s"', "timeouts-nest", "timeouts.edge"),
        (WEB + "[timeouts]\nlock = 6", "timeouts-nest", "timeouts.statement"),
        (WEB + "[timeouts]\ndrain = 9", "timeouts-nest", "timeouts.drain"),
        (CLAIM + 'every = "10s"', "prove-every", "prove.claim[0].every"),
        (CLAIM + 'during = "10m"', "prove-every", "prove.claim[0].during"),
        (CLAIM + 'every = "10s"\nduring = "10m"', "prove-every", "prove.claim[0].every"),
        (CLAIM + 'every = "10s"\nduring = "1s"\n' + KILL, "prove-every", "prove.claim[0].during"),
        (CLAIM + 'every = "0.5s"\nduring = "86400s"\n' + KILL, "prove-every", "prove.claim[0].during"),
        (CLAIM + 'every = "10s"\nduring = "10s"\n' + TWO, "prove-every", "prove.claim[0].during"),
    ],
)
def test_each_mistake_is_one_problem(found: Found, text: str, problem: str, path: str) -> None:
    assert found(text.replace("timeouts.edge =", "[timeouts]\nedge =")) == [(problem, path)]


@pytest.mark.parametrize(
    "edge",
    [
        'public_url = "https://shop.example"\ntrusted_proxies = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]',
        'public_url = "http://shop.example"',
        'public_url = "https://[2001:db8::7]:8443"\ntrusted_proxies = ["127.0.0.1"]\nhosts = ["[2001:DB8::7]"]',
        'trusted_proxies = ["0.0.0.0/1"]',
    ],
)
def test_what_stands_in_front_may_be_named(found: Found, edge: str) -> None:
    assert found(f"{WEB}[edge]\n{edge}\n") == []


def test_one_prefix_has_one_service(problems: Problems) -> None:
    (problem,) = problems(
        '[service.catalog]\nroot = "catalog"\nroutes = ["/"]\n'
        '[service.orders]\nroot = "orders"\nroutes = ["/api/", "/"]'
    )

    assert (problem.id, problem.path) == ("topology.route-clash", "service.orders.routes[1]")
    assert problem.found == "'/' (text), as in service.catalog"


def test_two_names_are_not_one_database(found: Found) -> None:
    text = '[service.a-b]\nroot = "catalog"\nroutes = ["/"]\n[service.a_b]\nroot = "orders"'

    assert found(text) == [("name-clash", "service.a_b")]


def test_several_services_without_a_route_are_one_problem(found: Found) -> None:
    assert found('[service.a]\nroot = "catalog"\n[service.b]\nroot = "orders"') == [
        ("no-route", "service.a.routes")
    ]


def test_automatic_ports_never_clash(found: Found) -> None:
    assert found(WEB + "[edge]\nport = 0\n[engine.postgres]\nport = 0\n[engine.nats]\nport = 0") == []


def test_too_many_connections_are_shown_as_a_sum(problems: Problems) -> None:
    (problem,) = problems(WEB + "pool = 8\nprocesses.worker = 2\n[engine.postgres]\nmax_connections = 59")

    assert problem.id == "topology.too-many-connections"
    assert problem.expected == "at most 59 − 20 reserved = 39 connections, also during a rolling update"
    assert problem.found == "web.web (2 + 1) × 8 + web.worker 2 × 8 = 40"
    assert problem.hint == "lower pools or replicas, or set max_connections to at least 60"
    assert problems(WEB + "pool = 8\nprocesses.worker = 2\n[engine.postgres]\nmax_connections = 60") == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (WEB + 'pool = "x"\n[engine.postgres]\nmax_connections = 25', "service.web.pool"),
        (WEB + '[timeouts]\nrequest = "soon"\nedge = 1', "timeouts.request"),
        (WEB + 'routes = ["x"]', "service.web.routes[0]"),
        (WEB + 'needs = ["x", 1]\nenv = { A = "{valkey.url}" }', "service.web.needs[1]"),
    ],
)
def test_what_only_follows_from_a_mistake_is_not_a_second_one(found: Found, text: str, path: str) -> None:
    paths = [each[1] for each in found(text)]

    assert path in paths
    assert not {"engine.postgres.max_connections", "service.web.routes", "service.web.env.A"} & set(paths)


def test_both_stages_report_in_one_go(found: Found) -> None:
    text = WEB + 'calls = ["x"]\nrepliacs = 3\n[edge]\nport = "a"\n[timeouts]\nlock = 9\n[sistem]'

    assert found(text) == [
        ("unknown-service", "service.web.calls[0]"),
        ("unknown-key", "service.web.repliacs"),
        ("wrong-type", "edge.port"),
        ("timeouts-nest", "timeouts.statement"),
        ("unknown-key", "sistem"),
    ]
