"""The configuration of nginx, as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mainstay.base import wire
from mainstay.base.problemtypes import MEDIA_TYPE
from mainstay.ops.engines import policy
from mainstay.ops.engines.engine import Address, Backend, File, Node
from mainstay.ops.engines.text import render
from mainstay.ops.topology.values import Topology

SETTLE = 1.0
"""
Seconds for which a client connection that was just used survives a reload.

For as long the old workers may still take a request on such a connection, so this is
also how long a change may take to be wholly true.
"""

SHUTDOWN = 60
"""Seconds after which an old worker gives up the sockets and long answers that it still has."""

LOG_FIELDS = {
    "time": "$msec",
    "client": '"$remote_addr"',
    "service": '"$proxy_host"',
    "replica": '"$upstream_addr"',
    "method": '"$mainstay_method"',
    "path": '"$mainstay_path"',
    "status": "$status",
    "seconds": "$request_time",
    "state": '"$upstream_status"',
    "request_id": '"$mainstay_request_id"',
}
"""Names and nginx's own variables of one log line; no query string, which may hold secrets."""


@dataclass(frozen=True, slots=True)
class Group:
    """A service and the replicas that get its requests."""

    name: str
    live: tuple[Backend, ...]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What changes while nginx runs."""

    backends: tuple[Backend, ...] = ()
    down: frozenset[str] = frozenset()
    generation: int = 0
    """Rises with every change; the monitor listener tells which one is served."""

    def live(self, service: str) -> tuple[Backend, ...]:
        """The replicas of a service that answer."""
        return tuple(each for each in self.backends if each.service == service and each.name not in self.down)


def files(
    topology: Topology,
    node: Node,
    monitor: Address,
    room: policy.Room,
    features: frozenset[str],
    rotation: Rotation,
) -> tuple[File, ...]:
    """The main file, and what several of its places include."""
    services = [Group(service.name, rotation.live(service.name)) for service in topology.services]
    routes = policy.routes(topology)
    front = policy.Front.of(topology.edge)
    main = render(
        "nginx.conf.j2",
        **_limits(topology),
        **_words(),
        **_seen(front),
        public=node.address,
        monitor=monitor,
        inside=sorted(node.inside.items()),
        room=room,
        features=features,
        hosts=escaped("|".join(re.escape(host) for host in policy.hosts(topology))),
        routes=routes,
        catches_all=any(not route.base for route in routes),
        routed=sorted({route.service for route in routes}),
        services=services,
        by_name={service.name: service for service in services},
        generation=rotation.generation,
        metrics=metrics(rotation, features),
    )
    return (File("nginx.conf", main), *_included(features), *_in_front(front))


def _seen(front: policy.Front | None) -> Mapping[str, object]:
    """The variables that hold what is true of a request: of its connection, or what the proxy in front says."""
    by_connection = {"client": "$remote_addr", "scheme": "http", "port": "$server_port"}
    by_proxy = {"client": "$mainstay_client", "scheme": "$mainstay_scheme", "port": "$mainstay_port"}
    seen = by_proxy if front else by_connection
    fields = {**LOG_FIELDS, "client": f'"{seen["client"]}"'}
    return {
        "front": front,
        "seen": seen,
        "source": "$mainstay_source" if front else "$binary_remote_addr",
        "log_format": "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}",
    }


def _in_front(front: policy.Front | None) -> tuple[File, ...]:
    if front is None:
        return ()
    hops = range(1, policy.HOPS + 1)
    forms = [escaped(form.replace("(", "(?<mainstay_address>", 1)) for form in policy.HOP_FORMS]
    return (File("front.conf", render("nginx-front.conf.j2", front=front, hops=hops, forms=forms)),)


def _included(features: frozenset[str]) -> tuple[File, ...]:
    pages = tuple(policy.PAGES.values())
    return (
        File("errors.conf", render("nginx-errors.conf.j2", pages=pages)),
        File(
            "pages.conf",
            render("nginx-pages.conf.j2", pages=pages, forms=forms, request_id_header=wire.REQUEST_ID),
        ),
        File(
            "untrusted.conf",
            render(
                "nginx-untrusted.conf.j2",
                features=features,
                untrusted=policy.UNTRUSTED_NAMES,
                untrusted_prefixes=policy.UNTRUSTED_PREFIXES,
            ),
        ),
    )


def _limits(topology: Topology) -> Mapping[str, object]:
    edge, timeouts = topology.edge, topology.timeouts
    return {
        "max_body": edge.max_body,
        "max_header": edge.max_header,
        "per_source": edge.connections_per_source,
        "connect": milliseconds(timeouts.connect),
        "edge": milliseconds(timeouts.edge),
        "header": milliseconds(min(policy.HEADER_SECONDS, timeouts.request)),
        "body_time": milliseconds(timeouts.request),
        "deadline": milliseconds(timeouts.request),
    }


def _words() -> Mapping[str, object]:
    return {
        "listen": listen,
        "places": places,
        "request_id_header": wire.REQUEST_ID,
        "request_id": policy.REQUEST_ID,
        "idempotency_key": wire.IDEMPOTENCY_KEY,
        "deadline_header": wire.DEADLINE,
        "keep_alive": policy.KEEP_ALIVE_SECONDS,
        "backend_idle": policy.BACKEND_IDLE_SECONDS,
        "stream_seconds": policy.STREAM_SECONDS,
        "compressed_types": " ".join(kind for kind in policy.COMPRESSED_TYPES if kind != "text/html"),
        "hidden": escaped(policy.HIDDEN),
        "dotted": escaped(policy.DOTTED_RAW),
        "person": policy.PERSON,
        "program": policy.PROGRAM,
        "settle": milliseconds(SETTLE),
        "shutdown": SHUTDOWN,
    }


def metrics(rotation: Rotation, features: frozenset[str]) -> str:
    """What nginx can tell of itself, as Prometheus text; without ``stub_status`` it counts no connections."""
    lines = [
        "# TYPE mainstay_edge_generation gauge",
        f"mainstay_edge_generation {rotation.generation}",
        "# TYPE mainstay_edge_replicas gauge",
        f"mainstay_edge_replicas {len(rotation.backends)}",
    ]
    if "stub_status" in features:
        lines.append("# TYPE mainstay_edge_connections gauge")
        lines += [
            f'mainstay_edge_connections{{state=\\"{state}\\"}} $connections_{state}'
            for state in ("active", "reading", "writing", "waiting")
        ]
    return "".join(f"{line}\\n" for line in lines)


def forms(page: policy.Page) -> tuple[tuple[str, str, str], ...]:
    """
    The two forms of a page: how its name ends, its type, its text.

    Not ``.html``: nginx would take the type from that, without a charset.
    """
    request_id = "$mainstay_request_id"
    return (
        ("", MEDIA_TYPE, page.problem(request_id)),
        ("-page", '"text/html; charset=utf-8"', page.html(request_id)),
    )


def places(route: policy.Route) -> tuple[str, ...]:
    """
    The ``location`` blocks of a route: the prefix below its slash, and the prefix itself.

    Without the second, nginx would answer a request for the prefix with a redirect of
    its own.
    """
    if not route.base:
        return ("/",)
    return (quoted(route.base + "/"), "= " + quoted(route.base))


def quoted(text: str) -> str:
    return '"' + escaped(text) + '"'


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def listen(address: Address) -> str:
    return f"[{address.host}]:{address.port}" if ":" in address.host else str(address)


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
