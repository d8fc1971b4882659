"""``prove``: load a system, break it on purpose, and show what held. Its options; `proof` does it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mainstay.base.errors import OperationFailed
from mainstay.cli import target

PANEL = {"what": "What to try", "where": "On what", "load": "Load", "out": "Evidence"}

EXCLUSIVE = (
    ("--quick", "--full"),
    ("--replay", "--quick"),
    ("--replay", "--full"),
    ("--replay", "--only"),
    ("--replay", "--seed"),
    ("--against", "--replay"),
    ("--against", "--running"),
    ("--against", "--edge"),
    ("--running", "--edge"),
    ("--against", "--keep"),
    ("--running", "--keep"),
    ("--list", "--keep"),
    ("--list", "--evidence"),
)
"""Pairs of which one would be ignored silently."""

NEEDS = {
    "--allow-remote": ("--against",),
    "--writes": ("--against", "--running"),
}
"""Options that would be ignored silently without one of these."""

HINTS = {
    "--seed": "a saved schedule has its seed: leave --seed out, or write another one into a copy of the file",
    "--allow-remote": "nothing leaves this machine without --against URL",
    "--writes": "in a twin every journey writes as it likes; --writes is for a system that is in use",
}
"""What to do instead, where the two names do not say it."""


def prove(
    ctx: typer.Context,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="The claims that matter most, in up to 3 minutes.", rich_help_panel=PANEL["what"]
        ),
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Every claim, in up to 45 minutes.", rich_help_panel=PANEL["what"])
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="NAME", help="This claim; repeat it, or use *.", rich_help_panel=PANEL["what"]
        ),
    ] = None,
    listed: Annotated[
        bool,
        typer.Option(
            "--list", help="Show the claims and the faults, and try nothing.", rich_help_panel=PANEL["what"]
        ),
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", metavar="FILE", help="Try a saved schedule again.", rich_help_panel=PANEL["what"]
        ),
    ] = None,
    repeat: Annotated[
        int,
        typer.Option(
            "--repeat",
            metavar="N",
            min=1,
            max=1000,
            help="Try each claim so often.",
            rich_help_panel=PANEL["what"],
        ),
    ] = 1,
    shrink: Annotated[
        bool,
        typer.Option(
            "--shrink/--no-shrink",
            help="On failure, look for the fewest faults that still fail.",
            rich_help_panel=PANEL["what"],
        ),
    ] = True,
    running: Annotated[
        bool,
        typer.Option(
            "--running",
            help="Break the system that runs here, with its data, not a twin.",
            rich_help_panel=PANEL["where"],
        ),
    ] = False,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="URL",
            help="Load and check this, without faults.",
            rich_help_panel=PANEL["where"],
        ),
    ] = "",
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote",
            help="Let --against be another machine, which must be yours.",
            rich_help_panel=PANEL["where"],
        ),
    ] = False,
    writes: Annotated[
        bool,
        typer.Option(
            "--writes",
            help="With --against or --running: let journeys write that say they do.",
            rich_help_panel=PANEL["where"],
        ),
    ] = False,
    edge: Annotated[
        str,
        typer.Option(
            "--edge", metavar="ENGINE", help="haproxy or nginx, for the twin.", rich_help_panel=PANEL["where"]
        ),
    ] = "",
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            metavar="N",
            min=0.1,
            max=100_000,
            help="Steps of journeys begun per second.",
            rich_help_panel=PANEL["load"],
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            metavar="SECONDS",
            min=1.0,
            max=86_400,
            help="Calm stretch before and after faults.",
            rich_help_panel=PANEL["load"],
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            max=2**63 - 1,
            help="The same seed gives the same schedule.",
            rich_help_panel=PANEL["load"],
        ),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            metavar="FOLDER",
            help="Where evidence is written; must not hold anything.",
            rich_help_panel=PANEL["out"],
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Keep the twin's folder, with logs and data.", rich_help_panel=PANEL["out"]
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole proof as JSON.", rich_help_panel=PANEL["out"])
    ] = False,
) -> None:
    """
    Load a system, break it on purpose, and show that what must never happen did not.

    A second system of the same file is started beside yours, with data of its own, and stopped
    afterwards. Exit code 0: every claim holds; 1: one does not; 2: it could not be told.
    """
    # The loop takes a tenth of a second to import, which every other verb would pay for.
    from mainstay.cli import proof

    _check_usage(
        {
            "--quick": quick,
            "--full": full,
            "--replay": replay,
            "--only": only,
            "--against": against,
            "--running": running,
            "--edge": edge,
            "--keep": keep,
            "--list": listed,
            "--evidence": evidence,
            "--seed": seed is not None,
            "--allow-remote": allow_remote,
            "--writes": writes,
        }
    )
    options = proof.Options(
        size="quick" if quick else "full" if full else "normal",
        only=tuple(only or ()),
        seed=random.SystemRandom().randrange(2**31) if seed is None else seed,
        rate=rate,
        seconds=seconds,
        repeat=repeat,
        edge=_edge(edge),
        running=running,
        against=against,
        allow_remote=allow_remote,
        writes=writes,
        replay=replay,
        shrink=shrink,
        keep=keep,
        evidence=evidence,
    )
    proof.perform(target.examined(ctx), options, listed=listed, as_json=as_json)


def _check_usage(given: Mapping[str, Any]) -> None:
    for one, other in EXCLUSIVE:
        if given[one] and given[other]:
            hint = HINTS.get(other, "")
            raise OperationFailed("prove.usage", f"{one} and {other} exclude each other", hint=hint)
    for option, others in NEEDS.items():
        if given[option] and not any(given[other] for other in others):
            told = f"{option} means nothing without {' or '.join(others)}"
            raise OperationFailed("prove.usage", told, hint=HINTS[option])


def _edge(name: str) -> str:
    if name not in ("", "haproxy", "nginx"):
        raise OperationFailed("prove.usage", f"--edge {name!r}", hint="haproxy or nginx")
    return name
