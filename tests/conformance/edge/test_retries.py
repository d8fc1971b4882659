"""A request whose connection broke is repeated once, and only when repeating it is safe."""

from __future__ import annotations

import itertools

import pytest

from mainstay.ops.engines.engine import Program
from tests.conformance.edge import talk
from tests.conformance.edge.stage import Mutation, Stage, open_stage

_ids = itertools.count(1)

REPEATED = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]


def ask(
    stage: Stage, action: str, method: str, *headers: str, body: bytes = b""
) -> tuple[talk.Answer, list[str]]:
    """The answer, and by which replicas the request was seen."""
    mark = f"retry-{next(_ids)}-{method}"
    answer = talk.request(stage.address, f"/?do={action}&id={mark}", *headers, method=method, body=body)
    return answer, [seen["replica"] for seen in stage.seen(f'id={mark}"')]


@pytest.mark.parametrize("method", REPEATED)
def test_a_safe_request_that_broke_is_repeated_on_another_replica(calm: Stage, method: str) -> None:
    answer, replicas = ask(calm, "break-once", method)
    assert answer.status == 200
    assert len(replicas) == 2
    assert len(set(replicas)) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("size", [10, 12_000])
def test_a_request_with_an_idempotency_key_is_repeated(calm: Stage, method: str, size: int) -> None:
    answer, replicas = ask(calm, "break-once", method, f"Idempotency-Key: {size}", body=b"x" * size)
    assert answer.status == 200
    assert answer.json()["length"] == size
    assert len(set(replicas)) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("headers", [(), ("Idempotency-Key:",)])
def test_an_unsafe_request_is_never_repeated(calm: Stage, method: str, headers: tuple[str, ...]) -> None:
    answer, replicas = ask(calm, "break-once", method, *headers, body=b"buy")
    assert answer.is_problem(502)
    assert len(replicas) == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_there_is_at_most_one_repetition(calm: Stage, method: str) -> None:
    answer, replicas = ask(calm, "break", method)
    assert answer.is_problem(502)
    assert len(replicas) == 2


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_an_answer_is_never_repeated(calm: Stage, code: int) -> None:
    """A replica that refuses because it is overloaded must not cause twice the load."""
    answer, replicas = ask(calm, f"status&code={code}", "GET")
    assert answer.status == code
    assert answer.json() == {"from": "application"}
    assert len(replicas) == 1


def test_a_replica_that_cannot_be_reached_is_passed_over_for_every_method(stage: Stage) -> None:
    """Nothing was sent yet, so nothing can happen twice."""
    stage.replicas[0].kill()
    for _ in range(6):
        answer, replicas = ask(stage, "", "POST", body=b"buy")
        assert answer.status == 200
        assert replicas == [stage.replicas[1].backend.name]


def test_the_check_of_repeated_posts_can_fail(program: Program) -> None:
    mutation = {
        "haproxy": Mutation(
            "http-request disable-l7-retry unless", "http-request disable-l7-retry if FALSE #"
        ),
        "nginx": Mutation(
            "proxy_next_upstream error timeout;", "proxy_next_upstream error timeout non_idempotent;"
        ),
    }[program.engine]
    with open_stage(program, mutation=mutation) as stage:
        _, replicas = ask(stage, "break-once", "POST", body=b"buy")
        assert len(replicas) == 2
