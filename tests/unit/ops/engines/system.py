"""A declared system for the edges: three services, one of them called by others only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mainstay.ops.engines.engine import Address, Backend, Node
from mainstay.ops.engines.policy import Room
from mainstay.ops.topology.values import Edge, Engines, Service, Timeouts, Topology

EDGE = Edge(
    host="127.0.0.1",
    port=8000,
    engine="auto",
    program="",
    hosts=("localhost", "127.0.0.1", "[::1]", "Tickets.Example.com"),
    max_body=10 << 20,
    max_header=16 << 10,
    max_connections=4096,
    connections_per_source=256,
)


def service(name: str, *routes: str, static_url: str = "/static/") -> Service:
    return Service(
        name=name,
        root=Path(name),
        settings="",
        application="",
        interface="asgi",
        manage=Path("manage.py"),
        kinds=(),
        routes=routes,
        needs=(),
        calls=(),
        consumes=(),
        pool=5,
        threads=1,
        migrate=True,
        prepare=(),
        env={},
        python="",
        static_url=static_url,
    )


def topology(*services: Service) -> Topology:
    return Topology("shop", Path("mainstay.toml"), EDGE, services, Engines(), Timeouts())


SYSTEM = topology(
    service("catalog", "/", "/ws/"),
    service("orders", "/api/orders/", static_url="/static/orders/"),
    service("payments"),
)
BEHIND = replace(
    SYSTEM,
    edge=replace(
        EDGE,
        public_url="https://tickets.example.com",
        trusted_proxies=("10.0.0.0/8", "192.0.2.7", "2001:db8::/32"),
    ),
)
"""The same with something in front of its edge."""
ROOM = Room(connections=4096, threads=2)
MONITOR = Address("127.0.0.1", 4002)
NODE = replace(
    Node("edge.1", Path("/state/edge.1"), Address("127.0.0.1", 8000), MONITOR),
    inside={"payments": Address("127.0.0.1", 4003), "orders": Address("127.0.0.1", 4004)},
)
BACKENDS = (
    Backend("catalog.web.1.g1", "catalog", Address("127.0.0.1", 5001)),
    Backend("catalog.web.2.g1", "catalog", Address("127.0.0.1", 5002)),
    Backend("orders.web.1.g3", "orders", Address("::1", 5003)),
)
