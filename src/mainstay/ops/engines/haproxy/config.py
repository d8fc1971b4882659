"""The configuration of HAProxy, as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mainstay.base import wire
from mainstay.ops.engines import policy
from mainstay.ops.engines.engine import Address, Backend, Node
from mainstay.ops.engines.text import render
from mainstay.ops.topology.values import Topology

SOCKET = "admin.sock"
"""Name of the admin socket in the node's folder, which is also the working directory."""

SERVER_WORDS = "pool-purge-delay 2s"
"""
What every replica gets, in the file and in ``add server``, which inherits no defaults.

No health check: the supervisor asks the replicas and says so by `set_down`. It can tell
a frozen process from a slow one, and knows when the last one is about to go; a check
with a time limit takes a busy fleet out one by one.
"""

CONNECT = 0.25
"""Seconds until a replica on the same machine must have accepted; a full backlog counts as no answer."""

CHUNKED_BODY = 32 * 1024
"""Most bytes of a body that comes without Content-Length."""

HARD_STOP = 3.0
"""Seconds that requests under way get when the edge stops."""

ID = "~id~"
"""Marks the place of the request's id in a page."""

LOG_FIELDS = {
    "time": "%Ts.%ms",
    "client": '"%ci"',
    "service": '"%b"',
    "replica": '"%s"',
    "method": '"%[capture.req.method,json(utf8s)]"',
    "path": '"%[capture.req.uri,field(1,?),json(utf8s)]"',
    "status": "%ST",
    "ms": "%Ta",
    "retries": '"%rc"',
    "state": '"%tsc"',
    "request_id": '"%[var(txn.id)]"',
}
"""Names and HAProxy's own words of one log line; no query string, which may hold secrets."""


@dataclass(frozen=True, slots=True)
class Group:
    """A service and the replicas that are in rotation."""

    name: str
    backends: tuple[Backend, ...]


def text(
    topology: Topology,
    node: Node,
    monitor: Address,
    room: policy.Room,
    backends: tuple[Backend, ...],
    down: frozenset[str],
) -> str:
    """The whole file."""
    front = policy.Front.of(topology.edge)
    return render(
        "haproxy.cfg.j2",
        **_limits(topology),
        **_words(),
        **_in_front(front),
        public=node.address,
        monitor=monitor,
        inside=sorted(node.inside.items()),
        room=room,
        hosts=" ".join(word(host) for host in policy.hosts(topology)),
        routes=policy.routes(topology),
        services=groups(topology, backends),
        down=down,
    )


def _in_front(front: policy.Front | None) -> Mapping[str, object]:
    fields = {**LOG_FIELDS, "client": '"%[var(txn.client)]"'} if front else LOG_FIELDS
    address = argument(r"\1")
    return {
        "front": front,
        "address": f"^({policy.IPV4}|{policy.IPV6})$",
        "hop": {4: f"^{policy.IPV4}$", 6: f"^{policy.IPV6}$"},
        # As HAProxy writes the peer of a listener for both families.
        "peer": {4: f"^(::ffff:)?{policy.IPV4}$", 6: f"^{policy.IPV6}$"},
        "hops": range(1, policy.HOPS + 1),
        "canonical": "".join(f",regsub({argument(form)},{address})" for form in policy.HOP_FORMS),
        "log_format": "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}",
    }


def groups(topology: Topology, backends: tuple[Backend, ...]) -> tuple[Group, ...]:
    names = [service.name for service in topology.services]
    return tuple(Group(name, tuple(each for each in backends if each.service == name)) for name in names)


def _limits(topology: Topology) -> Mapping[str, object]:
    edge, timeouts = topology.edge, topology.timeouts
    chunked = min(CHUNKED_BODY, edge.max_body)
    return {
        "max_body": edge.max_body,
        "max_header": edge.max_header,
        "per_source": edge.connections_per_source,
        "chunked_body": chunked,
        # Head and chunked body share one buffer; the rest is what HAProxy keeps for rewriting.
        "buffer": edge.max_header + chunked + 8192,
        "connect": milliseconds(min(CONNECT, timeouts.connect)),
        "edge": milliseconds(timeouts.edge),
        "header": milliseconds(min(policy.HEADER_SECONDS, timeouts.request)),
        "body_time": milliseconds(timeouts.request),
        "deadline": milliseconds(timeouts.request),
        "hard_stop": milliseconds(HARD_STOP),
    }


def _words() -> Mapping[str, object]:
    return {
        "word": word,
        "listen": listen,
        "socket": SOCKET,
        "server_words": SERVER_WORDS,
        "safe_methods": " ".join(policy.SAFE_METHODS),
        "idempotency_key": wire.IDEMPOTENCY_KEY,
        "request_id_header": wire.REQUEST_ID,
        "request_id": policy.REQUEST_ID,
        "deadline_header": wire.DEADLINE,
        "keep_alive": policy.KEEP_ALIVE_SECONDS,
        "stream_seconds": policy.STREAM_SECONDS,
        "compressed_types": " ".join(policy.COMPRESSED_TYPES),
        "dotted": policy.DOTTED,
        "hidden": policy.HIDDEN,
        "untrusted": policy.UNTRUSTED,
        "person": policy.PERSON,
        "program": policy.PROGRAM,
        "body": body,
        "too_long": policy.PAGES[431],
        # HAProxy has no page of its own for 431; a rule answers it.
        "error_pages": [page for page in policy.PAGES.values() if page.status != 431],
    }


def body(page: policy.Page) -> str:
    """
    A page's text, as a log format that chooses between its two forms and puts the request's id in.

    https://docs.haproxy.org/2.8/configuration.html#7.3.1-iif
    """
    pieces = zip(page.html(ID).split(ID), page.problem(ID).split(ID), strict=True)
    chosen = (f"%[var(txn.page,0),bool,iif({argument(html)},{argument(json)})]" for html, json in pieces)
    return "%[var(txn.id,)]".join(chosen)


def argument(text: str) -> str:
    """An argument of a converter, inside strong quotes of the configuration language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def word(text: str) -> str:
    """
    One word of the configuration language, outside quotes.

    https://docs.haproxy.org/2.8/configuration.html#2.2
    """
    return re.sub(r"""([\\"'# \t])""", r"\\\1", text)


def listen(address: Address) -> str:
    return f"[{address.host}]:{address.port}" if ":" in address.host else str(address)


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
