"""The verbs of the command line, from the application itself."""

from __future__ import annotations

from typing import Any

import typer

from mainstay.cli.app import app
from mainstay.cli.verb import is_argument, placeholder
from scripts.reference.text import code, table

HEAD = """\
# Commands

`mainstay --file PATH VERB` works on the system that the file declares; without `--file` on the one whose
`mainstay.toml`, or `pyproject.toml` with `[tool.mainstay]`, is nearest above the current folder.

Exit codes: 0 is success, 1 means that the answer is no (not running, not ready), 2 that the command could
not do its work. Everything that reports takes `--json`. `mainstay --install-completion` teaches the shell
to complete verbs and options.
"""


def page() -> str:
    group: Any = typer.main.get_command(app)
    shown = {name: verb for name, verb in group.commands.items() if not verb.hidden}
    return HEAD + "\n" + "\n".join(_section(name, verb) for name, verb in shown.items())


def _section(name: str, verb: Any) -> str:
    parts = [f"## `{name}`\n\n```text\n{_usage(name, verb)}\n```\n\n{(verb.help or '').strip()}\n"]
    rows = [(_spelling(each), _help(each)) for each in verb.params if _is_listed(each)]
    if rows:
        parts.append(table(("argument or option", "meaning"), rows) + "\n")
    return "\n".join(parts)


def _is_listed(parameter: Any) -> bool:
    return not getattr(parameter, "hidden", False) and parameter.name != "help"


def _usage(name: str, verb: Any) -> str:
    words = [placeholder(each) for each in verb.params if _is_listed(each) and is_argument(each)]
    options = ["[OPTIONS]"] if any(_is_listed(each) and not is_argument(each) for each in verb.params) else []
    return " ".join(["mainstay", name, *options, *words])


def _spelling(parameter: Any) -> str:
    if is_argument(parameter):
        return code(placeholder(parameter))
    takes = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return ", ".join(code(f"{name}{takes}") for name in (*parameter.opts, *parameter.secondary_opts))


def _help(parameter: Any) -> str:
    default = parameter.default
    shown = (
        f" Default: {code(default)}."
        if isinstance(default, int | float) and not isinstance(default, bool)
        else ""
    )
    return f"{(parameter.help or '').strip()}{shown}"
