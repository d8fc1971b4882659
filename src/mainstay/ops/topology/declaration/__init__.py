"""
What ``mainstay.toml`` may say: every key once, with its type, default and reason.

Each table of the file is declared in the module of its name; the doors are `Declaration`, which
is the whole file, and `FaultTable`, which a replay writes as the file does. Error messages, the JSON
Schema and the reference page are made from these texts. Keys whose default is ``None`` are worked out in
`mainstay.ops.topology.resolve` from other keys or from the Django project.
"""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.containers import MapOf
from mainstay.base.schema import Table, key
from mainstay.ops.topology.declaration.edge import EdgeTable
from mainstay.ops.topology.declaration.engine import EngineTable
from mainstay.ops.topology.declaration.prove import FaultTable, ProveTable
from mainstay.ops.topology.declaration.service import ServiceTable
from mainstay.ops.topology.declaration.spelling import NAME
from mainstay.ops.topology.declaration.system import SystemTable
from mainstay.ops.topology.declaration.timeouts import TimeoutTable


@dataclass(frozen=True, slots=True)
class Declaration:
    service: dict[str, ServiceTable] = key(
        MapOf(NAME, Table(ServiceTable), least=1),
        "The services: Django projects and the processes that run them. [service.web] alone is a whole file.",
        examples=[{"web": {}}],
    )
    system: SystemTable = key(Table(SystemTable), "The system as a whole.", default=SystemTable())
    edge: EdgeTable = key(Table(EdgeTable), "The proxy in front.", default=EdgeTable())
    engine: EngineTable = key(
        Table(EngineTable), "Programs that Mainstay runs but that are not yours.", default=EngineTable()
    )
    timeouts: TimeoutTable = key(
        Table(TimeoutTable),
        "Limits, each inside the next: edge > request > statement > lock, and stop > drain > request.",
        default=TimeoutTable(),
    )
    prove: ProveTable = key(
        Table(ProveTable), "What `mainstay prove` claims, and its load.", default=ProveTable()
    )


__all__ = ["Declaration", "FaultTable"]
