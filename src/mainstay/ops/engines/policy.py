"""
What every edge promises, whatever the program: which paths are hidden, which headers
are dropped, how an error looks, which request may be repeated.

Pure values and texts; `haproxy` and `nginx` say the same things in their own words, and
one conformance suite holds both to them.
"""

from __future__ import annotations

import json
import os
import resource
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mainstay.base import problempage, wire
from mainstay.base.problemtypes import ProblemType, of_status, uri
from mainstay.ops.topology.origin import PORTS, Origin
from mainstay.ops.topology.values import Edge, Service, Topology

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
"""Repeated after a broken connection; any other method only with an Idempotency-Key."""

REQUEST_ID = "^[A-Za-z0-9-]{8,64}$"
"""A request id from outside is kept when it looks like this, else replaced."""

HEADER_SECONDS = 5.0
"""Most seconds for a whole request head; one packet is enough for nearly all of them."""

KEEP_ALIVE_SECONDS = 30
"""How long an idle client connection is kept."""

BACKEND_IDLE_SECONDS = 4
"""
How long an idle connection to a replica is kept.

Far below what the replicas keep: whoever closes first must be the
edge, or a request is sent into a connection that is just going away.
"""

STREAM_SECONDS = 3600
"""How long a WebSocket or an event stream may stay silent."""

COMPRESSED_TYPES = (
    "text/html",
    "text/css",
    "text/plain",
    "text/xml",
    "text/javascript",
    "application/javascript",
    "application/json",
    "application/problem+json",
    "application/xml",
    "image/svg+xml",
)
"""Never ``text/event-stream``: a compressor would hold events back."""

# --- paths that are never routed --------------------------------------------------------


def _words(*paths: str) -> str:
    return "|".join(path.strip("/") for path in paths)


HIDDEN = (
    rf"^[/\\]+({_words(*wire.INTERNAL_PATHS)})(;[^/\\]*)?[/\\]*$"
    rf"|^[/\\]+({_words(wire.INTERNAL_PREFIX, wire.ADMIN_PREFIX)})(;[^/\\]*)?([/\\]|$)"
)
"""A replica's own paths, as a regular expression over the decoded path, upper and lower case alike."""

DOTTED = r"[/\\]\.\.?([/\\;]|$)"
"""A path with ``.`` or ``..`` as a segment: clients resolve those themselves, so it is a spelling trick."""

DOTTED_RAW = r"^[^?]*(/|%2f|\\|%5c)(\.|%2e){1,2}(/|%2f|\\|%5c|;|%3b|\?|$)"
"""The same over the path as it was sent, for a program that resolves it before it can be looked at."""

# --- headers that are never believed -----------------------------------------------------

UNTRUSTED_NAMES = (
    "Forwarded",
    "X-Forwarded",
    "X-Forwarded-By",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-For-Original",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Uri",
    "X-Forwarded-User",
    "X-Forward-For",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Original-Remote-Addr",
    "X-Original-URI",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Remote-Addr",
    "X-Remote-IP",
    "X-Remote-User",
    "X-Proxy-User-IP",
    "X-ProxyUser-Ip",
    "X-Host",
    "X-HTTP-Host-Override",
    "X-Scheme",
    "X-Url-Scheme",
    "X-Envoy-External-Address",
    "X-Azure-ClientIP",
    "X-Azure-SocketIP",
    "X-Appengine-User-IP",
    "Client-IP",
    "True-Client-IP",
    "Fastly-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "CF-Pseudo-IPv4",
    "CF-Visitor",
    "Akamai-Origin-Hop",
    "Front-End-Https",
    "Remote-Addr",
    "Remote-User",
    "Proxy",
    "Via",
    wire.INTERNAL_HEADER,
)
"""Spelled out for a program that cannot delete headers by pattern."""

UNTRUSTED_PREFIXES = (
    "forwarded",
    "x-forward",
    "x-original-",
    "x-rewrite-",
    "x-real-",
    "x-client-",
    "x-cluster-",
    "x-remote-",
    "x-proxy",
    "x-envoy-",
    "x-azure-",
    "x-appengine-",
    "fastly-client-",
    "true-client-",
    "cf-",
    "akamai-",
    "remote-",
    "mainstay-internal-",
)
"""Families of the names above, for a program that can."""

_OTHERS = [name.lower() for name in UNTRUSTED_NAMES if not name.lower().startswith(UNTRUSTED_PREFIXES)]
UNTRUSTED = rf"^({'|'.join(UNTRUSTED_PREFIXES)})|^({'|'.join(_OTHERS)})$|_"
"""Both as one expression over lower-case names; ``_`` because CGI-like gateways read it as ``-``."""

# --- what a proxy in front is believed ----------------------------------------------------

HOPS = 5
"""
Most addresses of X-Forwarded-For that are looked at, from the right.

Each but the last must be a trusted proxy's, and nobody has more of these in a row: a network of caches has two, then
comes a load balancer, then a proxy on the same machine. The edges walk without loops, so each costs them a few rules.
"""

_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"({_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE})"
"""Without zeros in front, which some programs read as octal."""

_GROUP = "[0-9a-fA-F]{1,4}"
IPV6 = "(" + "|".join(
    (
        rf"({_GROUP}:){{7}}{_GROUP}",
        rf"({_GROUP}:){{1,7}}:",
        *(rf"({_GROUP}:){{1,{7 - more}}}(:{_GROUP}){{1,{more}}}" for more in range(1, 7)),
        rf":(:{_GROUP}){{1,7}}",
        "::",
    )
) + ")"  # fmt: skip
"""Without a zone, and without an IPv4 address at its end; one that only maps IPv4 is taken for that."""

_PORT = "(:[0-9]{1,5})?"
HOP_FORMS = (
    rf"^{IPV4}{_PORT}$",
    rf"^::[fF]{{4}}:{IPV4}$",
    rf"^\[::[fF]{{4}}:{IPV4}\]{_PORT}$",
    rf"^{IPV6}$",
    rf"^\[{IPV6}\]{_PORT}$",
)
"""
How proxies write an address; the first group is the address. Whatever looks otherwise is none, and ends the walk.

Load balancers of Azure and AWS may add a port; what listens on IPv6 for both writes ``::ffff:192.0.2.7``.
"""


@dataclass(frozen=True, slots=True)
class Front:
    """What stands in front of an edge."""

    proxies: tuple[str, ...]
    """Networks; from these peers, and only these, scheme and client are believed."""
    https_port: int
    http_port: int | None
    """The port of a request that came to the proxy by http; ``None``: that of the edge."""

    @property
    def families(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """The networks by the version of the protocol, without a version that has none."""
        both = (
            (version, tuple(each for each in self.proxies if _version(each) == version)) for version in (4, 6)
        )
        return tuple((version, networks) for version, networks in both if networks)

    @classmethod
    def of(cls, edge: Edge) -> Front | None:
        """``None`` where nobody is trusted."""
        if not edge.trusted_proxies:
            return None
        # A request by the other scheme came in by that one's usual port.
        ports = {**PORTS} if edge.public_url else {"https": PORTS["https"]}
        if edge.public_url:
            origin = Origin.of(edge.public_url)
            ports[origin.scheme] = origin.port
        return cls(edge.trusted_proxies, ports["https"], ports.get("http"))


def _version(network: str) -> int:
    return 6 if ":" in network else 4


# --- errors the edge itself answers with ------------------------------------------------

PERSON = "text/html"
"""A caller whose Accept has this gets a page …"""
PROGRAM = "json"
"""… unless it has this as well: an edge cannot weigh the two as a process does."""


@dataclass(frozen=True, slots=True)
class Page:
    """A small answer: ``application/problem+json`` (RFC 9457) for programs, HTML for people."""

    kind: ProblemType
    retry_after: int = 0

    @property
    def status(self) -> int:
        return self.kind.status

    def problem(self, request_id: str) -> str:
        """The JSON; ``request_id`` is how the program writes the id of the request."""
        members = {"type": uri(self.kind.slug), "title": self.kind.title, "status": self.status}
        return json.dumps({**members, "detail": self.kind.detail, "request_id": request_id})

    def html(self, request_id: str) -> str:
        """The page, on one line."""
        shown = problempage.render(self.kind.title, self.kind.detail, request_id).decode()
        return shown.replace("\n", "")


RETRIED = {429: 1, 502: 1, 503: 1}
"""Seconds of Retry-After by status."""

PAGES = {
    status: Page(of_status(status), RETRIED.get(status, 0))
    for status in (400, 403, 404, 408, 413, 429, 431, 500, 502, 503, 504)
}

# --- where requests go -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """Requests for ``base`` and for everything below it go to a service; ``base`` is empty for ``/``."""

    base: str
    service: str


def routes(topology: Topology) -> tuple[Route, ...]:
    """
    Every route, the longest prefix first.

    The prefix of a service's static files counts as one of its routes when no other
    service has the same.
    """
    routed = [service for service in topology.services if service.routes]
    found = {route: service.name for service in routed for route in service.routes}
    for prefix, name in _own_static_files(routed):
        found.setdefault(prefix, name)
    ordered = sorted(found, key=lambda route: (-len(route), route))
    return tuple(Route(route.rstrip("/"), found[route]) for route in ordered)


def _own_static_files(services: list[Service]) -> Iterator[tuple[str, str]]:
    users = Counter(service.static_url for service in services)
    return ((each.static_url, each.name) for each in services if users[each.static_url] == 1)


def hosts(topology: Topology) -> tuple[str, ...]:
    """The names a Host header may carry, in lower case and without a port."""
    return tuple(dict.fromkeys(host.lower() for host in topology.edge.hosts))


# --- what this machine allows -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Room:
    """How much of the machine an edge may use."""

    connections: int
    """Client connections at once: what was asked for, or what the limit on open files leaves."""
    threads: int

    @property
    def descriptors(self) -> int:
        """Open files that many clients need: two each, and some for everything else."""
        return 2 * self.connections + 128

    @classmethod
    def here(cls, wanted: int) -> Room:
        """
        Ask this machine.

        A client connection costs two descriptors, one on each side; a program that is
        promised more than it can open accepts clients and then cannot serve them.
        """
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        possible = wanted if most == resource.RLIM_INFINITY else (most - 256) // 2
        return cls(max(16, min(wanted, possible)), max(1, min(os.cpu_count() or 1, 4)))
