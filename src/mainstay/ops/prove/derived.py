"""
The claims that come by themselves: what any Mainstay system promises, made from its topology.

Their numbers are what two busy cores can keep, not what a good day shows. Which of them are
tried, and what the file says instead, is decided in `claims`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from mainstay.ops.prove.calibration import CLAIM
from mainstay.ops.prove.claim import FULL, NORMAL, QUICK, Claim, Load
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.judging.overload import PEAKS
from mainstay.ops.topology.values import Service, Topology

NOTICED_BY_NOBODY = ("errors.get = 0", "refused.keyed = 0")
"""
Safe requests are repeated by the edge, so their callers see nothing. So are keyed ones; what had
already begun in a process that died may be answered with *still running*, and is had by asking again.
"""

COSTS_NOTHING = ("errors = 0",)
"""Planned work costs no request of any kind."""

NEVER_TWICE = "figure.repeated.write = 0"
"""A request without a key reaches one process once, whatever happens to that process."""

NOBODY_PANICS = ("figure.restarts = 0", "figure.left-ready = 0")
"""A dependency that is gone makes no process restart, and takes none out of rotation."""

WRITES_COME_BACK = "refused.keyed = 0"
"""A caller that repeats its keyed write, as clients do, gets through in the end."""

SOON = 1.0
"""Seconds within which a system that has been overloaded answers again."""

PAUSE = 3.0
SLOW = 300
"""Milliseconds of delay that make a dependency slow, each way."""


def by_itself(topology: Topology) -> dict[str, Claim]:
    """
    What is claimed whatever the file says of claims, by name.

    Services and processes may be called so that two claims would share a name; the later one is numbered.
    """
    found: dict[str, Claim] = {}
    for claim in (claim for make in SOURCES for claim in make(topology)):
        number = 1
        while (name := claim.name if number == 1 else f"{claim.name}-{number}") in found:
            number += 1
        found[name] = replace(claim, name=name)
    return found


def _claim(
    topology: Topology,
    name: str,
    says: str,
    strikes: tuple[Strike, ...],
    holds: tuple[str, ...],
    *,
    tags: tuple[str, ...] = NORMAL,
    load: Load | None = None,
    patience: float = 30.0,
    overload: bool = False,
) -> Claim:
    return Claim(
        name,
        says,
        strikes,
        load or Load(topology.prove.rate),
        holds,
        patience=patience,
        tags=tags,
        steady=3.0,
        after=3.0,
        overload=overload,
    )


def _generator(topology: Topology) -> Iterator[Claim]:
    yield CLAIM


def _calm(topology: Topology) -> Iterator[Claim]:
    yield _claim(
        topology, "calm", "Under the load of the proof alone, nothing fails.", (), COSTS_NOTHING, tags=NORMAL
    )


def _reachable(topology: Topology) -> list[Service]:
    """Services that load reaches: routed by the edge, or called by one that is."""
    called = {name for service in topology.services for name in service.calls}
    return [service for service in topology.services if service.routes or service.name in called]


def _replicas(topology: Topology) -> Iterator[Claim]:
    for number, service in enumerate(_reachable(topology)):
        if service.kind("web").replicas < 2:
            continue
        tags = QUICK if number == 0 else NORMAL
        target = f"{service.name}.web"
        yield _claim(
            topology,
            f"replica-killed-{service.name}",
            f"When one replica of {service.name} is killed, no safe or keyed request notices.",
            (Strike("kill", target),),
            NOTICED_BY_NOBODY,
            tags=tags,
        )
        yield _claim(
            topology,
            f"replica-paused-{service.name}",
            f"When one replica of {service.name} freezes, no safe or keyed request notices.",
            (Strike("pause", target, lasts=PAUSE),),
            (*NOTICED_BY_NOBODY, "worst.get <= 2 s", NEVER_TWICE),
            tags=tags,
        )


def _rollouts(topology: Topology) -> Iterator[Claim]:
    for number, service in enumerate(topology.services):
        yield _claim(
            topology,
            f"rollout-{service.name}",
            f"A rolling update of {service.name} costs no request.",
            (Strike("rollout", service.name),),
            COSTS_NOTHING,
            tags=QUICK if number == 0 else NORMAL,
            patience=60.0,
        )


def _bad_release(topology: Topology) -> Iterator[Claim]:
    service = _reachable(topology)[0]
    yield _claim(
        topology,
        f"bad-release-{service.name}",
        f"A release of {service.name} that crashes at its start is halted and taken back, at no cost.",
        (Strike("bad-release", service.name, with_={"variant": "crash"}),),
        COSTS_NOTHING,
        tags=NORMAL,
        patience=90.0,
    )


def _edge(topology: Topology) -> Iterator[Claim]:
    yield _claim(
        topology,
        "edge-reloaded",
        "When the edge takes up a changed configuration, no request notices.",
        (Strike("edge.reload", "edge"),),
        COSTS_NOTHING,
    )


def _database(topology: Topology) -> Iterator[Claim]:
    postgres = topology.engines.postgres
    if postgres is None:
        return
    yield from _limits(topology)
    yield from _connections(topology)
    if postgres.standbys:
        yield _claim(
            topology,
            "primary-lost",
            "When the link to the standby breaks and then the primary dies, writes go on within seconds.",
            (Strike("primary.lost", "primary", with_={"cut": 0.5}),),
            (
                WRITES_COME_BACK,
                "errors.get@after = 0",
                "first-write <= 5 s",
                "first-ok <= 5 s",
                *NOBODY_PANICS,
            ),
            tags=QUICK,
            patience=60.0,
        )
        yield _claim(
            topology,
            "standby-lost",
            "When the standby dies, everything goes on, and it comes back by itself.",
            (Strike("kill", "standby"),),
            ("errors.get = 0", WRITES_COME_BACK),
            tags=QUICK,
            patience=60.0,
        )
        yield _claim(
            topology,
            "standby-frozen",
            "When the standby freezes, writes wait for a while and then go on without it.",
            (Strike("pause", "standby", lasts=2 * PAUSE),),
            ("errors.get = 0", WRITES_COME_BACK),
            patience=60.0,
        )
    else:
        yield _claim(
            topology,
            "primary-killed",
            "When the database dies, it comes back by itself.",
            (Strike("kill", "primary"),),
            (WRITES_COME_BACK, "first-write <= 15 s", "first-ok <= 15 s"),
            tags=QUICK,
            patience=60.0,
        )
    yield _claim(
        topology,
        "disk-full",
        "When the database's disk is full, writes are refused, and go on once there is space.",
        (Strike("disk-full", "primary", lasts=8.0),),
        (WRITES_COME_BACK, "writable <= 5 s", "errors.get@after = 0"),
        tags=FULL,
        patience=60.0,
    )


def _limits(topology: Topology) -> Iterator[Claim]:
    """A lock that somebody holds must not hold everybody: who waits for it gives up in time."""
    service = next((each for each in _reachable(topology) if "postgres" in each.needs), None)
    if service is None:
        return
    longest = topology.timeouts.statement + 1.0
    yield _claim(
        topology,
        f"table-locked-{service.name}",
        f"While the busiest table of {service.name} is locked, nobody waits for longer than a statement may take.",
        (Strike("lock", service.name, lasts=2 * longest),),
        (f"worst <= {longest:g} s", "errors.get@after = 0", *NOBODY_PANICS),
    )


def _connections(topology: Topology) -> Iterator[Claim]:
    """What is left in the pools of every service is dead at once, as behind a firewall that forgets."""
    needing = [service.name for service in topology.services if "postgres" in service.needs]
    yield _claim(
        topology,
        "connections-cut",
        "When every connection to the database is cut, the next request has a new one.",
        tuple(Strike("link.reset", f"{name}->postgres*", lasts=0.2) for name in needing),
        ("errors@after = 0", WRITES_COME_BACK, *NOBODY_PANICS),
    )


def _cache(topology: Topology) -> Iterator[Claim]:
    for engine in ("valkey", "memcached"):
        if getattr(topology.engines, engine) is None:
            continue
        yield _claim(
            topology,
            f"{engine}-killed",
            "When the cache dies, nobody notices.",
            (Strike("kill", engine),),
            NOTICED_BY_NOBODY,
            tags=QUICK,
        )
        yield _claim(
            topology,
            f"{engine}-flushed",
            "When the cache is emptied, nobody notices.",
            (Strike("flush", engine),),
            NOTICED_BY_NOBODY,
        )
        yield _claim(
            topology,
            f"{engine}-frozen",
            "When the cache freezes, nobody notices.",
            (Strike("pause", engine, lasts=PAUSE),),
            (*NOTICED_BY_NOBODY, *NOBODY_PANICS),
        )


def _broker(topology: Topology) -> Iterator[Claim]:
    if topology.engines.nats is not None:
        yield _claim(
            topology,
            "nats-killed",
            "When the broker dies, requests go on.",
            (Strike("kill", "nats"),),
            NOTICED_BY_NOBODY,
        )


def _background(topology: Topology) -> Iterator[Claim]:
    for service in topology.services:
        for kind in service.kinds:
            if kind.name != "web" and kind.replicas:
                yield _claim(
                    topology,
                    f"{kind.name}-killed-{service.name}",
                    f"When {service.name}'s {kind.name} dies, no request notices, and it comes back.",
                    (Strike("kill", f"{service.name}.{kind.name}"),),
                    COSTS_NOTHING,
                )


def _slow(topology: Topology) -> Iterator[Claim]:
    for service in topology.services:
        for callee in service.calls:
            yield _claim(
                topology,
                f"slow-{callee}-for-{service.name}",
                f"When {callee} answers {service.name} slowly, it is slower, and nothing fails.",
                (
                    Strike(
                        "link.latency", f"{service.name}->{callee}", lasts=4.0, with_={"milliseconds": SLOW}
                    ),
                ),
                NOTICED_BY_NOBODY,
            )


def _overload(topology: Topology) -> Iterator[Claim]:
    yield _claim(
        topology,
        "overload",
        "After a spike that is too much for it everything is as before.",
        (),
        ("errors@after = 0", f"p99@after <= {SOON:g} s"),
        load=Load(topology.prove.rate, "spike", PEAKS[0]),
        tags=FULL,
        overload=True,
    )


def _everything(topology: Topology) -> Iterator[Claim]:
    yield _claim(
        topology,
        "everything-killed",
        "When every process dies at once, the system comes back by itself.",
        (Strike("kill", "everything"),),
        (WRITES_COME_BACK, "first-ok <= 20 s"),
        tags=QUICK,
        patience=60.0,
    )


SOURCES: tuple[Callable[[Topology], Iterator[Claim]], ...] = (
    _generator,
    _calm,
    _replicas,
    _rollouts,
    _bad_release,
    _edge,
    _cache,
    _broker,
    _background,
    _slow,
    _database,
    _overload,
    _everything,
)
