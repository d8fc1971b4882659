"""What can be wrong with one service."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mainstay.base.errors import Problem

Found = Callable[[str], list[tuple[str, str]]]
WEB = '[service.web]\nroot = "catalog"\n'


@pytest.mark.parametrize(
    ("line", "problem", "path"),
    [
        ('needs = ["postgres", "mysql"]', "unknown-engine", "needs[1]"),
        ('calls = ["web"]', "calls-itself", "calls[0]"),
        ('calls = ["wbe"]', "unknown-service", "calls[0]"),
        ('needs = ["nats"]\nconsumes = ["shop.sold"]', "unknown-service", "consumes[0]"),
        ('consumes = ["web.sold"]', "broker-missing", "consumes"),
        ("processes.web = 1", "reserved-name", "processes.web"),
        ("processes.beat = 1", "command-missing", "processes.beat"),
        ("processes.beat = { replicas = 1 }", "command-missing", "processes.beat"),
        ('processes.beat = { command = "run \'this" }', "bad-command", "processes.beat.command"),
        ('prepare = ["load \'this"]', "bad-command", "prepare[0]"),
        ('env = { A = "{" }', "bad-placeholder", "env.A"),
        ('env = { A = "{valkey}" }', "bad-placeholder", "env.A"),
        ('env = { A = "{service.orders.url}" }', "bad-placeholder", "env.A"),
        ('env = { A = "{valkey.url}" }', "unneeded-engine", "env.A"),
        ('env = { MAINSTAY_BIND = "x" }', "reserved-name", "env.MAINSTAY_BIND"),
        ('routes = ["/livez/"]', "internal-route", "routes[0]"),
        ('routes = ["/", "/admin/x/"]', "internal-route", "routes[1]"),
        ('routes = ["/a/../b/"]', "bad-value", "routes[0]"),
        ('routes = ["/a/./b/"]', "bad-value", "routes[0]"),
        ('static_url = "/internal/static/"', "internal-route", "static_url"),
        ('static_url = "/"', "bad-value", "static_url"),
    ],
)
def test_each_mistake_is_one_problem(found: Found, line: str, problem: str, path: str) -> None:
    assert found(WEB + line) == [(problem, f"service.web.{path}")]


@pytest.mark.parametrize(
    "line",
    [
        'needs = ["valkey"]\nenv = { REDIS_URL = "{valkey.url}" }',
        'env = { SELF = "{service.web.url}", PUBLIC = "{edge.url}", DB = "{postgres.url}", JSON = "{{}}" }',
        'needs = ["postgres", "nats"]\nconsumes = ["web.sold"]',
        'processes.relay = { command = "my-relay" }',
        "processes.worker = 0",
        'prepare = ["seed --if-empty", "loaddata \'a b.json\'"]',
        'routes = ["/administrators/", "/livezone/"]',
    ],
)
def test_what_is_right_is_left_alone(found: Found, line: str) -> None:
    assert found(WEB + line) == []


@pytest.mark.parametrize(
    ("need", "hint"),
    [
        ("valky", "did you mean 'valkey'?"),
        ("redis", "write 'valkey'"),
        ("postgresql", "write 'postgres'"),
        ("prometheus", "no service waits for it; write the table [engine.prometheus] instead"),
    ],
)
def test_an_engine_of_another_name_is_recognized(
    problems: Callable[[str], list[Problem]], need: str, hint: str
) -> None:
    (problem,) = problems(f'{WEB}needs = ["{need}"]')

    assert problem.hint == hint


def test_a_misspelt_service_names_the_nearest(problems: Callable[[str], list[Problem]]) -> None:
    (problem,) = problems(
        '[service.catalog]\nroot = "catalog"\ncalls = ["odrers"]\nroutes = ["/"]\n[service.orders]\nroot = "orders"'
    )

    assert (problem.expected, problem.hint) == ("a service: catalog or orders", "did you mean 'orders'?")


def test_a_call_to_a_service_that_is_itself_wrong_is_no_second_problem(found: Found) -> None:
    assert found(WEB + 'calls = ["orders"]\nroutes = ["/"]\n[service]\norders = 1') == [
        ("wrong-type", "service.orders")
    ]
