"""Requests reach the service whose prefix is the longest, and nothing internal is ever reached."""

from __future__ import annotations

import asyncio

import pytest

from mainstay.ops.engines.engine import Program
from tests.conformance.edge import talk
from tests.conformance.edge.stage import Stage, open_stage, topology


@pytest.mark.parametrize(
    ("target", "service"),
    [
        ("/", "catalog"),
        ("/api/", "catalog"),
        ("/api/orders/", "orders"),
        ("/api/orders/17/?page=2", "orders"),
        ("/api/orders", "orders"),
        ("/api/ordersx", "catalog"),
        ("/api/orders.json", "catalog"),
        ("/API/orders/", "catalog"),
        ("/api//orders/", "orders"),
        ("//api/orders/", "orders"),
        ("/api/%6frders/", "orders"),
        ("/api%2Forders/", "orders"),
        ("/basket/1", "orders"),
        ("/?next=/api/orders/", "catalog"),
    ],
)
def test_longest_prefix_wins_on_segment_boundaries(calm: Stage, target: str, service: str) -> None:
    answer = talk.request(calm.address, target)
    assert answer.status == 200
    assert answer.json()["replica"].startswith(service)


@pytest.mark.parametrize("target", ["/a//b/", "/a%2Fb/%20?x=%2F&y=a+b", "/%C3%A4;v=1/"])
def test_the_path_is_passed_on_as_it_was_sent(calm: Stage, target: str) -> None:
    seen = talk.request(calm.address, target).json()
    assert seen["raw_path"] + ("?" + seen["query"] if seen["query"] else "") == target


def test_requests_are_spread_over_the_replicas(calm: Stage) -> None:
    by = {talk.request(calm.address).json()["replica"] for _ in range(12)}
    assert by == {"catalog.web.1.g1", "catalog.web.2.g1"}


HIDDEN = [
    "/livez",
    "/readyz",
    "/startupz",
    "/metrics",
    "/metrics?x=1",
    "/metrics/",
    "/metrics//",
    "/METRICS",
    "//metrics",
    "///readyz",
    "/%6Detrics",
    "/%6d%65%74%72%69%63%73",
    "/%2Fmetrics",
    "/metrics%2F",
    "/metrics;a=b",
    "/metrics%3Ba",
    "/\\metrics",
    "/internal/stock",
    "/internal",
    "/internal/",
    "/Internal/stock",
    "/%69nternal/stock",
    "/internal%2Fstock",
    "//internal//stock",
    "/internal;a=b/stock",
    "/admin",
    "/admin/",
    "/admin/login/?next=/",
    "/ADMIN/login/",
    "/%61dmin/",
    "/admin;x/login/",
    "http://localhost/metrics",
    "http://localhost/admin/",
]
RESOLVED = [
    "/./metrics",
    "/x/../metrics",
    "/x/%2e%2e/metrics",
    "/x/.%2E/metrics",
    "/%2e/metrics",
    "/x/y/../../admin/",
    "/x/..;/metrics",
    "/x%2F..%2Fmetrics",
    "/metrics/.",
    "/metrics/x/..",
    "/admin/../admin/",
    "/../metrics",
    "/x/..\\metrics",
]


@pytest.mark.parametrize("target", HIDDEN)
def test_internal_paths_are_not_found_in_any_spelling(calm: Stage, target: str) -> None:
    before = len(calm.seen())
    assert talk.request(calm.address, target).is_problem(404), target
    assert len(calm.seen()) == before


@pytest.mark.parametrize("target", RESOLVED)
def test_dot_segments_never_reach_a_replica(calm: Stage, target: str) -> None:
    """A client resolves them before it sends; one that does not is looking for a way around."""
    before = len(calm.seen())
    assert talk.request(calm.address, target).is_problem(404, 400), target
    assert len(calm.seen()) == before


@pytest.mark.parametrize(
    "target", ["/metricsx", "/administration/", "/internals", "/a/metrics", "/a/..b/", "/v1.0/"]
)
def test_paths_that_only_look_internal_are_routed(calm: Stage, target: str) -> None:
    assert talk.request(calm.address, target).status == 200


def test_a_path_without_a_route_is_not_found(program: Program) -> None:
    with open_stage(program, replicas=(), system=topology(routes={"orders": ("/api/orders/",)})) as stage:
        assert talk.request(stage.address, "/").is_problem(404)
        assert talk.request(stage.address, "/metrics").is_problem(404)


def test_a_service_without_replicas_is_unavailable_for_a_moment(calm: Stage) -> None:
    others = [replica for replica in calm.replicas if replica.backend.service != "orders"]
    try:
        asyncio.run(calm.rotate(*others))
        answer = talk.request(calm.address, "/api/orders/")
        assert answer.is_problem(503)
        assert answer.headers["retry-after"] == "1"
        assert talk.request(calm.address, "/").status == 200
    finally:
        asyncio.run(calm.rotate(*calm.replicas))


def test_services_reach_one_another_on_an_inside_address(calm: Stage) -> None:
    """Calls between services are balanced too, but without the public listener's refusals."""
    inside = calm.edge.node.inside["orders"]
    answer = talk.request(inside, "/internal/stock", "X-Request-ID: caller-0001", host="anything")
    assert answer.status == 200
    assert answer.json()["path"] == "/internal/stock"
    assert ["x-request-id", "caller-0001"] in answer.json()["headers"]


def test_status_and_metrics_answer_inside_only(calm: Stage) -> None:
    assert talk.request(calm.monitor, "/livez").status == 200
    metrics = talk.request(calm.monitor, "/metrics")
    assert metrics.status == 200
    assert b"# TYPE" in metrics.body
    assert talk.request(calm.address, "/metrics").is_problem(404)
