"""What a client says about where it comes from is not believed; what the edge says is."""

from __future__ import annotations

import re

import pytest

from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.policy import UNTRUSTED_NAMES
from tests.conformance.edge import talk
from tests.conformance.edge.stage import Mutation, Stage, open_stage

LIE = "6.6.6.6"


def seen_headers(answer: talk.Answer) -> dict[str, list[str]]:
    assert answer.status == 200
    found: dict[str, list[str]] = {}
    for name, value in answer.json()["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def forged(*lines: str) -> tuple[str, ...]:
    return tuple(line.replace("LIE", LIE) for line in lines)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("X-Forwarded-For: LIE",),
        ("X-Forwarded-For: LIE, 127.0.0.1", "X-Forwarded-For: LIE"),
        ("x-forwarded-for: LIE", "X-FORWARDED-PROTO: https", "X-Forwarded-Host: LIE", "X-Forwarded-Port: 1"),
        ("X-Forwarded-For:\tLIE",),
        ("X_Forwarded_For: LIE", "X-Forwarded_For: LIE"),
        ("Connection: X-Forwarded-For", "X-Forwarded-For: LIE"),
    ],
)
def test_forwarding_headers_are_set_by_the_edge_alone(calm: Stage, lines: tuple[str, ...]) -> None:
    answer = talk.request(calm.address, "/", *forged(*lines))
    seen = seen_headers(answer)
    assert seen["x-forwarded-for"] == ["127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["http"]
    assert seen["x-forwarded-host"] == ["localhost"]
    assert seen["x-forwarded-port"] == [str(calm.address.port)]
    assert answer.json()["client"] == "127.0.0.1"
    assert LIE not in str(answer.json())


@pytest.mark.parametrize("name", UNTRUSTED_NAMES)
def test_other_forwarding_headers_are_dropped(calm: Stage, name: str) -> None:
    for spelling in {name, name.upper(), name.replace("-", "_")}:
        assert LIE not in str(talk.request(calm.address, "/", f"{spelling}: {LIE}").json()), spelling


def test_ordinary_headers_arrive(calm: Stage) -> None:
    seen = seen_headers(
        talk.request(calm.address, "/", "Authorization: Bearer a", "X-Color: red", "Cookie: a=b")
    )
    assert (seen["authorization"], seen["x-color"], seen["cookie"]) == (["Bearer a"], ["red"], ["a=b"])


def test_the_host_header_arrives_as_it_was_sent(calm: Stage) -> None:
    for host in ("localhost", "LOCALHOST:8000", "tickets.example.com", "[::1]:8000"):
        seen = seen_headers(talk.request(calm.address, host=host))
        assert (seen["host"], seen["x-forwarded-host"]) == ([host], [host])


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "localhost.example.com",
        "xlocalhost",
        "evil@localhost",
        "127.0.0.2",
        "[::2]",
        "local host",
        "",
    ],
)
def test_an_unknown_host_is_closed_unanswered(calm: Stage, host: str) -> None:
    before = len(calm.seen())
    answer = talk.request(calm.address, host=host)
    assert answer.status == 0 or (answer.status == 400 and host in ("local host", "", "evil@localhost"))
    assert len(calm.seen()) == before


def test_a_request_without_a_host_is_not_passed_on(calm: Stage) -> None:
    before = len(calm.seen())
    assert talk.raw(calm.address, b"GET / HTTP/1.0\r\n\r\n").status in (0, 400)
    assert talk.raw(calm.address, b"GET http://example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n").status in (
        0,
        400,
    )
    assert talk.raw(calm.address, b"GET http://localhost/ HTTP/1.1\r\nHost: example.com\r\n\r\n").status in (
        0,
        400,
    )
    assert len(calm.seen()) == before


@pytest.mark.parametrize("sent", ["client-chosen-1", "01234567", "a" * 64])
def test_a_well_formed_request_id_is_kept(calm: Stage, sent: str) -> None:
    answer = talk.request(calm.address, "/", f"X-Request-ID: {sent}")
    assert seen_headers(answer)["x-request-id"] == [sent]
    assert answer.headers["x-request-id"] == sent


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("X-Request-ID: short",),
        ("X-Request-ID: " + "a" * 65,),
        ("X-Request-ID: with space inside",),
        ("X-Request-ID: <script>alert",),
        ("X-Request-ID: first-one-1", "X-Request-ID: second-one"),
        ("X-Request-ID: first-one-1,second-one",),
    ],
)
def test_any_other_request_id_is_replaced(calm: Stage, lines: tuple[str, ...]) -> None:
    answer = talk.request(calm.address, "/", *lines)
    (given,) = seen_headers(answer)["x-request-id"]
    assert answer.headers["x-request-id"] == given
    # An old nginx sees only the first of two, which is well-formed here.
    assert re.fullmatch("[A-Za-z0-9-]{32,36}", given) or (given == "first-one-1" and len(lines) == 2)


def test_errors_of_the_edge_carry_the_request_id(calm: Stage) -> None:
    assert (
        talk.request(calm.address, "/metrics", "X-Request-ID: to-be-found").headers["x-request-id"]
        == "to-be-found"
    )


def test_the_deadline_is_set_by_the_edge_alone(calm: Stage) -> None:
    seen = seen_headers(talk.request(calm.address, "/", "Mainstay-Deadline: 99999999"))
    assert seen["mainstay-deadline"] == ["2000"]


def test_the_server_does_not_name_its_version(calm: Stage) -> None:
    """uvicorn names itself; the edge hides that, and at most says which program it is."""
    for target in ("/", "/metrics"):
        assert talk.request(calm.address, target).headers.get("server", "") in ("", "nginx")


def test_the_check_of_forged_addresses_can_fail(program: Program) -> None:
    mutation = {
        "haproxy": Mutation("    http-request del-header '", "    http-request del-header 'none-of-them'#"),
        "nginx": Mutation("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for"),
    }[program.engine]
    with open_stage(program, mutation=mutation) as stage:
        answer = talk.request(stage.address, "/", f"X-Forwarded-For: {LIE}", f"X-Real-IP: {LIE}")
        assert LIE in str(answer.json())
