"""``restart``, ``scale``, ``rollout``: planned changes to a running system."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainstay.base import environment, wire
from mainstay.base.errors import InvalidInput, Problem
from mainstay.base.units import plural
from mainstay.cli import target
from mainstay.cli.output import console, error_console, print_json

PATIENCE = 3600.0
"""A rolling update takes as long as its slowest migration and drain; Ctrl-C stops waiting, not the update."""

LONGEST_NUMBER = 9
"""Digits that are read as a number at all; the supervisor says which numbers are possible."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def restart(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A process, such as catalog.web.1 or valkey.1.")],
    as_json: AsJson = False,
) -> None:
    """Replace one process: a service's by a new one beside it, an engine in place."""
    _show(as_json, _ask(ctx, f"restarting {name}", "restart", name=name), f"{name} was restarted")


def scale(
    ctx: typer.Context,
    change: Annotated[str, typer.Argument(metavar="NAME=N", help="catalog=3, or orders.worker=2.")],
    as_json: AsJson = False,
) -> None:
    """Run more or fewer processes of a kind, until the next `up`."""
    name, _, number = change.partition("=")
    if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER):
        raise InvalidInput(
            [
                Problem(
                    "scale.bad-argument",
                    "command line",
                    "NAME=N",
                    "a name and a number, such as catalog=3",
                    change,
                )
            ]
        )
    done = _ask(ctx, f"scaling {name}", "scale", name=name, replicas=int(number))
    _show(as_json, done, f"{done['name']}: {done['from']} → {done['to']}")


def rollout(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The service to replace by what lies in its folder now.")],
    as_json: AsJson = False,
) -> None:
    """
    Rolling update: one new process at a time; halts and goes back when one does not become ready.

    MAINSTAY_RELEASE in the environment names the new release, where it is not the commit that is checked out.
    """
    done = _ask(ctx, f"rolling out {name}", "rollout", name=name, release=environment.text(wire.RELEASE))
    what = f"{plural(done['replaced'], 'process', 'processes')} replaced in {done['seconds']} s"
    _show(as_json, done, f"{done['service']}: {what}")


def _ask(ctx: typer.Context, doing: str, verb: str, **arguments: Any) -> dict[str, Any]:
    with error_console().status(doing):
        return dict(target.ask(ctx, verb, timeout=PATIENCE, **arguments))


def _show(as_json: bool, result: dict[str, Any], sentence: str) -> None:
    if as_json:
        print_json(result)
    else:
        console().print(sentence)
