"""An origin, taken apart and written as a browser writes it."""

from __future__ import annotations

import pytest

from mainstay.ops.topology.origin import Origin


@pytest.mark.parametrize(
    ("url", "origin", "written"),
    [
        ("http://shop.example", Origin("http", "shop.example", 80), "http://shop.example"),
        ("https://shop.example:443", Origin("https", "shop.example", 443), "https://shop.example"),
        ("https://shop.example:80", Origin("https", "shop.example", 80), "https://shop.example:80"),
        ("https://[::1]", Origin("https", "[::1]", 443), "https://[::1]"),
        ("http://[::1]:8000", Origin("http", "[::1]", 8000), "http://[::1]:8000"),
    ],
)
def test_its_parts(url: str, origin: Origin, written: str) -> None:
    assert Origin.of(url) == origin
    assert str(origin) == written
