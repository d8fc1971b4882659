"""``status``, ``wait``, ``logs``, ``events``: looking at a system without touching it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mainstay.base.errors import OperationFailed, nearest
from mainstay.cli import target
from mainstay.cli.loglines import parsed, readable
from mainstay.cli.output import amount, coloured, console, error_console, megabytes, print_json
from mainstay.ops.supervise.control import call
from mainstay.ops.supervise.ending import why_down
from mainstay.ops.supervise.logs import Tail, follow, matches
from mainstay.ops.supervise.run import last_failure
from mainstay.ops.supervise.state import StateFolder

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NAME_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")


def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Every process with its state; exit code 0 when all is ready, 1 when not."""
    told = target.ask(ctx, "status", memory=True, dependencies=True)
    if as_json:
        print_json(told)
    else:
        console().print(headline(told))
        console().print(process_table(told["processes"], console().width))
        for line in short_of_room(told):
            console().print(line, soft_wrap=True)
        for line in lacking(told["processes"]):
            console().print(line)
        for row in told["processes"]:
            for line in row.get("log", ()):
                console().print(f"  {row['name']} │ {line}", markup=False, style="dim")
    if not told["ready"]:
        raise typer.Exit(1)


def headline(told: dict[str, Any]) -> str:
    size = sum(row.get("memory", 0) for row in told["processes"])
    parts = [f"[bold]{told['system']}[/bold]", told["phase"], told["url"]]
    if told["durability"] != "none":
        parts.append(f"durability {coloured(told['durability'])}")
    if (disk := told.get("disk", {"state": "ok"}))["state"] != "ok":
        parts.append(f"disk {coloured(disk['state'])}")
    if size:
        parts.append(megabytes(size))
    return "  ".join(part for part in parts if part)


def short_of_room(told: dict[str, Any]) -> list[str]:
    """A line about the disk under the data when it is full or soon will be; none while it has room."""
    disk = told.get("disk", {"state": "ok"})
    if disk["state"] == "ok":
        return []
    meaning = (
        "writes fail" if disk["state"] == "full" else "a database whose disk is full stops taking writes"
    )
    left = f"{amount(disk['free'])} of {amount(disk['size'])} free"
    return [f"disk {coloured(disk['state'])}: {left} under {escape(disk['path'])}; {meaning}"]


def lacking(rows: list[dict[str, Any]]) -> list[str]:
    """One line for each dependency that some process lacks: which, what it means, and who says so."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        for name, told in row.get("dependencies", {}).items():
            if told["ok"] is False:
                key = (f"{row['service']}'s {name}", told["role"], told["detail"])
                found.setdefault(key, []).append(row["name"] + _ago(told))
    return [
        f"[yellow]{escape(name)}[/yellow] is missing ({role}): {escape(detail)}; says {', '.join(who)}"
        for (name, role, detail), who in found.items()
    ]


STALE = 1.0
"""Seconds from which an answer of a dependency is told with its age, so that nobody takes it for how it is now."""


def _ago(told: dict[str, Any]) -> str:
    seconds = told.get("age_ms", 0) / 1000
    return f" ({seconds:.0f} s ago)" if seconds >= STALE else ""


OPTIONAL_COLUMNS = ("address", "pid", "restarts", "memory", "for")
"""In the order in which a narrow terminal keeps them."""


def process_table(rows: list[dict[str, Any]], width: int) -> Table:
    """One row a process; columns that do not fit are left out, never cut or wrapped."""
    cells = [_cells(row) for row in rows]
    columns = ["process", "state", *_that_fit(cells, width), "note"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        right = name in ("pid", "restarts", "memory", "for")
        wide = max((len(Text.from_markup(row[name])) for row in cells), default=0)
        table.add_column(
            "" if name == "note" else name,
            justify="right" if right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if name == "note" else max(wide, len(name)),
        )
    for row in cells:
        table.add_row(*(row[name] for name in columns))
    return table


def _cells(row: dict[str, Any]) -> dict[str, str]:
    note = row["detail"] if row["state"] != "ready" else ""
    return {
        "process": row["name"],
        "state": coloured(row["state"]) + (f" {row['role']}" if row["role"] else ""),
        "pid": str(row["pid"] or ""),
        "address": row["address"],
        "restarts": str(row["restarts"] or ""),
        "memory": megabytes(row.get("memory")),
        "for": lasting(row["since"]),
        "note": escape(note.splitlines()[0]) if note else "",
    }


def _that_fit(cells: list[dict[str, str]], width: int) -> list[str]:
    """The optional columns for which there is room beside the two that always stay."""

    def needed(name: str) -> int:
        return max((len(Text.from_markup(row[name])) for row in cells), default=0)

    room = width - sum(max(needed(name), len(name)) + 2 for name in ("process", "state"))
    kept = []
    for name in OPTIONAL_COLUMNS:
        room -= max(needed(name), len(name)) + 2
        if room < 0:
            break
        kept.append(name)
    return kept


def lasting(since: str) -> str:
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    if seconds < 120:
        return f"{max(seconds, 0)} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def wait(
    ctx: typer.Context,
    timeout: Annotated[
        float, typer.Option("--timeout", "-t", metavar="SECONDS", min=0, help="Seconds to wait at most.")
    ] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Wait until everything is ready; exit code 1 when the start failed or time is up."""
    folder = target.state(ctx)
    with error_console().status(f"waiting for {folder.system}") as line:
        told = until_ready(folder, time.monotonic() + timeout, line.update)
    if told.get("ready"):
        print_json(told) if as_json else console().print(headline(told))
        return
    raise OperationFailed(
        "wait.time-out",
        f"{folder.system} is not ready after {timeout:g} s: waiting for {waiting_for(told)}",
        hint="`mainstay status` and `mainstay logs` show more",
        exit_code=1,
    )


def until_ready(folder: StateFolder, deadline: float, say: Callable[[str], None]) -> dict[str, Any]:
    """
    The latest status: ready, or what it was when time was up.

    Raises:
        OperationFailed: The start failed, with its reason; or nothing runs.
    """
    told: dict[str, Any] = {}
    while time.monotonic() < deadline:
        try:
            told = call(folder.socket, "status")
        except OperationFailed as error:
            told = {}
            if not folder.running():
                error.details = why_down(folder)
                raise last_failure(folder) or error from error
        if told.get("ready"):
            return told
        say(f"waiting for {waiting_for(told)}")
        time.sleep(0.1)
    return told


def waiting_for(told: dict[str, Any]) -> str:
    late = [row["name"] for row in told.get("processes", ()) if row["state"] != "ready"]
    if late:
        return ", ".join(late)
    if told.get("disk", {}).get("state") == "full":
        return f"room on the disk under {told['disk']['path']}, which is full"
    if told.get("phase") == "running":
        return f"durability, which is {told['durability']}"
    return f"the system, which is {told.get('phase', 'starting')}"


def logs(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Processes or prefixes: catalog, orders.worker.1."),
    ] = None,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    last: Annotated[
        int, typer.Option("--last", "-n", metavar="N", min=0, help="Lines of each log to begin with.")
    ] = 20,
    short: Annotated[
        bool, typer.Option("--short", help="Short lines instead of JSON into a file or a pipe too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The last lines of each process, merged by time; with -f also what comes. Each has the name of its process."""
    if short and as_json:
        raise OperationFailed("logs.usage", "--short and --json exclude each other")
    folder = ever_run(target.state(ctx)).logs
    check_names(folder, names or [])
    out = console()
    width = max((len(path.name) - 4 for path in folder.glob("*.log")), default=0)
    for process, line in follow(folder, names or [], last=last, forever=follow_on):
        if as_json:
            typer.echo(json.dumps(parsed(process, line)))
            continue
        colour = NAME_COLOURS[sum(process.encode()) % len(NAME_COLOURS)]
        # A traceback is one entry of several lines; each is found by its name, as by grep.
        for part in (readable(line) if short or out.is_terminal else line).split("\n"):
            out.print(f"[{colour}]{process:<{width}}[/{colour}] │ ", end="")
            out.print(part, markup=False, soft_wrap=True)


def ever_run(state: StateFolder) -> StateFolder:
    """
    The same folder, if there is anything in it to look at.

    Raises:
        OperationFailed: The system has never run here, or its data was removed.
    """
    if not (state.logs.exists() or state.events.exists()):
        raise OperationFailed(
            "system.never-ran",
            f"{state.system} has not run here yet",
            hint="`mainstay up` starts it",
            exit_code=1,
        )
    return state


def check_names(folder: Path, names: list[str]) -> None:
    known = sorted(path.name.removesuffix(".log") for path in folder.glob("*.log"))
    for name in names:
        if not any(matches(process, [name]) for process in known):
            raise OperationFailed(
                "logs.unknown-name",
                f"there is no log of {name!r}",
                hint=nearest(name, known)
                or (f"known: {', '.join(known)}" if known else "nothing has run here yet"),
            )


def events(
    ctx: typer.Context,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
    last: Annotated[
        int, typer.Option("--last", "-n", metavar="N", min=0, help="How many to begin with.")
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """What the supervisor did, and why."""
    for line in event_lines(ever_run(target.state(ctx)).events, last, forever=follow_on):
        entry = whole_entry(line)
        if entry is None:
            continue
        if as_json:
            typer.echo(line)
        else:
            console().print(event_text(entry), markup=False, soft_wrap=True)


def whole_entry(line: str) -> dict[str, Any] | None:
    """The entry on a line; none for one that a full disk or a kill has cut short."""
    try:
        match json.loads(line):
            case {"time": str(time_), "event": str(), "subject": str(), "why": str(), **_rest} as entry:
                datetime.fromisoformat(time_)
                return dict(entry)
    except (ValueError, RecursionError):
        pass
    return None


def event_lines(path: Path, last: int, *, forever: bool) -> Iterator[str]:
    tail = Tail(path)
    tail.skip_to_last(last)
    while True:
        yield from tail.rest()
        if not forever:
            return
        time.sleep(0.2)


def event_text(entry: dict[str, Any]) -> str:
    """One event as a line: local time, what, to whom, why, and the facts that matter."""
    clock = datetime.fromisoformat(entry["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    facts = {k: v for k, v in entry.items() if k not in ("time", "event", "subject", "why", "log")}
    extra = "  ".join(f"{name}={value}" for name, value in facts.items())
    why = str(entry["why"]).splitlines()[0] if entry["why"] else ""
    return "  ".join(part for part in (clock, f"{entry['event']:<24}", entry["subject"], why, extra) if part)
