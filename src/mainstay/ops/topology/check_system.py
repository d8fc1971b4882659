"""What can be wrong between services, engines and limits: clashes and sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, ip_network

from mainstay.base.shapes import describe
from mainstay.base.units import duration_text
from mainstay.ops.topology.arithmetic import broken_links, budget
from mainstay.ops.topology.case import Case
from mainstay.ops.topology.origin import Origin
from mainstay.ops.topology.resolve import ENGINES_BY_NAME, ENGINES_BY_NEED
from mainstay.ops.topology.values import AUTOMATIC, DeclaredClaim, Topology

RESERVED_SERVICES = frozenset(
    {
        *(*ENGINES_BY_NEED, *ENGINES_BY_NAME, "edge", "haproxy", "nginx", "redis", "mainstay"),
        *("links", "primary", "standby", "everything", "machine"),
    }
)
"""Names of engine processes, and words for whom a fault hits; a service of that name could not be told apart."""

STRIKES_MAX = 10_000
"""Strikes of one claim; a soak of a day with a fault every ten seconds has fewer."""

RESERVED_DATABASES = frozenset({"postgres", "template0", "template1"})


def check_system(case: Case) -> None:
    """Report everything that is wrong between the parts of a system."""
    for judge in CHECKS:
        judge(case)


def _names(case: Case) -> None:
    databases = defaultdict(list)
    for service in case.topology.services:
        databases[service.database].append(service.name)
        if service.name in RESERVED_SERVICES or service.database in RESERVED_DATABASES:
            expected = "a name that is no engine's and no word for the target of a fault"
            case.report("reserved-name", f"service.{service.name}", expected, repr(service.name))
    for same in databases.values():
        for name in same[1:]:
            found = f"{name!r} beside {same[0]!r}"
            case.report("name-clash", f"service.{name}", "names that differ in more than - and _", found)


def _routes(case: Case) -> None:
    owners: dict[str, str] = {}
    for service in case.topology.services:
        for index, route in enumerate(service.routes):
            owner = owners.setdefault(route, service.name)
            if owner != service.name:
                path = f"service.{service.name}.routes[{index}]"
                found = f"{describe(route)}, as in service.{owner}"
                case.report("route-clash", path, "a prefix that no other service has", found)
    if not owners and case.topology.services:
        path = f"service.{case.topology.services[0].name}.routes"
        rests_on = [f"service.{service.name}.routes" for service in case.topology.services]
        expected = "at least one service with routes"
        case.report("no-route", path, expected, "none", 'such as routes = ["/"]', rests_on=rests_on)


def _ports(case: Case) -> None:
    owners: dict[int, str] = {}
    for path, port in _stated_ports(case.topology):
        owner = owners.setdefault(port, path)
        if owner != path:
            found = f"{port}, as in {owner}"
            case.report("port-clash", path, "a port of its own", found, "0 chooses a free port")


def _stated_ports(topology: Topology) -> Iterator[tuple[str, int]]:
    yield "edge.port", topology.edge.port
    for name in (*ENGINES_BY_NEED, *ENGINES_BY_NAME):
        port = getattr(getattr(topology.engines, name), "port", AUTOMATIC)
        if port != AUTOMATIC:
            yield f"engine.{name}.port", port


def _edge_caps(case: Case) -> None:
    edge = case.topology.edge
    if edge.connections_per_source > edge.max_connections:
        expected = f"at most edge.max_connections = {edge.max_connections}"
        case.report("arithmetic", "edge.connections_per_source", expected, str(edge.connections_per_source))


def _in_front(case: Case) -> None:
    """What stands in front of the edge: how people reach it, and whose word is taken for it."""
    edge = case.topology.edge
    for index, network in enumerate(edge.trusted_proxies):
        _trusted(case, f"edge.trusted_proxies[{index}]", network)
    if not edge.public_url:
        return
    origin = Origin.of(edge.public_url)
    if origin.host.startswith("[") and not _is_ipv6(origin.host[1:-1]):
        case.report("bad-value", "edge.public_url", "an IPv6 address in the brackets", repr(origin.host))
    if origin.scheme == "https" and not edge.trusted_proxies:
        expected = "the addresses of what speaks https for the edge"
        hint = (
            'such as ["127.0.0.1"]: the edge speaks http, and somebody must say that a request came by https'
        )
        rests_on = ["edge.public_url"]
        case.report("nobody-trusted", "edge.trusted_proxies", expected, "none", hint, rests_on=rests_on)
    if origin.host not in [host.lower() for host in edge.hosts]:
        expected, hint = f"{origin.host!r} among them", "requests for any other name are closed unanswered"
        rests_on = ["edge.public_url"]
        case.report("host-missing", "edge.hosts", expected, describe(edge.hosts), hint, rests_on=rests_on)


def _trusted(case: Case, path: str, network: str) -> None:
    try:
        read = ip_network(network)
    except ValueError as error:
        expected = "an address, or a network without bits beyond its prefix"
        case.report("bad-network", path, expected, repr(network), str(error))
        return
    mapped = read.version == 6 and read.network_address.ipv4_mapped
    if mapped:
        # Both edges take such an address for the IPv4 one it stands for, and so never compare it with this.
        case.report("bad-network", path, "an IPv4 address as such", repr(network), f"write {mapped}")
    elif read.prefixlen == 0:
        # Also where the edge listens on loopback: with it each client counts as a proxy, whose word for an address
        # further left is taken, so that anybody names any client. A file has no warnings, and it is never meant.
        expected = "the addresses of what stands in front"
        hint = "with this everybody is believed, whatever address and scheme they claim"
        case.report("everybody-trusted", path, expected, repr(network), hint)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _durability(case: Case) -> None:
    postgres = case.topology.engines.postgres
    if postgres is None or postgres.standbys:
        return
    strict = postgres.durability == "strict"
    for key, wanted in {"synchronous = true": postgres.synchronous, 'durability = "strict"': strict}.items():
        if wanted:
            path, found = f"engine.postgres.{key.split()[0]}", f"{key} with standbys = 0"
            hint, rests_on = "no commit could ever be acknowledged", ["engine.postgres.standbys"]
            case.report("no-standby", path, "a standby to wait for", found, hint, rests_on=rests_on)


def _alertmanager(case: Case) -> None:
    engines = case.topology.engines
    if engines.alertmanager and not engines.prometheus:
        expected, hint = "[engine.prometheus] beside it", "Prometheus is what raises alerts"
        case.report("prometheus-missing", "engine.alertmanager", expected, "none", hint)


def _capacity(case: Case) -> None:
    sums = budget(case.topology)
    if sums is None or sums.fits:
        return
    keys = ("replicas", "processes", "pool", "needs")
    rests_on = [f"service.{service.name}.{key}" for service in case.topology.services for key in keys]
    hint = f"lower pools or replicas, or set max_connections to at least {sums.used + sums.reserved}"
    expected = (
        f"at most {sums.max_connections} − {sums.reserved} reserved = {sums.offered} connections, "
        "also during a rolling update"
    )
    products = (f"{share.service}.{share.kind} {share.product}" for share in sums.shares)
    found = f"{' + '.join(products)} = {sums.used}"
    rests_on.append("engine.postgres.reserved_connections")
    path = "engine.postgres.max_connections"
    case.report("too-many-connections", path, expected, found, hint, rests_on=rests_on)


def _timeouts(case: Case) -> None:
    timeouts = case.topology.timeouts
    for outer, inner in broken_links(timeouts):
        longer, shorter = (duration_text(getattr(timeouts, name)) for name in (outer, inner))
        path = f"timeouts.{outer}"
        found = f"{outer} {longer}, {inner} {shorter}"
        case.report("timeouts-nest", path, f"{outer} > {inner}", found, rests_on=[f"timeouts.{inner}"])


def _claims(case: Case) -> None:
    seen: set[str] = set()
    for index, claim in enumerate(case.topology.prove.claims):
        if claim.name in seen:
            path = f"prove.claim[{index}].name"
            case.report("name-clash", path, "a name that no other claim has", repr(claim.name))
        seen.add(claim.name)
        _again_and_again(case, f"prove.claim[{index}]", claim)


def _again_and_again(case: Case, path: str, claim: DeclaredClaim) -> None:
    """`every` and `during` say something together only, and of faults."""
    every, during = claim.every, claim.during
    if every is None and during is None:
        return
    if every is None or during is None:
        missing, there = ("every", "during") if every is None else ("during", "every")
        case.report("prove-every", f"{path}.{there}", f"`{missing}` beside it", f"`{there}` alone")
    elif not claim.faults:
        case.report("prove-every", f"{path}.every", "faults that strike so often", "a claim without faults")
    elif during < every or claim.turns > STRIKES_MAX:
        expected = f"`during` between one and {STRIKES_MAX:,} times `every`"
        found = f"{duration_text(during)} and {duration_text(every)}"
        case.report("prove-every", f"{path}.during", expected, found, rests_on=[f"{path}.every"])
    elif claim.turns < len(claim.faults):
        expected = (
            f"time for each of {len(claim.faults)} faults: `during` of {len(claim.faults)} times `every`"
        )
        found = f"{duration_text(during)}, in which {claim.turns} would strike"
        case.report("prove-every", f"{path}.during", expected, found, rests_on=[f"{path}.every"])


CHECKS: tuple[Callable[[Case], None], ...] = (
    _names,
    _routes,
    _ports,
    _edge_caps,
    _in_front,
    _durability,
    _alertmanager,
    _capacity,
    _timeouts,
    _claims,
)
