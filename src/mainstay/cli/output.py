"""How the command line prints: consoles that know whether a person is looking."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

import typer
from rich.console import Console

PLAIN_WIDTH = 200
"""Columns where no terminal says how many there are: nothing is cut for a file or a pipe."""


NARROWEST = 40


def speak_whatever_the_locale() -> None:
    """Let a character that the terminal's encoding lacks become a question mark instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def console() -> Console:
    """
    Standard output: colours only for a terminal, and elsewhere lines as long as they need to be.

    It stays what it is now, whatever takes its place later.
    """
    seen = Console(highlight=False)
    asked = seen.is_terminal or "COLUMNS" in os.environ
    width = max(seen.width, NARROWEST) if asked else PLAIN_WIDTH
    return Console(highlight=False, width=width, file=sys.stdout)


def error_console() -> Console:
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, default=str))


STYLES = {
    "ready": "green",
    "starting": "yellow",
    "not-ready": "bold yellow",
    "draining": "cyan",
    "stopped": "dim",
    "crash-loop": "bold red",
    "synchronous": "green",
    "degraded": "yellow",
    "blocked": "bold red",
    "nearly-full": "yellow",
    "full": "bold red",
}
"""Colour of each state; the word itself always stands beside it."""


def coloured(word: str) -> str:
    style = STYLES.get(word)
    return f"[{style}]{word}[/{style}]" if style else word


def megabytes(size: object) -> str:
    return f"{size / 1_048_576:.0f} MB" if isinstance(size, int) and size else ""


def amount(size: int) -> str:
    """Of a disk, in the units of `megabytes`: ``512 MB``, ``68.2 GB``."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"
