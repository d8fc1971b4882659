"""Every metric, from the registries and tables that also expose them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from mainstay.http import unavailable
from mainstay.http.metrics import Metrics
from mainstay.observability import output, queues, register
from mainstay.ops.engines.figures import HELP
from mainstay.ops.supervise import metrics as supervisor
from scripts.reference.text import code, table

HEAD = """\
# Metrics

What a Prometheus sees. Labels are bounded: views, methods, statuses and process names, never paths. Request
metrics carry django-prometheus's names, so dashboards made for it work. HAProxy, NATS and Prometheus expose
more under names of their own.
"""
LINE = re.compile(r'"# HELP (mainstay_\w+) (.+?)"')


def page() -> str:
    register("logs", output.figures)
    register("unavailable", unavailable.figures)
    metrics = Metrics()
    collected = _collected(metrics.compatible, metrics.registry)
    families = sorted({*((_shown(each), each.documentation) for each in collected), *queues.HELP.items()})
    own = LINE.findall(inspect.getsource(supervisor))
    return "\n".join(
        [
            HEAD,
            _section("Of each replica, worker and other process, at its own `/metrics`", families),
            _section("Of the supervisor", own),
            _section("Of the engines, asked by the supervisor", list(HELP.items())),
        ]
    )


def _collected(*registries: Any) -> Iterator[Any]:
    for registry in registries:
        yield from registry.collect()


def _shown(family: Any) -> str:
    """The name as a Prometheus shows it: the library leaves the ending of counters to the exposition."""
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


def _section(title: str, rows: list[tuple[str, str]]) -> str:
    return f"## {title}\n\n{table(('name', 'meaning'), [(code(name), about) for name, about in rows])}\n"
