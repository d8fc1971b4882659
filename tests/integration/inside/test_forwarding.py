"""
Forwarding headers in every disguise: address, scheme and host that Django sees never move.

Each variant is one request on the wire to a real server, with the settings of Django
that believe such headers switched on. A refusal is as good as the truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from tests.integration.inside.replica import Replica

pytestmark = [pytest.mark.timeout(300), pytest.mark.parametrize("interface", ["asgi", "wsgi"])]

LIE = "203.0.113.66"
ADDRESSES = [
    LIE, f"{LIE}, 198.51.100.7", f"198.51.100.7,{LIE}", f" {LIE} ", f"{LIE}:4711", f"{LIE}%eth0", "::1",
    "2001:db8::66", "[2001:db8::66]", "[2001:db8::66]:4711", '"[2001:db8::66]"', f"::ffff:{LIE}", f'"{LIE}"',
    "127.0.0.1", "127.0.0.1, 127.0.0.1", "10.0.0.1", "localhost", "unknown", "_hidden", "_SEVKISEK", "0", "",
    ",", f",{LIE},", f"{LIE};", f"for={LIE}", f"{LIE}\t", f"{LIE}\xa0", "\xff\xfe", "\xc3\xa9", "0x7f.1",
    "203.0.113.066", "2130706433", ",".join([LIE] * 200), "1" * 2000, "<script>", "%32%30%33", "'; DROP TABLE",
]  # fmt: skip
SCHEMES = [
    "https", "HTTPS", " https", "https ", "https,http", "http,https", "https, https", '"https"', "wss", "on",
    "1", "true", "ssl", "https\t", "https;", "javascript", "https\xa0", "htt\xc3\xa9ps",
]  # fmt: skip
HOSTS = [
    "evil.example", "evil.example:443", "EVIL.example", "evil.example, shop.example", "[2001:db8::66]:1", "",
    "evil.example\xa0", "user@evil.example", "https://evil.example/", "\xe9vil.example", "evil.example/..",
]  # fmt: skip
PORTS = ["443", "8443", "443,80", "0", "-1", "65536", "abc", ""]
FORWARDED = [
    f"for={LIE}", f"For={LIE};proto=https;host=evil.example", f'for="{LIE}:80"', 'for="[2001:db8::66]:4711"',
    "for=unknown", "for=_hidden;by=_proxy", f"for={LIE}, for=198.51.100.7", "proto=https", "host=evil.example",
    f"for={LIE};for=127.0.0.1", ";;;=,", "for=", 'for="\\"', f"FOR={LIE};PROTO=HTTPS", "for=\xff",
]  # fmt: skip
SPELLINGS = [
    str.title, str.lower, str.upper,
    lambda name: name.title().replace("-", "_"),
    lambda name: name.lower().replace("-", "_", 1),
    lambda name: name.title()[::-1].replace("-", "_", 1)[::-1],
]  # fmt: skip
OTHERS = {
    "X-Forwarded": [f"for={LIE}"], "X-Forwarded-Ssl": ["on", "On"], "X-Forwarded-Scheme": ["https"],
    "X-Forwarded-Protocol": ["https", "ssl"], "X-Forwarded-Prefix": ["/evil", "/../", "//evil.example"],
    "X-Forwarded-Server": ["evil.example"], "X-Forwarded-By": [LIE], "X-Forwarded-Uri": ["/admin/"],
    "X-Real-Ip": [LIE], "X-Client-Ip": [LIE], "True-Client-Ip": [LIE], "Cf-Connecting-Ip": [LIE],
    "Client-Ip": [LIE], "Remote-Addr": [LIE, "127.0.0.1"], "Remote_Addr": [LIE], "X-Original-Host": ["evil.example"],
    "X-Host": ["evil.example"], "X-Scheme": ["https"], "X-Url-Scheme": ["https"], "Front-End-Https": ["on"],
    "Https": ["on"], "Server-Name": ["evil.example"], "Server-Port": ["443"], "Script-Name": ["/evil"],
    "Wsgi.Url-Scheme": ["https"], "Wsgi.Url_Scheme": ["https"], "Http-Host": ["evil.example"],
    "Http-X-Forwarded-For": [LIE], "Proxy": ["evil.example"], "Via": ["1.1 evil.example"],
}  # fmt: skip


def variants() -> Iterator[list[str]]:
    """Header lines as a client might send them."""
    for value in ADDRESSES:
        yield [f"X-Forwarded-For: {value}"]
    for value in SCHEMES:
        yield [f"X-Forwarded-Proto: {value}"]
    for value in HOSTS:
        yield [f"X-Forwarded-Host: {value}"]
    for value in PORTS:
        yield [f"X-Forwarded-Port: {value}"]
    for value in FORWARDED:
        yield [f"Forwarded: {value}"]
    known = {"x-forwarded-for": LIE, "x-forwarded-proto": "https", "x-forwarded-host": "evil.example",
             "x-forwarded-port": "443", "forwarded": f"for={LIE};proto=https"}  # fmt: skip
    for (name, value), spell in product(known.items(), SPELLINGS):
        yield [f"{spell(name)}: {value}"]
        yield [f"{spell(name)}: {value}", f"{name}: {value}"]
        yield [f"{name}: 198.51.100.9", f"{spell(name)}:{value}", f"{spell(name)}: {value}"]
    for name, value in known.items():
        for odd in (
            f"{name} ",
            f" {name}",
            f"{name}\t",
            f"{name}\x0b",
            f"\xff{name}",
            f"{name}\x00",
            f"{name}\xa0",
        ):
            yield [f"{odd}: {value}"]
        for odd in (f"{value}\x00", f"\x00{value}", f"{value}\x0b", f"{value}\r", f"{value}\x7f"):
            yield [f"{name}: {odd}"]
        yield [f"X-Harmless: a\r\n {name}: {value}"]
        yield [f"X-Harmless: a\n{name}: {value}"]
    for name, values in OTHERS.items():
        for value in values:
            yield [f"{name}: {value}"]
    yield [f"{name}: {value}" for name, value in known.items()]
    yield [f"X-Forwarded-For: {LIE}"] * 50


VARIANTS = list(variants())
TRUE_CLIENT = "198.51.100.200"


def as_proxied(lines: list[str]) -> list[str]:
    """
    What a trusted proxy makes of them that appends addresses and sets scheme, host and port anew.

    It drops names with an underscore, as both edges and nginx by default do: granian hands a
    request on as CGI variables, in which X_Forwarded_For and X-Forwarded-For are one name. A
    line feed alone ends a line for it as it does for granian.
    """
    anew = ("x-forwarded-proto:", "x-forwarded-host:", "x-forwarded-port:")
    whole = [line for each in lines for line in each.split("\n") if "_" not in line.partition(":")[0]]
    kept = [line for line in whole if not line.lower().strip().startswith(anew)]
    return [
        *kept,
        f"X-Forwarded-For: {TRUE_CLIENT}",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: shop.example",
        "X-Forwarded-Port: 80",
    ]


def ask(replica: Replica, lines: list[str]) -> tuple[int, dict[str, str]]:
    head = "\r\n".join(["GET /who/ HTTP/1.1", "Host: shop.example", "Connection: close", *lines, "", ""])
    answer = replica.raw(head.encode("latin-1"))
    status = int(answer.split(b" ", 2)[1]) if answer else 0
    _, _, body = answer.partition(b"\r\n\r\n")
    return status, json.loads(body) if status == 200 else {}


def moved(replica: Replica, change: Callable[[list[str]], list[str]], expected: dict) -> tuple[list, int]:
    """The variants under which Django saw anything but the truth, and how many were answered."""
    wrong, answered = [], 0
    for lines in VARIANTS:
        status, seen = ask(replica, change(lines))
        answered += status == 200
        if status not in (0, 200, 400, 431) or (seen and {key: seen[key] for key in expected} != expected):
            wrong.append((lines, status, seen))
    return wrong, answered


def test_the_table_is_long_and_has_no_line_twice(interface: str) -> None:
    assert len({tuple(lines) for lines in VARIANTS}) >= 200


def test_a_stranger_moves_nothing(start, interface: str) -> None:
    replica = start(interface, MAINSTAY_TRUSTED_PROXIES="10.0.0.0/8", SHOP_BELIEVES="1")
    truth = {"client": "127.0.0.1", "scheme": "http", "host": "shop.example", "forwarded": []}
    wrong, answered = moved(replica, list, truth)
    assert wrong == []
    assert answered > 150  # else the table shows only that nonsense is refused


def test_through_a_trusted_proxy_a_client_moves_nothing(start, interface: str) -> None:
    replica = start(interface, SHOP_BELIEVES="1")
    truth = {"client": TRUE_CLIENT, "scheme": "http", "host": "shop.example"}
    wrong, answered = moved(replica, as_proxied, truth)
    assert wrong == []
    assert answered > 150


def test_the_table_can_see_a_hole(start, interface: str) -> None:
    """Without the variable these headers are the project's affair, and this project believes them."""
    replica = start(interface, MAINSTAY_TRUSTED_PROXIES="127.0.0.1", SHOP_BELIEVES="1")
    wrong, _ = moved(replica, list, {"client": "127.0.0.1", "scheme": "http"})
    assert len(wrong) > 10
