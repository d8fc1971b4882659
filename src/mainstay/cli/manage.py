"""``manage``: a service's ``manage.py`` with the environment of the running system."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mainstay.cli import target


def manage(
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="The service whose manage.py to run.")],
) -> None:
    """Run manage.py of a service, e.g. `mainstay manage orders shell`; the rest of the line goes to it."""
    told = target.ask(ctx, "environment", service=service)
    os.chdir(told["cwd"])
    env = {**os.environ, **told["env"]}
    command = [*told["command"], *ctx.args]
    os.execve(command[0], command, env)  # noqa: S606 - this program becomes manage.py, on purpose
