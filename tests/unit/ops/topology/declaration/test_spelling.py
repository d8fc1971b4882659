"""What a name, a path or an address looks like, at its edges: these end up in files, URLs and command lines."""

from __future__ import annotations

import pytest

from mainstay.base.shapes import Spot, Text
from mainstay.ops.topology.declaration import spelling

WRITTEN = {
    "NAME": (["a", "web-1", "a_b", "a" * 40], ["", "A", "1a", "-a", "a.b", "a/b", "a b", "a" * 41, "é"]),
    "MODULE": (["shop", "shop.settings", "_a.b2"], ["", ".a", "a.", "a..b", "a-b", "a b", "a" * 401]),
    "APPLICATION": (["a:b", "shop.asgi:application"], ["", "a", "a:", ":b", "a:b:c", "a:b.c", "a: b"]),
    "PATH": ([".", "../a b", "/x/ü", "a" * 400], ["", "a\nb", "a\x00", "\x7f", "a" * 401]),
    "LINE": (["celery -A shop beat", "a\tb"], ["", " ", "\t", "a\nb", "a\rb", "a\x00", "a\x1bb"]),
    "PREFIX": (["/", "/api/", "/a/b~1/"], ["", "api/", "/api", "//", "/a//b/", "/a b/", "/a?/", "/a%2f/"]),
    "HOST": (["a", "a.example", "10.0.0.1", "[::1]"], ["", "-a", "a-", "a:80", "http://a", "*.a", "::1"]),
    "LISTEN": (["127.0.0.1", "::", "localhost"], ["", "[::1]", "shop:80", "a_b", "1.2.3.4:80", "a b"]),
    "ORIGIN": (
        [
            "http://a",
            "https://a.example",
            "https://a-b.example:8443",
            "http://10.0.0.1:80",
            "https://[::1]:1",
        ],
        [
            *(
                "",
                "a.example",
                "//a",
                "ftp://a",
                "HTTPS://a",
                "https://A",
                "https:a",
                "https://",
                "https://a/",
            ),
            *(
                "https://a/b",
                "https://a?b",
                "https://a#b",
                "https://u@a",
                "https://u:p@a",
                "https://a:",
                "https://a:0",
            ),
            *(
                "https://a:65536",
                "https://a:80a",
                "https://-a",
                "https://a b",
                "https://*.a",
                "https://a\n",
                "https://::1",
            ),
        ],
    ),
    "NETWORK": (
        ["10.0.0.0/8", "192.0.2.7", "::1", "2001:DB8::/32"],
        ["", "proxy", "10.0.0.0/", "10.0.0.0/8 ", "[::1]", "fe80::1%eth0", "10.0.0.1,10.0.0.2", "a;b"],
    ),
    "WORDS": (["all of it", "é"], ["", "   ", "a\nb", "a\tb", "\x7f"]),
    "TOPIC": (["orders.order_placed", "a.b.c"], ["", "orders", "orders.", ".a", "Orders.a", "a.b*", "a.>"]),
    "VARIABLE": (["A", "_a1"], ["", "1A", "A-B", "A=B", "A B"]),
    "WEBHOOK": (["http://a", "https://a/b?c"], ["", "ftp://a", "http://", "http://a b", "http://a\n"]),
}


def _reads(name: str, text: str) -> bool:
    shape: Text = getattr(spelling, name)
    spot = Spot("t", "t")
    return shape.read(text, spot) is not None and not spot.problems


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, (good, _) in WRITTEN.items() for text in good]
)
def test_what_people_write_is_taken(name: str, text: str) -> None:
    assert _reads(name, text)


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, (_, bad) in WRITTEN.items() for text in bad]
)
def test_what_would_mean_something_else_further_on_is_refused(name: str, text: str) -> None:
    assert not _reads(name, text)


def test_no_spelling_is_left_out() -> None:
    assert set(WRITTEN) == {name for name, value in vars(spelling).items() if isinstance(value, Text)}
