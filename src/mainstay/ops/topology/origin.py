"""What an origin, such as ``https://tickets.example.com:8443``, consists of."""

from __future__ import annotations

from dataclasses import dataclass

PORTS = {"http": 80, "https": 443}
"""Ports that a browser leaves out of the origin it sends (https://fetch.spec.whatwg.org/#origin-header)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who serves, as a browser names it."""

    scheme: str
    host: str
    """An IPv6 address is in brackets."""
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """
        The parts of a text that is spelled as `declaration.spelling.ORIGIN` wants it.

        Not by `urllib`, which raises for brackets around what is no address: that is for a check to say.
        """
        scheme, _, place = url.partition("://")
        host, colon, port = place.rpartition(":")
        if not colon or place.endswith("]"):
            host, port = place, ""
        return cls(scheme, host, int(port) if port else PORTS[scheme])

    def __str__(self) -> str:
        """As a browser writes it, which is what Django compares with."""
        own = f":{self.port}" if self.port != PORTS[self.scheme] else ""
        return f"{self.scheme}://{self.host}{own}"
