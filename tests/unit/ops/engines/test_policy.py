from __future__ import annotations

import json
import re
import resource

import pytest

from mainstay.ops.engines import policy

from .system import SYSTEM, service, topology


def test_routes_are_ordered_from_the_longest_prefix() -> None:
    assert [(route.base, route.service) for route in policy.routes(SYSTEM)] == [
        ("/static/orders", "orders"),
        ("/api/orders", "orders"),
        ("/static", "catalog"),
        ("/ws", "catalog"),
        ("", "catalog"),
    ]


def test_static_files_that_two_services_claim_follow_the_routes() -> None:
    system = topology(service("one", "/"), service("two", "/two/"), service("three", static_url="/files/"))
    assert [route.base for route in policy.routes(system)] == ["/two", ""]


def test_a_declared_route_wins_over_anothers_static_files() -> None:
    system = topology(service("one", "/static/two/"), service("two", "/", static_url="/static/two/"))
    assert policy.Route("/static/two", "one") in policy.routes(system)


def test_hosts_are_compared_in_lower_case() -> None:
    assert policy.hosts(SYSTEM) == ("localhost", "127.0.0.1", "[::1]", "tickets.example.com")


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/READYZ",
        "/metrics/",
        "/metrics;x",
        "/\\metrics",
        "/internal/x",
        "/internal",
        "/admin;x/",
        "/Admin/",
    ],
)
def test_hidden_paths(path: str) -> None:
    assert re.search(policy.HIDDEN, path, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/", "/metricsx", "/a/metrics", "/administer", "/internals/", "/livez/x"])
def test_other_paths_are_not_hidden(path: str) -> None:
    assert not re.search(policy.HIDDEN, path, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/.", "/..", "/a/../b", "/a/./b", "/a/..;/b", "/a\\..\\b"])
def test_dot_segments(path: str) -> None:
    assert re.search(policy.DOTTED, path)
    assert re.search(policy.DOTTED_RAW, path, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/a/%2e%2E/b", "/a%2f../b", "/%2e", "/a/.%2e?x", "/a/..%3bb"])
def test_encoded_dot_segments_are_seen_before_decoding(path: str) -> None:
    assert re.search(policy.DOTTED_RAW, path, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/a.b", "/.well-known/x", "/a/...", "/a..", "/v1.0/", "/x?next=/../y"])
def test_ordinary_dots_are_not_segments(path: str) -> None:
    assert not re.search(policy.DOTTED_RAW, path, re.IGNORECASE)
    assert not re.search(policy.DOTTED, path.partition("?")[0])


@pytest.mark.parametrize(
    "name", [*policy.UNTRUSTED_NAMES, "X_Forwarded_For", "x-forwarded-anything", "CF-Ray"]
)
def test_untrusted_headers(name: str) -> None:
    assert re.search(policy.UNTRUSTED, name.lower())


@pytest.mark.parametrize(
    "name",
    ["Host", "Cookie", "Authorization", "X-CSRFToken", "Idempotency-Key", "traceparent", "X-Requested-With"],
)
def test_headers_that_applications_need_pass(name: str) -> None:
    assert not re.search(policy.UNTRUSTED, name.lower())


@pytest.mark.parametrize("page", policy.PAGES.values(), ids=policy.PAGES)
def test_every_page_is_a_problem_of_its_status(page: policy.Page) -> None:
    problem = json.loads(page.problem("an-id"))
    assert problem["status"] == page.status
    assert problem["type"].startswith("/problems/")
    assert problem["request_id"] == "an-id"
    # The texts stand between quotation marks of two configuration languages, and in brackets of one.
    assert not set("'$%\\[]\n") & set(page.problem("") + page.html(""))


@pytest.mark.parametrize(
    ("limit", "connections"), [(1024, 384), (20_000, 4096), (resource.RLIM_INFINITY, 4096), (200, 16)]
)
def test_room_is_what_the_limit_on_open_files_leaves(
    monkeypatch: pytest.MonkeyPatch, limit: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, limit))
    assert policy.Room.here(4096).connections == connections
