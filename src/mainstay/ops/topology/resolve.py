"""
Declaration → Topology: every default filled in, each with its reason.

Nothing is judged here. What cannot be worked out stays empty, and `check` says so.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from mainstay.base.schema import Table
from mainstay.base.shapes import Spot
from mainstay.ops.topology import values
from mainstay.ops.topology.declaration import Declaration, engine
from mainstay.ops.topology.declaration.edge import EdgeTable
from mainstay.ops.topology.declaration.prove import ClaimTable, ProveTable
from mainstay.ops.topology.declaration.service import ServiceTable
from mainstay.ops.topology.declaration.system import SystemTable
from mainstay.ops.topology.origin import Origin
from mainstay.ops.topology.project import Project, find_module, inspect

T = TypeVar("T")

ENGINES_BY_NEED = ("postgres", "valkey", "memcached", "nats")
ENGINES_BY_NAME = ("prometheus", "alertmanager")
_EVERYWHERE = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared with, not listened on
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def resolve(declaration: Declaration, file: Path, spot: Spot) -> values.Topology:
    """
    Fill in what the person left out.

    Args:
        spot: Where defaults are noted; its path is the declaration's place in the file.
    """
    folder = file.parent
    only = len(declaration.service) == 1
    services = tuple(
        _Service(name, table, folder, only, spot.key("service").key(name)).resolve()
        for name, table in declaration.service.items()
    )
    return values.Topology(
        name=_system_name(declaration.system, folder, spot.key("system")),
        file=file,
        edge=_edge(declaration.edge, folder, spot.key("edge")),
        services=services,
        engines=_engines(declaration.engine, services, folder, spot.key("engine")),
        timeouts=values.Timeouts(**_fields(declaration.timeouts)),
        prove=_prove(declaration.prove, folder),
    )


def _fields(table: Any) -> dict[str, Any]:
    return {each.name: getattr(table, each.name) for each in fields(table)}


def _system_name(table: SystemTable, folder: Path, spot: Spot) -> str:
    if table.name:
        return table.name
    name = slug(folder.name, "system")
    spot.defaulted("name", name, "the name of the folder that holds the file")
    return name


def _prove(table: ProveTable, folder: Path) -> values.Prove:
    claims = tuple(resolve_claim(claim, position) for position, claim in enumerate(table.claim))
    journeys = below(folder, table.journeys) if table.journeys else None
    return values.Prove(journeys, table.rate, claims, table.without, table.reads)


def resolve_claim(table: ClaimTable, position: int) -> values.DeclaredClaim:
    """A claim of the file, which of them it is."""
    faults = tuple(values.DeclaredFault(**_fields(fault)) for fault in table.faults)
    return values.DeclaredClaim(**{**_fields(table), "faults": faults, "position": position})


def _edge(table: EdgeTable, folder: Path, spot: Spot) -> values.Edge:
    hosts = table.hosts
    if hosts is None:
        own = f"[{table.host}]" if ":" in table.host else table.host
        extra = () if table.host in _EVERYWHERE or own in _LOCAL else (own,)
        public = (Origin.of(table.public_url).host,) if table.public_url else ()
        hosts = tuple(dict.fromkeys((*_LOCAL, *extra, *public)))
        spot.defaulted("hosts", hosts, "names of this machine; add the public ones")
    public_url = str(Origin.of(table.public_url)) if table.public_url else ""
    program = _program(folder, table.program)
    return values.Edge(**{**_fields(table), "hosts": hosts, "public_url": public_url, "program": program})


def _engines(
    table: engine.EngineTable, services: tuple[values.Service, ...], folder: Path, spot: Spot
) -> values.Engines:
    chosen: dict[str, Any] = {}
    for name in (*ENGINES_BY_NEED, *ENGINES_BY_NAME):
        wanted = getattr(table, name) or _needed(name, services, spot)
        if wanted is not None:
            chosen[name] = _engine(name, wanted, folder, spot.key(name))
    return values.Engines(**chosen)


def _needed(name: str, services: tuple[values.Service, ...], spot: Spot) -> Any:
    needing = [service.name for service in services if name in service.needs]
    if not needing:
        return None
    verb = "needs" if len(needing) == 1 else "need"
    spot.defaulted(name, "runs", f"{', '.join(needing)} {verb} it")
    table: Any = getattr(engine, f"{name.capitalize()}Table")
    return Table(table).read({}, spot.key(name))


def _engine(name: str, table: Any, folder: Path, spot: Spot) -> Any:
    chosen = {**_fields(table), "program": _program(folder, table.program)}
    if name == "postgres" and table.synchronous is None:
        has_standby = table.standbys > 0
        because = "acknowledged means kept" if has_standby else "there is no standby to wait for"
        spot.defaulted("synchronous", has_standby, because)
        chosen["synchronous"] = has_standby
    value: Callable[..., Any] = getattr(values, name.capitalize())
    return value(**chosen)


@dataclass(frozen=True, slots=True)
class _Service:
    name: str
    table: ServiceTable
    folder: Path
    only: bool
    spot: Spot

    def resolve(self) -> values.Service:
        table = self.table
        root = below(self.folder, table.root)
        project = inspect(root, table.manage, table.settings or "")
        settings = table.settings or self._note("settings", project.settings, f"{table.manage} names it")
        application = table.application or self._application(project)
        return values.Service(
            name=self.name,
            root=root,
            settings=settings,
            application=application,
            interface=table.interface or self._interface(root, application),
            manage=below(root, table.manage),
            kinds=(values.Kind("web", table.replicas), *self._kinds()),
            routes=self._routes(),
            needs=table.needs,
            calls=table.calls,
            consumes=table.consumes,
            pool=table.pool,
            threads=table.threads,
            migrate=table.migrate,
            prepare=table.prepare,
            env=table.env,
            python=_program(self.folder, table.python),
            static_url=table.static_url,
        )

    def _note(self, name: str, value: T, because: str) -> T:
        if value:
            self.spot.defaulted(name, value, because)
        return value

    def _application(self, project: Project) -> str:
        if self.table.interface == "wsgi":
            return self._note("application", project.wsgi, "found by looking for a wsgi.py")
        if self.table.interface == "asgi" or project.asgi:
            return self._note("application", project.asgi, "found by looking for an asgi.py")
        return self._note("application", project.wsgi, "found by looking for a wsgi.py; there is no asgi.py")

    def _interface(self, root: Path, application: str) -> values.Interface:
        interface = interface_of(root, application) or "asgi"
        self._note("interface", interface, f"{application or 'the application'} speaks it")
        return interface

    def _kinds(self) -> tuple[values.Kind, ...]:
        return tuple(
            values.Kind(name, given)
            if isinstance(given, int)
            else values.Kind(name, given.replicas, split(given.command) or ())
            for name, given in self.table.processes.items()
            if name != "web"
        )

    def _routes(self) -> tuple[str, ...]:
        if self.table.routes is not None:
            return self.table.routes
        if self.only:
            return self._note("routes", ("/",), "the only service gets every request")
        self.spot.defaulted("routes", (), "with several services each names its own; called by others only")
        return ()


def slug(text: str, fallback: str) -> str:
    """A folder's name as a name that may stand in the file."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:40] or fallback
    return name if name[0].isalpha() else f"{fallback}-{name}"[:40]


def split(command: str) -> tuple[str, ...] | None:
    """A command as arguments, or ``None`` when a quote is not closed."""
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return None


def below(folder: Path, path: str) -> Path:
    """``path`` seen from ``folder``, without ``..`` but with symbolic links kept as they are."""
    return Path(os.path.normpath(folder / path))


def interface_of(root: Path, application: str) -> values.Interface | None:
    """Which interface an application speaks, by its module's name and then by its text."""
    module = application.partition(":")[0]
    last = module.rpartition(".")[2]
    for interface in ("asgi", "wsgi"):
        if interface in last:
            return "wsgi" if interface == "wsgi" else "asgi"
    path = find_module(root, module) if module else None
    text = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""
    if "asgi" in text:
        return "asgi"
    return "wsgi" if "wsgi" in text else None


def _program(folder: Path, program: str) -> str:
    """A path is seen from the file's folder; a bare name is left to be looked up on PATH."""
    return str(below(folder, program)) if "/" in program else program
