"""``prove`` once its options are read: the proof itself with its signals, or the list of what it would try."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from mainstay.base.units import plural
from mainstay.cli.output import console, print_json
from mainstay.cli.proving import printable, showing, tell_folder
from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.evidence.document import document, strike_text, struck
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.evidence.phrases import load_text
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.faults.kind import FaultKind
from mainstay.ops.prove.plan import Options, estimate
from mainstay.ops.prove.progress import Progress, Silent
from mainstay.ops.prove.proof import Proof
from mainstay.ops.prove.run import prove
from mainstay.ops.prove.system import twin_folder
from mainstay.ops.prove.understanding import sound, understand
from mainstay.ops.supervise.control import not_running
from mainstay.ops.supervise.run import state_folder
from mainstay.ops.topology import Examined
from mainstay.ops.topology.values import Topology

__all__ = ["Options", "carry_out", "perform", "show"]

T = TypeVar("T")

LAST_WAIT = 2.0
"""Seconds that tasks which were cut have to end."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def perform(examined: Examined, options: Options, *, listed: bool, as_json: bool) -> None:
    """
    Show what would be tried, or try it.

    Raises:
        MainstayError: Something that a person wrote means nothing, or nothing could be tried.
    """
    if options.running and not listed:
        _must_run(examined.topology)
    topology = sound(examined, options)
    (show if listed else carry_out)(topology, options, as_json=as_json)


def _must_run(topology: Topology) -> None:
    """Before anything is said of claims and journeys: nobody writes these to learn that nothing runs."""
    if not state_folder(topology).running():
        error = not_running()
        error.exit_code = 2  # it could not be told
        raise error


def carry_out(topology: Topology, options: Options, *, as_json: bool) -> None:
    """
    Prove, show it meanwhile and at the end, and leave with the exit code that it has.

    Raises:
        MainstayError: Nothing could be tried.
    """
    proof, folder = _run(
        _interruptible(prove(topology, options, lambda _: _progress(as_json), argv=sys.argv[1:]))
    )
    if as_json:
        print_json({**document(proof), "folder": str(folder.path)})
    tell_folder(folder)
    if options.keep and (place := twin_folder(topology, folder)).exists():
        typer.echo(f"the twin is kept in {place}", err=True)
    if proof.exit_code:
        raise typer.Exit(proof.exit_code)


def show(topology: Topology, options: Options, *, as_json: bool) -> None:
    """
    What would be tried, and every fault there is to break it with.

    Raises:
        InvalidInput: A claim, a name or a journey means nothing, as a proof would say it.
    """
    claims = understand(topology, options).claims
    # What is only loaded is never broken.
    faults: Sequence[FaultKind] = () if options.against else catalogue.names()
    if as_json:
        print_json(
            {
                "claims": [_claim(each) for each in claims],
                "faults": [_fault(each) for each in faults],
            }
        )
        return
    out = console()
    out.print(_claim_table(claims))
    about = f"about {max(estimate(claims) / 60, 1):.0f} min"
    out.print(f"\n{plural(len(claims), 'claim')}, {about}", highlight=False)
    if named := [each.name for each in topology.prove.claims if each.size == "named" and not options.only]:
        out.print(f"only with --only: {', '.join(named)}", highlight=False)
    if faults:
        out.print()
        out.print(_fault_table(faults))


def _progress(as_json: bool) -> Progress:
    return Silent() if as_json else showing()


async def _interruptible(work: Coroutine[Any, Any, tuple[Proof, Folder]]) -> tuple[Proof, Folder]:
    """
    The first signal ends the proof in order, with what it has; the second no longer waits for the system's end.

    The handlers are Python's own, not the loop's: a journey that blocks the loop would hold up those,
    and is interrupted by the second signal itself.
    """
    task, loop = asyncio.create_task(work), asyncio.get_running_loop()
    received: list[str] = []
    heard: list[str] = []

    def cut() -> None:
        heard.append(received[0])
        if len(heard) <= 2:
            task.cancel(f"received {received[0]}")

    def on_signal(number: int, _: object) -> None:
        received.append(signal.Signals(number).name)
        if len(received) == 2 and not heard:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(cut)

    # Started under nohup, it is meant to outlive its terminal. A background job of a shell ignores SIGINT,
    # which is no such wish.
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    watched = [each for each in SIGNALS if not (outlives and each is signal.SIGHUP)]
    before = [signal.signal(each, on_signal) for each in watched]
    try:
        return await task
    finally:
        for number, handler in zip(watched, before, strict=True):
            signal.signal(number, handler)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """
    Run it in a loop of its own; interrupted, it is cut and waited for.

    As `asyncio.run`, which would wait for ever for the steps of a journey that swallow their cancellation.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(work)
    try:
        return loop.run_until_complete(task)
    finally:
        try:
            task.cancel()
            loop.run_until_complete(asyncio.wait({task}))
            loop.run_until_complete(_cut_all())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            # Of tasks that are left nothing is to be said once more.
            loop.set_exception_handler(lambda *_: None)
            asyncio.set_event_loop(None)
            loop.close()


async def _cut_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LAST_WAIT)


def _claim_table(claims: tuple[Claim, ...]) -> Table:
    table = _table("Claims", "name", "what happens", "what must hold")
    for claim in claims:
        what = "; ".join(_happens(claim))
        holds = "\n".join(map(printable, claim.holds))
        # As texts: what somebody called a table or a claim is no markup.
        table.add_row(Text(printable(claim.name)), Text(printable(what)), Text(holds))
    return table


def _happens(claim: Claim) -> Iterator[str]:
    """The faults, and the load where there are none or it changes."""
    if claim.strikes:
        yield ", ".join(struck(claim.strikes))
    if not claim.strikes or claim.load.peak != 1:
        more = ", then higher until it is too much" if claim.overload else ""
        yield f"load of {load_text(claim.load.rate, claim.load.shape, claim.load.peak)}{more}"


def _fault_table(faults: Iterable[FaultKind]) -> Table:
    table = _table("Faults", "name", "what it does", "targets", "settings")
    for kind in faults:
        settings = "\n".join(f"{each.name} = {each.default} {each.unit}".strip() for each in kind.settings)
        table.add_row(kind.name, kind.says, ", ".join(kind.targets) or "—", settings or "—")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "name": claim.name,
        "says": claim.says,
        "faults": [strike_text(strike) for strike in claim.strikes],
        "load": {"rate": claim.load.rate, "shape": claim.load.shape, "peak": claim.load.peak},
        "holds": list(claim.holds),
        "sizes": list(claim.tags),
        "source": claim.source,
    }


def _fault(kind: FaultKind) -> dict[str, Any]:
    settings = [
        {"name": each.name, "default": each.default, "expected": each.expected, "says": each.says}
        for each in kind.settings
    ]
    return {
        "name": kind.name,
        "says": kind.says,
        "targets": list(kind.targets),
        "needs": kind.needs,
        "lasts": kind.lasts,
        "settings": settings,
    }
