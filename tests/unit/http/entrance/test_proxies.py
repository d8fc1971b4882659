from __future__ import annotations

from ipaddress import ip_network

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.http.entrance.proxies import REMEMBERED, TrustedProxies, from_environment, if_configured

TRUSTED = TrustedProxies((ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    ("peer", "believed"),
    [("127.0.0.1", True), ("10.9.9.9", True), ("fd00::1", True), ("8.8.8.8", False), ("", False)],
)
def test_only_named_networks_are_trusted(peer: str, believed: bool) -> None:
    assert TRUSTED.trusts(peer) is believed


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("10.0.0.8, 10.0.0.7", "10.0.0.8"),
        ("nonsense", "127.0.0.1"),
        ("1.2.3.4, nonsense, 10.0.0.7", "10.0.0.7"),
        ("", "127.0.0.1"),
    ],
)
def test_client_is_the_nearest_address_that_is_no_proxy(chain: str, client: str) -> None:
    assert TRUSTED.client("127.0.0.1", chain) == client


def test_verdicts_are_kept_for_a_bounded_number_of_peers() -> None:
    trusted = TrustedProxies()
    for number in range(REMEMBERED + 100):
        trusted.trusts(f"8.8.{number // 256}.{number % 256}")
    assert len(trusted._verdicts) == REMEMBERED


def test_environment_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
    assert from_environment().trusts("10.1.1.1")
    monkeypatch.setenv("MAINSTAY_TRUSTED_PROXIES", "edge.example")
    with pytest.raises(InvalidInput, match=r"edge\.example"):
        from_environment()


def test_without_the_variable_headers_are_the_project_s_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAINSTAY_TRUSTED_PROXIES", raising=False)
    assert if_configured() is None
    monkeypatch.setenv("MAINSTAY_TRUSTED_PROXIES", "")
    assert if_configured() == TrustedProxies()
