"""
Whose forwarding headers are believed.

The edge sets ``X-Forwarded-*`` anew on each request. From any other peer these headers
are a client's claim: they are removed, so that no code further in can believe them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from mainstay.base import environment, wire

Network = IPv4Network | IPv6Network

FORWARDED_FOR: Final = "x-forwarded-for"
FORWARDED_PROTO: Final = "x-forwarded-proto"
FORWARDED_HOST: Final = "x-forwarded-host"
FORWARDED_PREFIX: Final = "x-forwarded"
STANDARD: Final = "forwarded"

REMEMBERED = 1024
"""Peers whose verdict is kept; the edge has few addresses, an attacker many."""


@dataclass(frozen=True)
class TrustedProxies:
    """The networks from which forwarding headers are believed."""

    networks: tuple[Network, ...] = ()
    _verdicts: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def trusts(self, peer: str) -> bool:
        verdict = self._verdicts.get(peer)
        if verdict is None:
            verdict = self._judge(peer)
            if len(self._verdicts) < REMEMBERED:
                self._verdicts[peer] = verdict
        return verdict

    def client(self, peer: str, forwarded_for: str) -> str:
        """The nearest address in the chain that is no trusted proxy itself."""
        for hop in reversed([part.strip() for part in forwarded_for.split(",")]):
            if not _is_address(hop):
                break
            peer = hop
            if not self.trusts(hop):
                break
        return peer

    def _judge(self, peer: str) -> bool:
        return _is_address(peer) and any(ip_address(peer) in network for network in self.networks)


def from_environment() -> TrustedProxies:
    """
    The networks of ``MAINSTAY_TRUSTED_PROXIES``; without it nobody is trusted.

    Raises:
        InvalidInput: One of them is neither an address nor a network.
    """
    return TrustedProxies(tuple(_network(each) for each in environment.listed(wire.TRUSTED_PROXIES)))


def if_configured() -> TrustedProxies | None:
    """The same, or ``None`` where the variable is absent: then these headers are the project's affair."""
    return from_environment() if wire.TRUSTED_PROXIES in os.environ else None


def _network(value: str) -> Network:
    try:
        return ip_network(value, strict=False)
    except ValueError:
        expected = "addresses or networks, such as 127.0.0.1"
        raise environment.invalid(wire.TRUSTED_PROXIES, expected, value) from None


@lru_cache(maxsize=REMEMBERED)
def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True
