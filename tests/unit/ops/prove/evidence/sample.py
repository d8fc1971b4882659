"""A made-up proof with a claim of every verdict, and hostile words wherever a system could put them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mainstay.ops.prove.claim import Bite, Claim, Load, Result
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.faults.fault import Evidence, Strike
from mainstay.ops.prove.history import History, Operation, Outcome, Phase
from mainstay.ops.prove.proof import Proof
from mainstay.ops.prove.verdict import Judgement, Verdict

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&|`[x](javascript:alert(1))"
TOKEN = "eyJhbGciOi-very-secret"
BEGAN = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ZERO = 1000.0
"""The monotonic moment at which the proof began."""
NAMES = (
    ("GET /api/events/{}/", "get", "browse"),
    ("GET /api/events/", "get", "browse"),
    ("POST /api/holds/", "keyed", "buy"),
    ("POST /api/orders/", "keyed", "buy"),
)
TOPOLOGY = """\
[system]
name = "boxoffice"

[service.orders]
root = "orders"
settings = "orders.settings"
replicas = 2
env = { PAYMENT_API_KEY = "sk-live-4711-very-secret", LOG_LEVEL = "info" }

[engine.postgres]
standbys = 1
synchronous = true
"""


def event(at: float, what: str, subject: str, why: str = "", **facts: Any) -> dict[str, Any]:
    """An entry of the supervisor's journal, ``at`` seconds after the proof began."""
    time = (BEGAN + timedelta(seconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": time, "event": what, "subject": subject, "why": why, **facts}


def history(
    start: float,
    *,
    rate: float = 60.0,
    phases: Mapping[str, float] | None = None,
    trouble: Any = None,
    seed: int = 1,
) -> History:
    """
    Load of ``rate`` that begins ``start`` seconds into the proof.

    ``trouble(t)`` says of a moment of the claim how much slower it is and what the chances of a
    failure and of an unknown outcome are.
    """
    dice, zero = random.Random(seed), ZERO + start
    grown = History(began=zero)
    moment = zero
    for name, seconds in (phases or {"steady": 4.0, "fault": 4.0, "after": 4.0}).items():
        grown.add(Phase(name, moment, moment + seconds))
        moment += seconds
    number = 0
    while (due := zero + number / rate) < moment:
        number += 1
        slower, fail, unknown = trouble(due - zero) if trouble else (1.0, 0.0, 0.0)
        name, kind, journey = NAMES[dice.randrange(len(NAMES))]
        latency = dice.lognormvariate(-4.6, 0.45) * slower
        chance = dice.random()
        outcome = (
            Outcome.FAIL if chance < fail else Outcome.UNKNOWN if chance < fail + unknown else Outcome.OK
        )
        status, error = {
            Outcome.OK: (200, ""),
            Outcome.FAIL: (502, "502 Bad Gateway"),
            Outcome.UNKNOWN: (0, "connection closed before an answer came"),
        }[outcome]
        grown.add(
            Operation(
                number,
                journey,
                name,
                kind,
                due,
                due + 0.0004,
                due + latency,
                outcome,
                status,
                error,  # type: ignore[arg-type]
                request_id=f"req-{number:06d}",
                replica="catalog.web.2" if outcome is Outcome.OK else "",
            )
        )
    return grown


def offending(grown: History, outcome: Outcome) -> tuple[int, ...]:
    return tuple(each.number for each in grown.operations if each.outcome is outcome)[:20]


def bit(what: str) -> Evidence:
    return Evidence(True, what)


def _recovery(grown: History, strike: float) -> float:
    return max(each.ended for each in grown.operations if each.outcome is not Outcome.OK) - strike


def killed(start: float) -> Result:
    strike = Strike("kill", "catalog.web.1", at=0.0)
    grown = history(start, trouble=lambda t: (3.0 if 4.0 <= t < 4.7 else 1.0, 0.0, 0.0), seed=2)
    claim = Claim(
        "replica-killed-catalog",
        "When one replica of catalog is killed, no safe or keyed request notices.",
        (strike,),
        Load(60),
        ("errors.get = 0", "errors.keyed = 0", "p99 <= 5 x steady"),
    )
    return Result(
        claim,
        grown,
        [
            Bite(
                strike,
                ZERO + start + 4.0,
                ZERO + start + 4.002,
                bit("pid 4711 of catalog.web.1 was gone after 2 ms"),
            )
        ],
        [
            Judgement("errors.get = 0", Verdict.PASS, "0 of 362 (95 % bound: 0.82 %)", 0.0),
            Judgement("errors.keyed = 0", Verdict.PASS, "0 of 358 (95 % bound: 0.83 %)", 0.0),
            Judgement("p99 <= 5 x steady", Verdict.PASS, "71 ms, 2.6 times 27 ms", 2.6),
        ],
        {"recovery": 0.412, "p99.steady": 0.027, "p99.fault": 0.071, "lateness.p99": 0.0012},
    )


def primary_lost(start: float) -> Result:
    cut = Strike("link.cut", "replication", at=0.0, lasts=3.0)
    kill = Strike("kill", "primary", at=0.5)

    def trouble(t: float) -> tuple[float, float, float]:
        return (
            (40.0, 0.25, 0.12) if 4.5 <= t < 5.6 else (1.5, 0.0, 0.0) if 4.0 <= t < 7.0 else (1.0, 0.0, 0.0)
        )

    grown = history(start, trouble=trouble, seed=3)
    claim = Claim(
        "primary-lost",
        "When the primary is lost with the replication link cut first, no acknowledged order is lost.",
        (cut, kill),
        Load(60),
        ("lost = 0", "errors.get = 0", "recovery <= 1.5s"),
        source="mainstay.toml: prove.claim primary-lost",
    )
    failed = offending(grown, Outcome.FAIL)
    return Result(
        claim,
        grown,
        [
            Bite(
                cut,
                ZERO + start + 4.0,
                ZERO + start + 7.0,
                bit("14 connections of replication were cut, 82,114 bytes held back"),
            ),
            Bite(
                kill,
                ZERO + start + 4.5,
                ZERO + start + 4.503,
                bit("pid 4720 of postgres.1 was gone after 3 ms"),
            ),
        ],
        [
            Judgement("lost = 0", Verdict.PASS, "0 of 117 (95 % bound: 2.5 %)", 0.0),
            Judgement(
                "errors.get = 0",
                Verdict.FAIL,
                f"{len(failed)} of 361",
                float(len(failed)),
                failed,
                (f"order 4711 was answered with {HOSTILE}", "GET /api/events/3/ failed 4 times within 0.6 s"),
            ),
            Judgement("recovery <= 1.5s", Verdict.PASS, "1.04 s", 1.04),
        ],
        {
            "recovery": _recovery(grown, ZERO + start + 4.5),
            "p99.steady": 0.027,
            "p99.fault": 0.94,
            "lateness.p99": 0.0014,
            "amplification": 1.21,
        },
    )


def paused(start: float) -> Result:
    strike = Strike("pause", "orders.web", at=0.0, lasts=3.0)
    grown = history(start, seed=4)
    claim = Claim(
        "replica-paused-orders",
        "When one replica of orders freezes, no safe or keyed request notices.",
        (strike,),
        Load(60),
        ("errors.get = 0", "errors.keyed = 0"),
    )
    return Result(
        claim,
        grown,
        [
            Bite(
                strike,
                ZERO + start + 4.0,
                ZERO + start + 7.0,
                Evidence(
                    False, "pid 4730 of orders.web.2 went on running: it answered 41 requests meanwhile"
                ),
            )
        ],
        [Judgement("errors.get = 0", Verdict.PASS, "0 of 350 (95 % bound: 0.85 %)", 0.0)],
        {"p99.steady": 0.026, "p99.fault": 0.027},
    )


def disk_full() -> Result:
    claim = Claim(
        "disk-full",
        "When the primary's disk is full, nothing acknowledged is lost.",
        (Strike("disk.full", "primary", lasts=5.0),),
        Load(60),
        ("lost = 0",),
    )
    return Result(
        claim,
        History(began=ZERO),
        not_run="a size-limited folder needs the right to mount, which this user lacks",
    )


def overload(start: float) -> Result:
    strike = Strike("link.latency", "orders->payments", lasts=4.0, with_={"milliseconds": 300, "jitter": 50})
    grown = history(start, trouble=lambda t: (9.0 if 4.0 <= t < 8.0 else 1.0, 0.0, 0.0), seed=5)
    claim = Claim(
        f"slow-{HOSTILE}",
        f"With slow payments {HOSTILE} reads stay as fast as they were.",
        (strike,),
        Load(60, "step", 3.0),
        ("p99.get <= 2 x steady",),
    )
    return Result(
        claim,
        grown,
        [Bite(strike, ZERO + start + 4.0, ZERO + start + 8.0, bit(f"412 answers were delayed {HOSTILE}"))],
        [Judgement("p99.get <= 2 x steady", Verdict.UNKNOWN, "the generator was late", None)],
        {"p99.steady": 0.027, "lateness.p99": 0.084},
        trouble="the load generator sent 84 ms late (p99), so slow answers may be its own doing",
    )


def events() -> list[dict[str, Any]]:
    """What a supervisor would have noted during the claims of `proof`."""
    first, second, third = 5.0, 25.0, 45.0
    return [
        event(1, "process.ready", "catalog.web.1"),
        event(1, "process.ready", "catalog.web.2"),
        event(1, "process.ready", "edge"),
        event(1.5, "process.ready", "postgres.1"),
        event(2, "process.ready", "postgres.2"),
        event(2.1, "durability.synchronous", "postgres.2", "caught up; commits wait for it"),
        event(first + 4.006, "process.ended", "catalog.web.1", "killed by SIGKILL", restarts=1),
        event(first + 4.006, "process.starting", "catalog.web.1", "killed by SIGKILL"),
        event(first + 4.031, "process.started", "catalog.web.1", "restart 1: killed by SIGKILL", pid=4801),
        event(first + 4.412, "process.ready", "catalog.web.1"),
        event(first + 4.420, "edge.in-rotation", "catalog.web.1", "ready on 127.0.0.1:40123"),
        event(
            second + 4.3, "durability.degraded", "postgres.2", "standby lost; the primary acknowledges alone"
        ),
        event(second + 4.51, "process.ended", "postgres.1", f"killed by SIGKILL {HOSTILE}", restarts=1),
        event(
            second + 4.52, "postgres.primary-lost", "postgres.1", "postgres.2 has every acknowledged commit"
        ),
        event(second + 4.95, "postgres.promoted", "postgres.2", "postgres.1 is fenced", seconds=0.43),
        event(second + 5.2, "process.started", "postgres.1", "restart 1: killed by SIGKILL", pid=4810),
        event(second + 5.4, "process.starting", "orders.web.1", f"database: Authorization: Bearer {TOKEN}"),
        event(second + 5.9, "process.ready", "orders.web.1"),
        event(second + 7.6, "process.ready", "postgres.1"),
        event(second + 8.1, "durability.synchronous", "postgres.1", "caught up; commits wait for it"),
        event(third + 4.3, "process.draining", HOSTILE, HOSTILE),
        event(third + 4.9, "process.stopped", HOSTILE, "asked for"),
    ]


def proof(**changes: Any) -> Proof:
    """Five claims: one that holds, one broken, two unknown, one not run."""
    facts: dict[str, Any] = {
        "system": "boxoffice",
        "url": "http://127.0.0.1:40001",
        "size": "normal",
        "seed": 4711,
        "began": BEGAN,
        "seconds": 92.4,
        "versions": {
            "mainstay": "0.1.0",
            "python": "3.11.9",
            "kernel": "Linux 6.8",
            "processors": "2",
            "haproxy": "2.8.25",
            "postgres": "18.6",
            "valkey": "9.1.2",
        },
        "topology_text": TOPOLOGY,
        "argv": ["mainstay", "prove", "--seed", "4711"],
        "results": [killed(5.0), paused(65.0), primary_lost(25.0), disk_full(), overload(45.0)],
        "figures": {"memory.peak": 812_000_000.0},
        "events": events(),
        "clock": BEGAN.timestamp() - ZERO,
    }
    return Proof(**(facts | changes))


def create(project: Path, **changes: Any) -> Folder:
    """The folder of a proof of this system, as it is before anything starts."""
    return Folder.create(project, "normal", changes.pop("began", BEGAN), topology_text=TOPOLOGY, **changes)
