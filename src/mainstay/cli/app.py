"""
The ``mainstay`` program: global options, the verbs, and how every error leaves.

Exit codes: 0 it holds or is done, 1 it does not hold, 2 it could not be determined or
was asked wrongly.
"""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import mainstay
from mainstay.base.errors import InvalidInput, MainstayError, OperationFailed
from mainstay.cli import change, init, inspect, manage, plan, prove, schema, target, up
from mainstay.cli.output import error_console, speak_whatever_the_locale
from mainstay.cli.verb import Verb, plain


class Verbs(TyperGroup):
    """The verbs, whose errors hint at commands for the system that this one was about."""

    def get_params(self, ctx: Any) -> Any:
        return plain(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OperationFailed as error:
            error.hint = target.typed(error.hint, ctx.obj)
            raise
        except InvalidInput as error:
            problems = [replace(each, hint=target.typed(each.hint, ctx.obj)) for each in error.problems]
            raise InvalidInput(problems) from error


app = typer.Typer(
    name="mainstay",
    cls=Verbs,
    help="The production layer for Django: run, watch and prove a whole system from one file.",
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mainstay {mainstay.__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="PATH",
            help="The mainstay.toml, or its folder. Default: look upward from here.",
        ),
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options that stand before the verb."""
    ctx.obj = file
    if ctx.invoked_subcommand is None:
        # Help is no answer to a script that has lost its verb.
        typer.echo(ctx.get_help(), nl=False)
        raise typer.Exit(2)


for verb, panel in (
    (init.init, "Begin"),
    (plan.plan, "Begin"),
    (schema.schema, "Begin"),
    (up.up, "Run"),
    (up.down, "Run"),
    (inspect.wait, "Run"),
    (change.restart, "Change"),
    (change.scale, "Change"),
    (change.rollout, "Change"),
    (prove.prove, "Prove"),
    (inspect.status, "Look"),
    (inspect.logs, "Look"),
    (inspect.events, "Look"),
):
    app.command(rich_help_panel=panel, cls=Verb)(verb)
app.command(
    rich_help_panel="Change",
    cls=Verb,
    # What stands behind the service is for its manage.py, also --help.
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)(manage.manage)


def main() -> None:
    """Run the program; never returns."""
    speak_whatever_the_locale()
    try:
        app(prog_name="mainstay")
    except MainstayError as error:
        show(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; that is not an error.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        show(
            OperationFailed("machine.refused", f"{place}{error.strerror or error}"),
            as_json="--json" in sys.argv,
        )
        sys.exit(2)
    except Exception:
        # A defect of this program: 1, which Python would leave with, says that something does not hold.
        traceback.print_exc()
        sys.exit(2)


def show(error: MainstayError, *, as_json: bool) -> None:
    """Print an error once, for a person or for a program."""
    if not as_json:
        error_console().print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return
    if isinstance(error, InvalidInput):
        told: object = {"problems": [problem.as_json() for problem in error.problems]}
    else:
        told = {
            name: getattr(error, name) for name in ("id", "what", "hint", "details") if hasattr(error, name)
        }
    typer.echo(json.dumps({"error": told, "exit_code": error.exit_code}, default=str))
