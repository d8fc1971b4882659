"""
What a person sees while ``prove`` runs: the claim, its phase, the load, the fault under way.

A claim that is done leaves one line. Without a terminal, or on a very small one, each
change of phase is a plain line instead, so that the log of a build server stays short.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mainstay.base.units import plural
from mainstay.cli.live import SMALLEST
from mainstay.cli.output import console
from mainstay.ops.prove.claim import Claim, Result
from mainstay.ops.prove.evidence.document import count, document, reason, strike_text
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.evidence.phrases import (
    MARKS,
    count_text,
    counted,
    loaded,
    not_judged,
    ordered,
    rate_text,
    seconds_text,
    seen,
    sentence,
)
from mainstay.ops.prove.evidence.printed import FILE as PRINTED
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.progress import Progress
from mainstay.ops.prove.proof import Proof
from mainstay.ops.prove.verdict import Verdict

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.UNKNOWN: "bold magenta",
    Verdict.NOT_RUN: "dim",
}
"""Colour of each verdict; the word itself always stands beside it."""

FILES = ("report.html", "summary.md", "junit.xml", "proof.json")
"""In the order in which a person wants them."""

REFRESHES = 4
"""Drawings a second: the clocks go on between two reports of the load."""

OVER = "over"
"""How a schedule tells that a fault was undone."""


def showing() -> Progress:
    """The live view on a terminal, plain lines elsewhere."""
    out = console()
    return LiveView(out) if out.is_terminal and (out.width, out.height) >= SMALLEST else PlainView()


def tell_folder(folder: Folder) -> None:
    """What happened to evidence besides being written: older proofs that went, files that are missing."""
    if folder.removed:
        names = ", ".join(path.name for path in folder.removed)
        typer.echo(f"removed {plural(len(folder.removed), 'older proof')}: {names}", err=True)
    for trouble in folder.troubles:
        typer.echo(f"evidence is not whole: {trouble}", err=True)


class PlainView:
    """One line for each claim, phase, fault and verdict, flushed at once."""

    def __init__(self) -> None:
        self._total = 0
        # Later on, standard output is where journeys print.
        self._out = sys.stdout

    def begin(self, total: int, seconds: float) -> None:
        self._total = total
        self._say(f"{plural(total, 'claim')}, about {seconds_text(seconds)}")

    def note(self, text: str) -> None:
        self._say(text)

    def claim(self, claim: Claim, number: int) -> None:
        self._say(f"claim {number} of {self._total}: {claim.name}: {claim.says}")

    def phase(self, name: str, seconds: float) -> None:
        self._say(f"  {name}, at most {seconds_text(seconds)}" if seconds else f"  {name}")

    def live(self, figures: Mapping[str, float]) -> None:
        pass

    def strike(self, strike: Strike, text: str) -> None:
        self._say(f"  {strike_text(strike)}: {text}")

    def done(self, result: Result) -> None:
        self._say(f"{MARKS[result.verdict]} {result.verdict}  {result.claim.name}  {account(result)}")
        for note in result.notes:
            self._say(f"  {note}")

    def _say(self, line: str) -> None:
        """A line; a reader that is gone ends no proof."""
        with contextlib.suppress(OSError, ValueError):
            typer.echo(printable(line), file=self._out)

    def end(self, proof: Proof, folder: Path) -> None:
        told = document(proof)
        self._say("")
        for claim in ordered(told):
            verdict = Verdict(claim["verdict"])
            self._say(f"{MARKS[verdict]} {verdict:<8} {claim['name']}  {claim['why'] or seen(claim)}")
        self._say(sentence(told))
        self._say(f"{loaded(told)}; {counted(told)}")
        for line in not_judged(told):
            self._say(f"not judged  {line}")
        for line in _where(told["replay"], folder):
            self._say(line)


class LiveView:
    """
    Finished claims scroll up as lines; below them a few lines are drawn over.

    rich draws in a thread of its own. What it reads is replaced whole by each call and never
    changed in place, so it needs no lock.
    """

    def __init__(self, out: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._total, self._number = 0, 0
        self._estimate = 0.0
        self._claim_began = clock()
        self._claim: Claim | None = None
        self._phase = ("", 0.0, clock())
        self._figures: Mapping[str, float] = {}
        self._strikes: Mapping[str, str] = {}
        self._live = Live(
            get_renderable=self.draw,
            console=out,
            refresh_per_second=REFRESHES,
            transient=True,
            # Else it would show above itself whatever journeys print.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def begin(self, total: int, seconds: float) -> None:
        self._total, self._estimate = total, seconds
        self._live.start()

    def note(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._out.print(Text(printable(text), style="dim"))

    def claim(self, claim: Claim, number: int) -> None:
        self._number, self._claim, self._claim_began = number, claim, self._clock()
        self._strikes, self._figures = {}, {}
        self._phase = ("", 0.0, self._clock())

    def phase(self, name: str, seconds: float) -> None:
        self._phase = (name, seconds, self._clock())

    def live(self, figures: Mapping[str, float]) -> None:
        self._figures = dict(figures)

    def strike(self, strike: Strike, text: str) -> None:
        name = strike_text(strike)
        others = {key: told for key, told in self._strikes.items() if key != name}
        self._strikes = others if text.startswith(OVER) else {**others, name: text}

    def done(self, result: Result) -> None:
        self._claim, self._strikes = None, {}
        with contextlib.suppress(OSError):
            line = _line(result.verdict, result.claim.name, account(result))
            # What is printed as text loses its own wish not to be wrapped.
            self._out.print(line, no_wrap=True, overflow="ellipsis")
            for note in result.notes:
                self._out.print(Text(f"  {printable(note)}", style="dim"), no_wrap=True, overflow="ellipsis")

    def end(self, proof: Proof, folder: Path) -> None:
        told = document(proof)
        with contextlib.suppress(OSError):
            self._live.stop()
            self._out.print()
            self._out.print(_table(told))
            self._out.print()
            self._out.print(Text(printable(sentence(told)), style=STYLES[proof.verdict]))
            self._out.print(Text(printable(f"{loaded(told)}; {counted(told)}"), style="dim"))
            for line in not_judged(told):
                self._out.print(Text(f"not judged  {printable(line)}", style="dim"), soft_wrap=True)
            for line in _where(told["replay"], folder):
                self._out.print(Text(printable(line)), soft_wrap=True)

    # --- drawing -----------------------------------------------------------------------------

    def draw(self) -> RenderableType:
        """The lines below the finished claims."""
        if self._claim is None:
            return Text("")
        now = self._clock()
        return Group(
            Text(""), self._heading(self._claim, now), self._bar(now), self._load(), *self._under_way()
        )

    def _heading(self, claim: Claim, now: float) -> RenderableType:
        left = self._estimate * (self._total - self._number + 1) / max(self._total, 1)
        left = max(left - (now - self._claim_began), 0.0)
        grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        name = Text.assemble(
            (f"claim {self._number} of {self._total}  ", "dim"),
            (printable(claim.name), "bold"),
            (f"  {printable(claim.says)}", "dim"),
        )
        told = f"about {seconds_text(round(left))} left" if left >= 1 else "longer than expected"
        grid.add_row(name, Text(told, style="dim"))
        return grid

    def _bar(self, now: float) -> RenderableType:
        name, seconds, began = self._phase
        gone = now - began
        grid = Table.grid(padding=(0, 2, 0, 0))
        told = f"{gone:.0f} s" + (f" of at most {seconds_text(seconds)}" if seconds else "")
        bar = ProgressBar(total=max(seconds, 0.001), completed=min(gone, seconds), width=24)
        grid.add_row(Text(f"{name:<10}", style="bold"), bar, Text(told, style="dim"))
        return grid

    def _load(self) -> Text:
        figures = self._figures
        line = Text(no_wrap=True, overflow="ellipsis")
        if "rate" in figures:
            line.append(f"{rate_text(figures['rate']):>8}   ")
        for kind, word, style in (
            ("ok", "ok", ""),
            ("fail", "failed", "bold red"),
            ("unknown", "unknown", "magenta"),
        ):
            if kind in figures:
                line.append(f"{count_text(figures[kind])} {word}   ", style=style if figures[kind] else "dim")
        if "p99" in figures:
            line.append(f"p99 {seconds_text(figures['p99'])}")
        return line

    def _under_way(self) -> Iterator[Text]:
        for name, told in self._strikes.items():
            line = Text.assemble(("  ! ", "bold yellow"), (printable(name), "yellow"), f"  {printable(told)}")
            line.no_wrap, line.overflow = True, "ellipsis"
            yield line


def account(result: Result) -> str:
    """A finished claim in a few words: why it does not hold, or its key figures."""
    return reason(result) or seen({"operations": count(result.history), "figures": result.figures})


def printable(text: str) -> str:
    """One line that does nothing to a terminal, whatever a system wrote into it."""
    return "".join(each if each.isprintable() else "\ufffd" for each in " ".join(text.split("\n")))


def _line(verdict: Verdict, name: str, told: str) -> Text:
    return Text.assemble(
        (f"{MARKS[verdict]} {verdict:<9}", STYLES[verdict]),
        (printable(name), "" if verdict is Verdict.PASS else "bold"),
        (f"  {printable(told)}", "dim"),
    )


def _table(told: Mapping[str, object]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("verdict", "claim", "what was seen"):
        table.add_column(name, header_style="dim", overflow="fold", no_wrap=name == "verdict")
    for claim in ordered(told):
        verdict = Verdict(claim["verdict"])
        table.add_row(
            Text(f"{MARKS[verdict]} {verdict}", style=STYLES[verdict]),
            Text(printable(claim["name"])),
            Text(printable(claim["why"] or seen(claim)), style="dim" if verdict is Verdict.PASS else ""),
        )
    return table


def _where(replay: str, folder: Path) -> Iterator[str]:
    """How to do it again, and where the evidence is; only files that are there are named."""
    yield f"again     {replay}"
    written = [folder / name for name in FILES if (folder / name).exists()]
    yield f"evidence  {folder}"
    yield from (f"          {path}" for path in written[:1])
    if (folder / PRINTED).exists():
        yield f"printed   {folder / PRINTED}"
