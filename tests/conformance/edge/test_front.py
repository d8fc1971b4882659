"""
Behind a load balancer or what terminates TLS: whose word for scheme and client is taken, and what of it.

The proxy is this machine's 127.0.0.1; 127.0.0.2 is a client that comes past it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mainstay.ops.engines.engine import Program
from tests.conformance.edge import talk
from tests.conformance.edge.stage import LIMITS, Mutation, Stage, open_stage, topology, within
from tests.conformance.edge.test_headers import seen_headers

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
TRUE, LIE = "198.51.100.7", "6.6.6.6"
PUBLIC = replace(
    LIMITS,
    public_url="https://tickets.example.com:8443",
    trusted_proxies=(PROXY, "10.0.0.0/8", "2001:db8:1::/48"),
    connections_per_source=8,
)

CHAINS: dict[str, tuple[list[str], str]] = {
    "one": ([TRUE], TRUE),
    "what the client wrote is left of it": ([f"{LIE}, {TRUE}"], TRUE),
    "proxies are passed over": ([f"{LIE},{TRUE}, 10.0.0.1,\t10.9.9.9"], TRUE),
    "of both families": ([f"{LIE}, {TRUE}, 2001:db8:1::9, [2001:db8:1::8]:99, 10.0.0.1:80"], TRUE),
    "port": ([f"{TRUE}:4711"], TRUE),
    "IPv6": (["2001:db8::66"], "2001:db8::66"),
    "IPv6 in brackets": (["[2001:db8::66]"], "2001:db8::66"),
    "IPv6 with a port": (["[2001:db8::66]:4711"], "2001:db8::66"),
    "IPv4 as IPv6": ([f"::ffff:{TRUE}"], TRUE),
    "IPv4 as IPv6 in brackets": ([f"[::ffff:{TRUE}]:80"], TRUE),
    "a proxy as IPv6": ([f"{TRUE}, ::ffff:10.0.0.1"], TRUE),
    "several lines": ([LIE, TRUE, "10.0.0.1"], TRUE),
    "several lines of several": ([f"{LIE}, {LIE}", f"{LIE}, {TRUE}", "10.0.0.2, 10.0.0.1"], TRUE),
    "many": ([", ".join([LIE] * 300 + [TRUE])], TRUE),
    "only proxies": (["10.0.0.2, 10.0.0.1"], "10.0.0.2"),
    "more proxies than anybody has": ([", ".join([LIE, *(f"10.0.0.{n}" for n in range(9))])], "10.0.0.4"),
    # Patterns that look for the end of a value in each of its blanks would be at it for long, or give up.
    "blanks without end": ([f"{LIE}{' ' * 7_000}{LIE}, {TRUE}"], TRUE),
    "space around": ([f"  {TRUE}  "], TRUE),
    # What is no address ends the walk: what stands left of it was written before, by nobody knows whom.
    "nothing": ([], PROXY),
    "empty": ([""], PROXY),
    "only a comma": ([","], PROXY),
    "empty at the end": ([f"{LIE},"], PROXY),
    "empty line at the end": ([LIE, ""], PROXY),
    "empty between": ([f"{LIE},, 10.0.0.1"], "10.0.0.1"),
    "garbage": (["garbage"], PROXY),
    "garbage at the end": ([f"{LIE}, unknown"], PROXY),
    "garbage between": ([f"{LIE}, _hidden, 10.0.0.1"], "10.0.0.1"),
    "two in one": ([f"{LIE} {LIE}"], PROXY),
    "an open quote": ([f'"{LIE}, {TRUE}'], TRUE),
    "an open quote in a line before": ([f'"{LIE}', TRUE], TRUE),
    "a quote between lines": ([LIE, '"', "10.0.0.1"], "10.0.0.1"),
    "a quoted backslash": ([f'"\\", {LIE}, "{LIE}, {TRUE}'], TRUE),
    "quoted": ([f'"{LIE}"'], PROXY),
    "a zone": (["fe80::1%eth0"], PROXY),
    "a port too long": ([f"{LIE}:123456"], PROXY),
    "no port": ([f"{LIE}:"], PROXY),
    "octal": (["6.6.6.06"], PROXY),
    "a proxy in octal": ([f"{LIE}, 10.0.0.01"], PROXY),
    "hexadecimal": (["0x7f.1"], PROXY),
    "a number": (["2130706433"], PROXY),
    "nearly IPv6": (["1::2::3"], PROXY),
    "Forwarded": ([f"for={LIE}"], PROXY),
    "no-break space": ([f"{LIE}\xa0"], PROXY),
    "not ASCII": (["\xff"], PROXY),
    # These hold 10.0.0.1 and are not 10.0.0.1: whoever may choose such an address is no proxy.
    "6to4": ([f"{LIE}, 2002:a00:1::1"], "2002:a00:1::1"),
    "NAT64": ([f"{LIE}, 64:ff9b::a00:1"], "64:ff9b::a00:1"),
    "IPv4-compatible": ([f"{LIE}, ::a00:1"], "::a00:1"),
}
"""Lines of X-Forwarded-For from the proxy, and who the client is then."""

SCHEMES = {
    "https": (["https"], "https"),
    "http": (["http"], "http"),
    "nothing": ([], "http"),
    "empty": ([""], "http"),
    "capitals": (["HTTPS"], "http"),
    "two": (["https,http"], "http"),
    "two others": (["http, https"], "http"),
    "the same twice": (["https,https"], "http"),
    "a comma": (["https,"], "http"),
    "two lines": (["http", "https"], "http"),
    "quoted": (['"https"'], "http"),
    "on": (["on"], "http"),
    "wss": (["wss"], "http"),
    "no-break space": (["https\xa0"], "http"),
}
PORTS = {"https": "8443", "http": "80"}


@pytest.fixture(scope="module")
def behind(program: Program) -> Iterator[Stage]:
    with open_stage(program, system=topology(PUBLIC)) as stage:
        yield stage


def forwarded(chain: list[str], scheme: list[str]) -> list[str]:
    return [
        *(f"X-Forwarded-For: {line}" for line in chain),
        *(f"X-Forwarded-Proto: {line}" for line in scheme),
    ]


def told(stage: Stage, lines: list[str], source: str = PROXY) -> tuple[str, str, str, str]:
    """Client, scheme, host and port as the replica is told them, each once."""
    answer = talk.request(stage.address, "/", *lines, source=source, host="tickets.example.com")
    seen = seen_headers(answer)
    values = [seen[f"x-forwarded-{name}"] for name in ("for", "proto", "host", "port")]
    assert [len(each) for each in values] == [1, 1, 1, 1]
    return tuple(value for (value,) in values)  # type: ignore[return-value]


@pytest.mark.parametrize("name", CHAINS)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(behind: Stage, name: str) -> None:
    chain, client = CHAINS[name]
    assert told(behind, forwarded(chain, ["https"]))[:2] == (client, "https")


@pytest.mark.parametrize("name", SCHEMES)
def test_the_scheme_is_one_word_and_the_port_is_that_of_the_public_address(behind: Stage, name: str) -> None:
    lines, scheme = SCHEMES[name]
    assert told(behind, forwarded([TRUE], lines)) == (TRUE, scheme, "tickets.example.com", PORTS[scheme])


def test_an_old_nginx_sees_the_first_of_two_lines(behind: Stage, program: Program) -> None:
    """Hence the proxy must set the header and not add to what a client sent, which all of them do."""
    old = program.engine == "nginx" and program.version < "1.23"
    scheme = told(behind, forwarded([TRUE], ["https", "http"]))[1]
    assert scheme == ("https" if old else "http")


@pytest.mark.parametrize("name", CHAINS)
def test_a_stranger_is_who_it_is(behind: Stage, name: str) -> None:
    lines = forwarded(CHAINS[name][0], ["https"])
    expected = (STRANGER, "http", "tickets.example.com", str(behind.address.port))
    assert told(behind, lines, source=STRANGER) == expected


def test_other_words_of_the_proxy_are_not_taken(behind: Stage) -> None:
    others = ("X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6")
    underscores = ("X_Forwarded_For: 6.6.6.6", "X_Forwarded_Proto: https")
    seen = told(behind, [*others, *underscores])
    assert seen == (PROXY, "http", "tickets.example.com", "80")


def test_a_request_id_and_the_hosts_are_as_without(behind: Stage) -> None:
    answer = talk.request(behind.address, "/", "X-Request-ID: client-chosen-1", *forwarded([TRUE], ["https"]))
    assert seen_headers(answer)["x-request-id"] == ["client-chosen-1"]
    assert talk.request(behind.address, "/", *forwarded([TRUE], ["https"]), host="evil.example").status == 0


def test_the_line_of_a_failed_request_names_the_client(behind: Stage) -> None:
    asyncio.run(behind.rotate())
    try:
        lines = forwarded([f"{LIE}, {TRUE}"], ["https"])
        assert talk.request(behind.address, "/", "X-Request-ID: of-the-client", *lines).status in (502, 503)
        assert talk.request(
            behind.address, "/", "X-Request-ID: of-a-stranger", *lines, source=STRANGER
        ).status
        assert within(2, lambda: "of-the-client" in behind.log and "of-a-stranger" in behind.log)
    finally:
        asyncio.run(behind.rotate(*behind.replicas))
    logged = [json.loads(line) for line in behind.log.splitlines() if line.startswith("{")]
    clients = {line["request_id"]: line["client"] for line in logged}
    assert (clients["of-the-client"], clients["of-a-stranger"]) == (TRUE, STRANGER)


def test_the_connections_of_a_proxy_are_not_counted(behind: Stage) -> None:
    """They are those of many clients; a stranger beside it has its share and no more."""
    share = PUBLIC.connections_per_source
    with ThreadPoolExecutor(5 * share) as clients:
        proxied = [clients.submit(slowly, behind, PROXY) for _ in range(3 * share)]
        strange = [clients.submit(slowly, behind, STRANGER) for _ in range(2 * share)]
        time.sleep(0.3)
    assert {each.result() for each in proxied} == {200}
    counted = Counter(each.result() for each in strange)
    assert counted[200] == share, counted
    assert counted[429] + counted[0] == share, counted


def slowly(stage: Stage, source: str) -> int:
    lines = forwarded([TRUE], ["https"])
    try:
        return talk.request(stage.address, "/?do=slow&seconds=1.5", *lines, source=source).status
    except ConnectionError:
        return 0


# --- each mechanism, switched off -------------------------------------------------------------

OFF = {
    "anybody is believed": {
        "haproxy": Mutation("acl front var(sess.front) -m bool", "acl front always_true"),
        "nginx": Mutation('$mainstay_front {\n    default "";', "$mainstay_front {\n    default 1;"),
    },
    "the first value is the client": {
        "haproxy": Mutation("req.hdr(x-forwarded-for,-1)", "req.hdr(x-forwarded-for,1)"),
        "nginx": Mutation("^(?:.*,)?[", "^["),
    },
    "the scheme is what somebody says": {
        "haproxy": Mutation(
            "{ req.fhdr(x-forwarded-proto) -m str https }", "{ req.fhdr(x-forwarded-proto) -m sub s }"
        ),
        "nginx": Mutation('"~^1https$" https;', '"~s" https;'),
    },
    "a proxy is counted": {
        "haproxy": Mutation("track-sc0 src unless front", "track-sc0 src"),
        "nginx": Mutation("limit_conn_zone $mainstay_source", "limit_conn_zone $binary_remote_addr"),
    },
}


@pytest.mark.parametrize("name", OFF)
def test_the_tables_can_fail(program: Program, name: str) -> None:
    with open_stage(program, system=topology(PUBLIC), mutation=OFF[name][program.engine]) as stage:
        if name == "a proxy is counted":
            with ThreadPoolExecutor(24) as clients:
                statuses = list(clients.map(lambda _: slowly(stage, PROXY), range(24)))
            assert set(statuses) != {200}
        else:
            stranger = told(stage, forwarded([TRUE], ["https"]), source=STRANGER)
            proxied = told(stage, forwarded([f"{LIE}, {TRUE}"], ["wss"]))
            assert (stranger[:2], proxied[:2]) != ((STRANGER, "http"), (TRUE, "http"))
