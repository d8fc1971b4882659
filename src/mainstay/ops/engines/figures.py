"""
Figures of the engines that offer none in Prometheus' form: PostgreSQL, Valkey, Memcached, NATS.

Each such engine asks itself over the connection it has anyway; the supervisor shows
the result beside its own metrics, so no exporter has to be installed and none holds a
password.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol, runtime_checkable

HELP = {
    "mainstay_postgres_in_recovery": "1 for a standby, 0 for a primary.",
    "mainstay_postgres_timeline": "How many promotions the data has been through, plus one.",
    "mainstay_postgres_connections": "Client connections by state.",
    "mainstay_postgres_max_connections": "Most client connections the node takes.",
    "mainstay_postgres_transactions_total": "Transactions by database and outcome.",
    "mainstay_postgres_deadlocks_total": "Deadlocks by database.",
    "mainstay_postgres_flush_lag_bytes": "Log the primary has on disk and a standby has not.",
    "mainstay_postgres_standby_synchronous": "1 while commits wait for this standby.",
    "mainstay_cache_hits_total": "Reads that found their key.",
    "mainstay_cache_misses_total": "Reads that did not find their key.",
    "mainstay_cache_evictions_total": "Keys dropped for want of memory.",
    "mainstay_cache_memory_bytes": "Memory that is used for keys and values.",
    "mainstay_cache_memory_limit_bytes": "Memory that may be used.",
    "mainstay_cache_connections": "Client connections.",
    "mainstay_broker_messages": "Messages kept in streams.",
    "mainstay_broker_bytes": "Bytes kept in streams.",
    "mainstay_broker_connections": "Client connections.",
    "mainstay_broker_received_total": "Messages received from clients.",
    "mainstay_broker_slow_consumers_total": "Clients cut off because they read too slowly.",
}
"""Every name there is, and what it means."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure; a name ending in ``_total`` only ever grows."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Measured(Protocol):
    """An engine that has figures to show."""

    async def figures(self) -> tuple[Sample, ...]:
        """Ask once; within a few seconds. Empty when it does not answer: never raises."""


async def collect(engines: Iterable[object]) -> tuple[Sample, ...]:
    """The figures of all engines that have some, asked at the same time."""
    measured = [engine for engine in engines if isinstance(engine, Measured)]
    found = await asyncio.gather(*(engine.figures() for engine in measured))
    return tuple(sample for samples in found for sample in samples)


def exposition(samples: Iterable[Sample]) -> str:
    """
    The samples as Prometheus reads them.

    https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
    """
    ordered = sorted(samples, key=lambda sample: sample.name)
    families = groupby(ordered, key=lambda sample: sample.name)
    return "".join(line for name, family in families for line in _family(name, family))


def _family(name: str, samples: Iterable[Sample]) -> Iterable[str]:
    yield f"# HELP {name} {HELP[name]}\n"
    yield f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}\n"
    for sample in samples:
        yield f"{name}{_labels(sample.labels)} {sample.value:.17g}\n"


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
