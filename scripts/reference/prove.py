"""What `mainstay prove` knows: its faults, the words of its rules, and the claims that come by themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mainstay.base.schema import read
from mainstay.base.shapes import Spot
from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.claims import claims
from mainstay.ops.prove.evidence.document import strike_text
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.faults.kind import FaultKind, Scope, Setting
from mainstay.ops.prove.judging.figures import FIGURES, LIMITS
from mainstay.ops.prove.judging.vocabulary import METRICS, OPERATORS, PHASES, SPELT, Metric, Unit
from mainstay.ops.prove.judging.vocabulary import Scope as RuleScope
from mainstay.ops.topology.declaration import Declaration
from mainstay.ops.topology.resolve import resolve
from mainstay.ops.topology.values import Postgres, Topology
from scripts.reference.text import code, table

HEAD = """\
# Faults, rules and claims

The words that `mainstay prove` understands. [Write a claim](../how-to/claims.md) shows them at work, and
`mainstay prove --list` prints those of your own system.
"""

FAULTS = """\
## Faults

What may stand in `faults` of a `[[prove.claim]]`. A fault with a duration is undone after it, or after
`lasts` where the claim says so; one that ends by itself takes none. Where what it needs is missing, its claim
is *not run*.
"""

TARGETS = (
    ("`catalog.web.1`, `postgres.2`", "this process, this node"),
    ("`catalog.web`", "one process of this kind, chosen by the seed"),
    ("`catalog.web.*`", "all processes of this kind"),
    ("`catalog`", "all processes of this service"),
    ("`valkey`, `nats`, `edge`", "the engine; of several nodes one, chosen by the seed"),
    ("`primary`, `standby`", "the database node that has this role when the fault begins"),
    ("`everything`", "every process but the supervisor"),
    ("`orders->payments`, `orders->postgres`", "the link from a service to another, or to an engine"),
    ("`edge->orders`", "the links from the edge to the replicas of a service"),
    ("`*->postgres`", "the links of everybody; `*` may stand for either end"),
    ("`replication`", "the links between database nodes"),
)

RULES = """\
## Rules

`NAME COMPARISON LIMIT`, where the name may have a scope behind a dot and a phase behind an @:
`errors.get@after = 0`, `p99.checkout <= 2 x steady`.
"""

LOOKED_AT = """\
Counts look at the whole load; shares, counts per strike, latencies, goodput and gaps look at the time from the
first fault on, or at everything where a claim has no fault. A phase says otherwise.
"""

FIGURES_HEAD = """\
### Figures

What may stand behind `figure.`: `figure.restarts = 0`.
"""

CLAIMS = """\
## Claims that come by themselves

Every system gets those that fit it. *Quick* claims are tried in every size, *normal* ones also without an
option, *full* ones only with `--full`. A claim of the same name in the file replaces one, and `[prove] without` leaves
it out. Beside its rules each claim with a fault holds that everything is ready again within its time.

These are the claims of this system:
"""

SAMPLE = """\
[service.web]
replicas = 2
routes = ["/"]
needs = ["postgres", "valkey", "memcached", "nats"]
calls = ["payments"]
processes.worker = 1

[service.payments]
replicas = 2

[engine.postgres]
standbys = 1
"""
FILE = Path("/srv/sample/mainstay.toml")
"""Nothing is read from there; paths in a topology are absolute."""

WORDS: dict[Scope, str] = {
    "process": "any process",
    "service": "a service",
    "primary": "`primary`",
    "standby": "`standby`",
    "cache": "`valkey`, `memcached`",
    "edge": "`edge`",
    "machine": "none: the machine",
    "link": "a link",
}
LINKS = "link."


def page() -> str:
    kinds = catalogue.names()
    return "\n".join(
        [
            HEAD,
            FAULTS,
            _faults(kinds),
            "### Settings\n",
            _settings(kinds),
            "### Targets\n",
            table(("target", "means"), TARGETS) + "\n",
            RULES,
            _metrics(),
            LOOKED_AT,
            _words(),
            FIGURES_HEAD,
            _figures(),
            CLAIMS,
            f"```toml\n{SAMPLE}```\n",
            *_claims(sample()),
        ]
    )


def sample() -> Topology:
    """A system in which nearly every claim that can come by itself does."""
    reading = read(Declaration, tomllib.loads(SAMPLE), where=FILE.name, area="topology")
    assert reading.value is not None, reading.problems
    return resolve(reading.value, FILE, Spot(FILE.name, "topology"))


def _faults(kinds: Iterable[FaultKind]) -> str:
    rows = [
        (
            code(kind.name),
            kind.says,
            _target(kind),
            f"{kind.lasts:g} s" if kind.lasts else "—",
            kind.needs or "—",
        )
        for kind in kinds
    ]
    return table(("fault", "what it does", "target", "lasts", "needs"), rows) + "\n"


def _target(kind: FaultKind) -> str:
    words = " or ".join(WORDS[scope] for scope in kind.targets) or "none"
    return f"{words}; none is all" if kind.optional_target and kind.targets == ("service",) else words


def _settings(kinds: Iterable[FaultKind]) -> str:
    """One row for each setting, with the faults that share it."""
    known = tuple(kinds)
    users: dict[Setting, list[str]] = {}
    for kind in known:
        for setting in kind.settings:
            users.setdefault(setting, []).append(kind.name)
    links = [kind.name for kind in known if kind.name.startswith(LINKS)]
    rows = [
        (", ".join(map(code, [f"{LINKS}*"] if names == links else names)), *_setting(setting))
        for setting, names in users.items()
    ]
    return table(("fault", "setting", "default", "value", "meaning"), rows) + "\n"


def _setting(setting: Setting) -> tuple[str, str, str, str]:
    value = f"{setting.default:g}" if isinstance(setting.default, float) else str(setting.default)
    default = code(f"{value} {setting.unit}".strip()) if value else "none"
    return code(setting.name), default, setting.expected, setting.says


def _metrics() -> str:
    rows = [(code(name), metric.about, *_limits(metric)) for name, metric in METRICS.items()]
    return table(("name", "meaning", "scope", "limit in", "phase"), rows) + "\n"


def _limits(metric: Metric) -> tuple[str, str, str]:
    scope = "—" if metric.scope is RuleScope.NONE else str(metric.scope)
    units = ", ".join(_unit(unit) for unit in metric.units)
    return scope, units, "may be named" if metric.phased else "—"


def _unit(unit: Unit) -> str:
    return "a number" if unit is Unit.NUMBER else code(unit)


def _words() -> str:
    units = ", ".join(code(spelling) for spelling in SPELT if spelling)
    rows = [
        ("comparisons", ", ".join(map(code, OPERATORS))),
        ("phases", ", ".join(map(code, PHASES))),
        ("units", f"{units}; a bare 0 needs none"),
    ]
    return table(("kind of word", "words"), rows) + "\n"


def _figures() -> str:
    rows = [
        (code(name), figure.about, _unit(LIMITS[figure.measure]), figure.needs or "any claim")
        for name, figure in FIGURES.items()
    ]
    return table(("figure", "meaning", "limit in", "there is one in"), rows) + "\n"


def _claims(topology: Topology) -> Iterator[str]:
    found = claims(topology, size="full")
    yield _claim_table(found)
    yield "Where PostgreSQL has no standby, there are these instead of the claims about one:\n"
    names = {claim.name for claim in found}
    yield _claim_table(claim for claim in claims(_alone(topology), size="full") if claim.name not in names)


def _alone(topology: Topology) -> Topology:
    postgres = topology.engines.postgres
    assert isinstance(postgres, Postgres)
    return replace(topology, engines=replace(topology.engines, postgres=replace(postgres, standbys=0)))


def _claim_table(found: Iterable[Claim]) -> str:
    rows = [(code(each.name), each.says, _happens(each), _holds(each), each.tags[0]) for each in found]
    return table(("claim", "what it says", "what happens", "what must hold", "from size"), rows) + "\n"


def _happens(claim: Claim) -> str:
    more = ", then higher until it is too much" if claim.overload else ""
    peak = f"{claim.load.shape} to {claim.load.peak:g} times the load{more}"
    load = peak if claim.load.peak != 1 else "load alone"
    return "<br>".join(code(strike_text(strike)) for strike in claim.strikes) or load


def _holds(claim: Claim) -> str:
    return "<br>".join(map(code, claim.holds))
