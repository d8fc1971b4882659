"""``mainstay plan``: what would run, and every number that nobody wrote, with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mainstay.base.errors import OperationFailed, nearest
from mainstay.base.installing import as_installed
from mainstay.base.schema import Default
from mainstay.base.units import duration_text, plural
from mainstay.cli import target
from mainstay.cli.output import console, print_json
from mainstay.ops.engines.engine import Program
from mainstay.ops.supervise.assembly import wanted
from mainstay.ops.supervise.run import state_folder
from mainstay.ops.topology import Plan, Topology, load
from mainstay.ops.topology import plan as spell_out
from mainstay.ops.topology.arithmetic import Budget
from mainstay.ops.topology.plan import Process

WIDE = 78
"""Below this many columns what a process runs stands under its name, not beside it."""

Programs = Mapping[str, Program]


def plan(
    ctx: typer.Context,
    service: Annotated[str, typer.Option("--service", metavar="NAME", help="Only what this one is.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """
    Show every process, address, sum, limit and default, and why; nothing is started.

    Exit code 1 when an engine that the file needs cannot run here.
    """
    topology = load(ctx.obj)
    planned = with_kept_port(spell_out(topology), topology)
    if service:
        check_service(topology, service)
        report(of_service(planned, service), as_json=as_json)
        if not as_json:
            console().print(target.typed(where_middleware(service), ctx.obj), markup=False, soft_wrap=True)
        return
    programs, missing = look_for_programs(topology)
    report(planned, programs=programs, missing=missing, as_json=as_json)
    if missing:
        raise typer.Exit(1)


def with_kept_port(planned: Plan, topology: Topology) -> Plan:
    """Where the edge's port is left to Mainstay, with the one of the last start, which is taken again."""
    kept = state_folder(topology).load_if_whole("ports").get("edge.1")
    return (
        planned if urlsplit(planned.url).port or not kept else replace(planned, url=f"{planned.url}:{kept}")
    )


def check_service(topology: Topology, name: str) -> None:
    """
    Raises:
        OperationFailed: The file declares no service of this name.
    """
    known = [service.name for service in topology.services]
    if name not in known:
        hint = nearest(name, known) or f"known: {', '.join(known)}"
        raise OperationFailed("system.unknown-name", f"there is no service {name!r} here", hint=hint)


def of_service(planned: Plan, name: str) -> Plan:
    """What the plan says of one service; the sum of connections is that of all, because it means nothing for one."""
    processes = tuple(each for each in planned.processes if each.service == name)
    names = {name, *(process.name for process in processes)}
    steps = tuple(
        replace(step, names=tuple(each for each in step.names if each in names)) for step in planned.steps
    )
    return replace(
        planned,
        processes=processes,
        routes=tuple(each for each in planned.routes if each.service == name),
        inside_only=tuple(each for each in planned.inside_only if each == name),
        steps=tuple(step for step in steps if step.names),
        defaults=tuple(each for each in planned.defaults if f"service.{name}." in each.path),
    )


def where_middleware(name: str) -> str:
    """What has to be asked in the service's own interpreter, with the settings of the running system."""
    return (
        f"\nEach middleware, native or adapted, and what it costs: `mainstay manage {name} mainstay_middleware` "
        "while the system runs."
    )


def look_for_programs(topology: Topology) -> tuple[dict[str, Program], dict[str, str]]:
    """The engines' programs on this machine, and for those that are not here the reason."""
    found, missing = {}, {}
    for name, (find, declared) in wanted(topology).items():
        try:
            found[name] = find(declared)
        except OperationFailed as error:
            missing[name] = f"{error.what}; {as_installed(error.hint)}"
    return found, missing


def report(
    planned: Plan,
    *,
    programs: Programs | None = None,
    missing: Mapping[str, str] | None = None,
    as_json: bool = False,
    to: Console | None = None,
) -> None:
    """
    Print a plan.

    Args:
        programs: The engines' programs that were found, by engine name; left out when not looked for.
        missing: Why an engine has no program, by engine name.
    """
    if as_json:
        chosen = {name: _told(program) for name, program in (programs or {}).items()}
        print_json({**planned.as_json(), "programs": chosen, "missing": dict(missing or {})})
        return
    out = to or console()
    with out.capture() as captured:
        out.print(*sections(planned, programs or {}, missing or {}, out.width), sep="\n")
    # Tables pad their cells, which is noise in a file and in a diff.
    out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def sections(
    planned: Plan, programs: Programs, missing: Mapping[str, str], width: int
) -> Iterator[RenderableType]:
    """The parts of the report, in reading order."""
    yield Text.assemble((planned.system, "bold"), "  ", _where(planned.url), _in_front(planned.public_url))
    yield Text(planned.file, style="dim", overflow="fold")
    yield _section(f"Processes ({len(planned.processes)})", _processes(planned.processes, width))
    yield _section("Routes, longest first", _routes(planned))
    yield _section("Start", _steps(planned))
    if programs or missing:
        yield _section("Programs", _programs(programs, missing))
    if planned.budget:
        yield _section("Database connections, while every service is being updated", _budget(planned.budget))
    yield _section("Timeouts", _timeouts(planned))
    yield _section("Defaults, and why", _defaults(planned.defaults, width))


def _where(url: str) -> str:
    """The address; without a number its port is not 80 but one that is free, which nobody knows yet."""
    return url if urlsplit(url).port else f"{url}, on a free port that is chosen at the start"


def _in_front(public_url: str) -> str:
    return f", behind {public_url}" if public_url else ""


def _section(title: str, body: RenderableType) -> Group:
    return Group("", Text(title, style="bold cyan"), Padding(body, (0, 0, 0, 2)))


def _grid(*justify: str) -> Table:
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for side in justify:
        grid.add_column(justify="right" if side == "right" else "left", overflow="fold")
    return grid


def _processes(processes: Iterable[Process], width: int) -> RenderableType:
    """Copies of one kind that differ in number only share a line."""
    alike = [list(same) for _, same in groupby(processes, _likeness)]
    if width < WIDE:
        return Group(*(_narrow(copies) for copies in alike))
    grid = _grid("left", "left", "right", "left")
    for copies in alike:
        first = copies[0]
        grid.add_row(_names(copies), first.address, _pool(first), Text(_what(first), style="dim"))
    return grid


def _narrow(copies: list[Process]) -> RenderableType:
    first = copies[0]
    head = Text("  ".join(part for part in (_names(copies), first.address, _pool(first)) if part))
    what = _what(first)
    return Group(head, Padding(Text(what, style="dim"), (0, 0, 0, 4))) if what else head


def _what(process: Process) -> str:
    return " ".join(part for part in (process.role, process.runs) if part)


def _pool(process: Process) -> str:
    return f"pool {process.pool}" if process.pool else ""


def _likeness(process: Process) -> tuple[object, ...]:
    return (process.service, process.kind, process.role, process.address, process.pool, process.runs)


def _names(copies: list[Process]) -> str:
    first, last = copies[0].name, copies[-1].name
    return first if first == last else f"{first} … {last.rpartition('.')[2]}"


def _routes(planned: Plan) -> Table:
    grid = _grid("left", "left")
    for route in planned.routes:
        grid.add_row(Text(route.prefix), f"→ {route.service}")
    for name in planned.inside_only:
        grid.add_row(Text("inside only", style="dim"), f"→ {name}")
    return grid


def _steps(planned: Plan) -> Table:
    grid = _grid("right", "left")
    for number, step in enumerate(planned.steps, start=1):
        names = (
            ", ".join(step.names) if len(step.names) <= 6 else plural(len(step.names), "process", "processes")
        )
        grid.add_row(str(number) if step.waits else "·", Text.assemble(names, (f"  {step.does}", "dim")))
    return grid


def _programs(programs: Programs, missing: Mapping[str, str]) -> Table:
    grid = _grid("left", "left")
    for name, program in programs.items():
        where = "" if str(program.path) in program.reason else f"  {program.path}"
        grid.add_row(name, Text.assemble(program.reason, (where, "dim")))
    for name, why in missing.items():
        grid.add_row(name, Text(why, style="bold red"))
    return grid


def _budget(sums: Budget) -> Group:
    grid = _grid("left", "right", "left", "right")
    for share in sums.shares:
        grid.add_row(f"{share.service}.{share.kind}", share.product, "=", str(share.connections))
    left = sums.offered - sums.used
    total = f"{sums.used} ≤ {sums.max_connections} − {sums.reserved} reserved = {sums.offered}"
    return Group(grid, Text.assemble((total, "bold"), (f"   {left} to spare", "green" if left else "yellow")))


def _timeouts(planned: Plan) -> Group:
    others = ("connect", "ready")
    rest = "   ".join(f"{name} {duration_text(getattr(planned.timeouts, name))}" for name in others)
    return Group(*(Text(chain) for chain in planned.chains), Text(rest))


def _defaults(defaults: Iterable[Default], width: int) -> Group:
    """By table, as they would be written; what several tables share is said once."""
    lines = [
        (tables, f"{key} = {default.text}", default.because) for tables, key, default in _merged(defaults)
    ]
    indent = max((len(line) for _, line, _ in lines if len(line) <= LONGEST), default=0)
    parts: list[RenderableType] = []
    for tables, members in groupby(lines, lambda line: line[0]):
        parts.append(Text(f"[{', '.join(tables)}]", overflow="fold"))
        grid = _grid("left") if width < WIDE else _grid("left", "left")
        grid.columns[0].min_width = None if width < WIDE else indent
        for _, line, because in members:
            why = Text(because, style="dim")
            grid.add_row(Text(line), *([why] if width >= WIDE else []))
            if width < WIDE:
                grid.add_row(Padding(why, (0, 0, 0, 4)))
        parts.append(Padding(grid, (0, 0, 0, 2)))
    return Group(*parts)


def _merged(defaults: Iterable[Default]) -> list[tuple[tuple[str, ...], str, Default]]:
    """Tables, key and default, where equal defaults of several tables are one; in the order of the file."""
    found: dict[tuple[str, str, str, str], list[Default]] = {}
    for default in defaults:
        table, _, key = default.path.rpartition(".")
        found.setdefault((table.split(".")[0], key, default.text, default.because), []).append(default)
    merged = [
        (tuple(each.path.rpartition(".")[0] for each in same), key, same[0])
        for (_, key, _, _), same in found.items()
    ]
    return sorted(merged, key=lambda each: (_place(each[0][0]), len(each[0]) == 1, each[0]))


def _place(table: str) -> int:
    """Of a table in the order of the file; in a pyproject.toml each has ``tool.mainstay.`` before its name."""
    first = table.removeprefix("tool.mainstay.").split(".")[0]
    return ORDER.index(first) if first in ORDER else len(ORDER)


LONGEST = 34
"""Longer assignments do not move the column of reasons."""

ORDER = ("system", "edge", "service", "engine", "timeouts", "prove")


def _told(program: Program) -> dict[str, Any]:
    return {**asdict(program), "path": str(program.path), "features": sorted(program.features)}
