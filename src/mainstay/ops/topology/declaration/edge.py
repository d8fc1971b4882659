"""What ``[edge]`` may say: the proxy in front, what it listens on, how much it takes."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.containers import ListOf
from mainstay.base.schema import key
from mainstay.base.shapes import Choice, Integer, Size
from mainstay.base.units import GIB, MIB
from mainstay.ops.topology.declaration.program import FOUND, PORT, PROGRAM
from mainstay.ops.topology.declaration.spelling import HOST, LISTEN, NETWORK, ORIGIN, PATH
from mainstay.ops.topology.values import EdgeEngine


@dataclass(frozen=True, slots=True)
class EdgeTable:
    host: str = key(
        LISTEN,
        "The address on which the edge listens.",
        default="127.0.0.1",
        because="nothing is reachable from other machines until you say so",
        examples=["0.0.0.0"],  # noqa: S104 - an example of the setting, nothing listens here
    )
    port: int = key(
        PORT,
        "The port on which the edge listens; 0 chooses a free one at the first start and keeps it.",
        default=8000,
        because="where Django developers look first, and no root is needed",
    )
    engine: EdgeEngine = key(
        Choice[EdgeEngine]("auto", "haproxy", "nginx"),
        "The program in front.",
        default="auto",
        because="haproxy if found, else nginx; both pass the same conformance suite",
    )
    program: str = key(PATH, PROGRAM, default="", because=FOUND)
    hosts: tuple[str, ...] | None = key(
        ListOf(HOST, least=1),
        "Names that a Host header may carry. A request for any other name is closed unanswered.",
        default=None,
        because="localhost, 127.0.0.1 and [::1], plus `host` when that is another single address, plus the public one",
        examples=[["tickets.example.com"]],
    )
    public_url: str = key(
        ORIGIN,
        "How people reach the system, where something stands in front of the edge. With https, `mainstay.security()` "
        "marks cookies `Secure` and sends HSTS.",
        default="",
        because="the edge's own http address, for as long as nothing stands in front of it",
        examples=["https://tickets.example.com"],
    )
    trusted_proxies: tuple[str, ...] = key(
        ListOf(NETWORK),
        "Addresses and networks of what stands in front of the edge. From these, and only these, it believes "
        "`X-Forwarded-Proto` and `X-Forwarded-For`, and their connections are not counted by source.",
        default=(),
        because="whoever is believed may claim any address and https",
        examples=[["10.0.0.0/8", "192.0.2.7"]],
    )
    max_body: int = key(
        Size(1024, 64 * GIB),
        "Largest request body; larger ones get 413.",
        default=10 * MIB,
        because="room for an upload of a photo, too small to fill a disk",
        examples=["25 MiB"],
    )
    max_header: int = key(
        Size(1024, MIB),
        "Largest request line and headers together; larger ones get 431 or 400.",
        default=16 * 1024,
        because="twice what browsers and Django's cookies need",
    )
    max_connections: int = key(
        Integer(16, 1_000_000),
        "Most client connections at once.",
        default=4096,
        because="far above one source's cap, so that a single attacker cannot fill it",
    )
    connections_per_source: int = key(
        Integer(1, 1_000_000),
        "Most connections from one address at once.",
        default=256,
        because="an office behind one address fits, a flood does not",
    )
