from __future__ import annotations

import json
import re
import resource
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.engines import policy

from .system import EDGE, SYSTEM, service, topology


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


# --- what stands in front ------------------------------------------------------------------


def address_in(written: str) -> str | None:
    """What the edges take a value of X-Forwarded-For for; both have the same expressions."""
    matches = [match for form in policy.HOP_FORMS if (match := re.search(form, written))]
    assert len(matches) <= 1, "a value has one meaning"
    return matches[0][1] if matches else None


@given(st.ip_addresses())
def test_every_address_is_known_in_each_of_its_spellings(address) -> None:
    for text in {str(address), address.exploded, str(address).upper()}:
        mapped = address.version == 6 and address.ipv4_mapped
        spellings = (
            [text, f"[{text}]", f"[{text}]:65535"]
            if address.version == 6
            else [text, f"{text}:1", f"::ffff:{text}"]
        )
        for spelling in spellings if not mapped else ():
            assert address_in(spelling) == text


@given(st.from_regex(rf"\A({policy.IPV6}|{policy.IPV4})\Z"))
def test_what_looks_like_an_address_is_one(text: str) -> None:
    assert ip_address(text)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            " ",
            "unknown",
            "_hidden",
            "localhost",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.04",
            "0x7f.1",
            "1.2.3.4:",
        ),
        *(
            "1.2.3.4:123456",
            "1.2.3.4:a",
            "[1.2.3.4]",
            "1.2.3.4%eth0",
            "fe80::1%eth0",
            "[::1",
            "::1]",
            "[::1]80",
            ":::",
        ),
        *(
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "::g",
            '"1.2.3.4"',
            "for=1.2.3.4",
            "1.2.3.4 ",
            "::1.2.3.4",
        ),
    ],
)
def test_what_is_no_address_is_none(written: str) -> None:
    assert address_in(written) is None


@pytest.mark.parametrize(
    ("public_url", "https", "http"),
    [("", 443, None), ("https://a", 443, 80), ("https://a:8443", 8443, 80), ("http://a:81", 443, 81)],
)
def test_the_port_is_that_of_the_scheme_by_which_a_request_came(
    public_url: str, https: int, http: int | None
) -> None:
    front = policy.Front.of(
        replace(EDGE, public_url=public_url, trusted_proxies=("10.0.0.0/8", "::1", "192.0.2.7"))
    )
    assert front
    assert (front.https_port, front.http_port) == (https, http)
    assert front.families == ((4, ("10.0.0.0/8", "192.0.2.7")), (6, ("::1",)))


def test_without_trusted_proxies_nothing_stands_in_front() -> None:
    assert policy.Front.of(replace(EDGE, public_url="http://a")) is None
